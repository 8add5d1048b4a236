//! The answer that the browser brings back: parsed strictly, before anything in it is believed (RFC 6749 section 4.1.2, RFC 9207).

use super::aadsts::codes_in;
use crate::{
    error::{Detail, Result},
    secret::Secret,
};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

/// A redirect, taken apart. `state` and `issuer` are not checked yet.
#[derive(Debug)]
pub(crate) struct RedirectAnswer {
    pub(crate) state: Secret,
    /// `iss` of RFC 9207.
    pub(crate) issuer: Option<String>,
    pub(crate) outcome: RedirectOutcome,
}

/// What the redirect says, an error before anything else.
#[derive(Debug)]
pub(crate) enum RedirectOutcome {
    Error(RedirectError),
    Code(Secret),
    /// Answer to an administrator's approval; the tenant can be forged and proves nothing (FACTS 4.1).
    AdminConsent {
        tenant: Option<String>,
    },
}

/// An error redirect, reduced to what decides (FACTS 1.5).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RedirectError {
    pub(crate) error: String,
    pub(crate) cancelled: bool,
    pub(crate) codes: Vec<u32>,
}

/// Longest redirect that is looked at; Microsoft's codes stay far below.
const LIMIT: usize = 64 * 1024;
const ONCE: [&str; 10] =
    ["code", "state", "error", "error_subcode", "error_description", "iss", "admin_consent", "tenant", "scope", "session_state"];
/// Members of an implicit answer, which was never asked for.
const IMPLICIT: [&str; 3] = ["access_token", "id_token", "token_type"];

/// Takes the parameters out of a redirect URL that a host received, after comparing it with the redirect URI that was sent.
pub(crate) fn parameters_of(redirect_url: &str, redirect_uri: &str) -> Result<String> {
    let mismatch = || Detail::InvalidArgument.about("redirect_url");
    if redirect_url.len() > LIMIT {
        return Err(mismatch());
    }
    let (url, expected) = (Url::parse(redirect_url).map_err(|_| mismatch())?, Url::parse(redirect_uri).map_err(|_| mismatch())?);
    let place = |url: &Url| {
        let path = if url.path().is_empty() { "/" } else { url.path() };
        (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port(), path.to_owned())
    };
    if place(&url) != place(&expected) || !url.username().is_empty() || url.password().is_some() {
        return Err(mismatch());
    }
    // Browsers append `#` or `#_=_` at times; parameters there would be an answer that was not asked for.
    if url
        .fragment()
        .is_some_and(|fragment| fragment.contains("token=") || fragment.contains("code=") || fragment.contains("state="))
    {
        return Err(Detail::CallbackAmbiguous.into());
    }
    Ok(url.query().unwrap_or_default().to_owned())
}

/// Parses the parameters of a redirect (a query, or the body of a form).
pub(crate) fn parse(parameters: &str) -> Result<RedirectAnswer> {
    if parameters.len() > LIMIT {
        return Err(Detail::CallbackAmbiguous.into());
    }
    let found = collect(parameters)?;
    let take = |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let state = take("state").filter(|state| !state.is_empty()).ok_or(Detail::CallbackStateMissing)?;
    let outcome = match (take("error"), take("code"), take("admin_consent")) {
        (Some(error), None, _) => RedirectOutcome::Error(RedirectError {
            error: error.chars().filter(char::is_ascii_graphic).take(64).collect(),
            cancelled: take("error_subcode") == Some("cancel"),
            codes: take("error_description").map(codes_in).unwrap_or_default(),
        }),
        (None, Some(code), None) if !code.is_empty() => RedirectOutcome::Code(Secret::new(code)),
        (None, None, Some(value)) if value.eq_ignore_ascii_case("true") => {
            RedirectOutcome::AdminConsent { tenant: take("tenant").map(str::to_owned) }
        }
        _ => return Err(Detail::CallbackAmbiguous.into()),
    };
    Ok(RedirectAnswer { state: Secret::new(state), issuer: take("iss").map(str::to_owned), outcome })
}

/// The state alone, where there is exactly one: what a listener decides by before anything else is looked at.
pub(crate) fn state_of(parameters: &str) -> Option<Zeroizing<String>> {
    let mut states = form_urlencoded::parse(parameters.as_bytes()).filter(|(name, _)| name == "state");
    let state = states.next()?.1.into_owned();
    states.next().is_none().then(|| Zeroizing::new(state))
}

fn collect(parameters: &str) -> Result<Vec<(String, Zeroizing<String>)>> {
    let mut found: Vec<(String, Zeroizing<String>)> = Vec::new();
    for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
        if IMPLICIT.contains(&name.as_ref()) {
            return Err(Detail::CallbackAmbiguous.into());
        }
        if !ONCE.contains(&name.as_ref()) {
            continue;
        }
        if found.iter().any(|(known, _)| *known == name) {
            return Err(Detail::CallbackAmbiguous.into());
        }
        found.push((name.into_owned(), Zeroizing::new(value.into_owned())));
    }
    Ok(found)
}

impl RedirectError {
    /// The cause of an error redirect (case O-13).
    pub(crate) fn detail(&self) -> Detail {
        let has = |code: u32| self.codes.contains(&code);
        match self.error.as_str() {
            _ if has(65_001) => Detail::AdminConsentRequired,
            "access_denied" | "consent_required" if has(65_004) => Detail::ConsentDenied,
            "access_denied" if self.cancelled => Detail::LoginCancelled,
            "access_denied" | "permission_denied" => Detail::ConsentDenied,
            "consent_required" => Detail::AdminConsentRequired,
            "login_required" | "interaction_required" | "account_selection_required" => Detail::InteractionRequired,
            "temporarily_unavailable" | "server_error" => Detail::ServiceUnavailable,
            "unauthorized_client" => Detail::AppUnavailable,
            "invalid_request" | "unsupported_response_type" | "invalid_scope" | "invalid_resource" => Detail::ConfigError,
            _ => Detail::ProviderError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(parameters: &str) -> Detail {
        parse(parameters).unwrap_err().cause()
    }

    fn error_of(parameters: &str) -> Detail {
        match parse(parameters).unwrap().outcome {
            RedirectOutcome::Error(error) => error.detail(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_documented_redirects() {
        let answer = parse("code=1.AXkA&client_info=eyJ1&state=S&session_state=1b37b349").unwrap();
        assert!(answer.state.matches("S"));
        assert!(matches!(answer.outcome, RedirectOutcome::Code(code) if code.expose() == "1.AXkA"));
        let answer = parse("admin_consent=True&tenant=11111111-aaaa-4bbb-8ccc-222222222222&scope=a+b&state=S").unwrap();
        assert!(matches!(answer.outcome, RedirectOutcome::AdminConsent { tenant: Some(tenant) } if tenant.starts_with("1111")));
    }

    #[test]
    fn o_01_state_missing() {
        for parameters in ["", "code=x", "code=x&state=", "error=access_denied"] {
            assert_eq!(failure(parameters), Detail::CallbackStateMissing, "{parameters}");
        }
    }

    #[test]
    fn o_11_o_12_o_15_ambiguous_answers() {
        for parameters in [
            "code=x&error=y&state=S",
            "code=x&code=y&state=S",
            "code=x&state=S&state=T",
            "code=x&st%61te=S&state=S",
            "error=a&error=b&state=S",
            "error=a&error_description=x&error_description=y&state=S",
            "access_token=x&state=S",
            "code=x&id_token=y&state=S",
            "code=&state=S",
            "state=S",
            "admin_consent=False&state=S",
            "admin_consent=True&code=x&state=S",
            "admin_consent=True&admin_consent=True&state=S",
            "iss=a&iss=b&code=x&state=S",
        ] {
            assert_eq!(failure(parameters), Detail::CallbackAmbiguous, "{parameters}");
        }
        assert_eq!(failure(&format!("state=S&code={}", "x".repeat(LIMIT))), Detail::CallbackAmbiguous);
    }

    #[test]
    fn o_13_every_error_has_its_cause() {
        let description = |code: &str| format!("&error_description={code}%3A+text.%0d%0aTrace+ID%3a+x");
        for (parameters, detail) in [
            ("error=access_denied&error_subcode=cancel&state=S".to_owned(), Detail::LoginCancelled),
            (format!("error=access_denied&error_subcode=cancel&state=S{}", description("AADSTS65004")), Detail::ConsentDenied),
            ("error=access_denied&state=S".to_owned(), Detail::ConsentDenied),
            (format!("error=interaction_required&state=S{}", description("AADSTS65001")), Detail::AdminConsentRequired),
            ("error=consent_required&state=S".to_owned(), Detail::AdminConsentRequired),
            (format!("error=login_required&state=S{}", description("AADSTS50058")), Detail::InteractionRequired),
            ("error=interaction_required&state=S".to_owned(), Detail::InteractionRequired),
            ("error=temporarily_unavailable&state=S".to_owned(), Detail::ServiceUnavailable),
            ("error=unauthorized_client&state=S".to_owned(), Detail::AppUnavailable),
            (format!("error=invalid_request&state=S{}", description("AADSTS900144")), Detail::ConfigError),
            ("error=something_new&state=S".to_owned(), Detail::ProviderError),
            ("error=permission_denied&error_description=The+admin+canceled+the+request&state=S".to_owned(), Detail::ConsentDenied),
        ] {
            assert_eq!(error_of(&parameters), detail, "{parameters}");
        }
    }

    #[test]
    fn an_error_wins_over_admin_consent() {
        let parameters = "admin_consent=True&error=consent_required&error_description=AADSTS65004%3a+denied&state=S";
        assert_eq!(error_of(parameters), Detail::ConsentDenied);
    }

    #[test]
    fn o_16_addresses_in_an_answer_mean_nothing() {
        let answer = parse("code=x&state=S&next=https://evil.example&return_to=//evil.example&redirect_uri=x").unwrap();
        assert!(matches!(answer.outcome, RedirectOutcome::Code(_)));
    }

    #[test]
    fn redirect_urls_of_hosts_are_compared() {
        let uri = "https://app.example/callback";
        assert_eq!(parameters_of("https://app.example/callback?code=x&state=S", uri).unwrap(), "code=x&state=S");
        assert_eq!(parameters_of("http://localhost:7/?code=x", "http://localhost:7").unwrap(), "code=x");
        assert_eq!(parameters_of("msal5://auth?code=x", "msal5://auth").unwrap(), "code=x");
        for url in [
            "https://evil.example/callback?code=x",
            "https://app.example/other?code=x",
            "http://app.example/callback?code=x",
            "nonsense",
            "https://u@app.example/callback",
        ] {
            assert_eq!(parameters_of(url, uri).unwrap_err().cause(), Detail::InvalidArgument, "{url}");
        }
        for fragment in ["#access_token=x", "#code=x&state=S"] {
            assert_eq!(parameters_of(&format!("{uri}{fragment}"), uri).unwrap_err().cause(), Detail::CallbackAmbiguous);
        }
    }
}
