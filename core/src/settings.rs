//! [`Settings`]: the configuration, parsed. Everything behind the facade takes this and never checks again.

use crate::{
    config::{AppIdentity, Cloud, Config, NetworkConfig},
    consent::{self, Scope},
    error::{Detail, Error, Result},
    guid::is_guid,
    http::Origin,
};
use std::path::PathBuf;
use url::Url;

/// The checked configuration.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) client_id: String,
    pub(crate) store_path: PathBuf,
    pub(crate) tenant: String,
    pub(crate) allowed_tenants: Vec<String>,
    pub(crate) redirect: RedirectUri,
    pub(crate) admin_redirect: RedirectUri,
    pub(crate) loopback_ports: Vec<u16>,
    pub(crate) scopes: Vec<Scope>,
    /// The `scope` parameter of every authorization request.
    pub(crate) requested_scopes: Vec<String>,
    /// What the names of scopes are qualified with, outside the global cloud.
    scope_resource: Option<String>,
    pub(crate) allow_excess_scopes: bool,
    pub(crate) allow_device_code: bool,
    pub(crate) app: AppIdentity,
    pub(crate) cloud: Cloud,
    pub(crate) authority: Origin,
    pub(crate) graph: Origin,
    pub(crate) network: NetworkConfig,
}

/// Where the browser is sent back to.
#[derive(Clone, Debug)]
pub(crate) enum RedirectUri {
    /// `http://localhost[:port][/path]` or `http://127.0.0.1…`: the port of the listener is put in at run time (FACTS 1.3).
    Loopback(Url),
    /// Anything else that the host receives itself, sent as it was written.
    Host(String),
}

impl Settings {
    /// The `scope` parameter for some of the permissions.
    pub(crate) fn scope_names(&self, scopes: &[Scope]) -> Vec<String> {
        consent::request_scopes(scopes, self.scope_resource.as_deref())
    }

    pub(crate) fn parse(config: Config) -> Result<Self> {
        let scopes = consent::parse_configured(&config.scopes)?;
        let (authority, graph) = endpoints(&config)?;
        // National clouds need the resource before each permission (FACTS 5.5).
        let resource = (config.cloud != Cloud::Global).then(|| graph.ascii());
        let requested_scopes = consent::request_scopes(&scopes, resource.as_deref());
        let redirect = RedirectUri::parse(&config.redirect_uri)?;
        let admin_redirect = config.admin_redirect_uri.as_deref().map_or_else(|| Ok(redirect.clone()), RedirectUri::parse)?;
        let allowed_tenants = config.allowed_tenants.iter().map(|tenant| guid(tenant, "allowed_tenants")).collect::<Result<_>>()?;
        let loopback_ports = config.loopback_ports.iter().map(|port| loopback_port(*port)).collect::<Result<_>>()?;
        check_app(&config.app)?;
        if config.store_path.is_empty() || config.store_path.contains('\0') {
            return Err(invalid("store_path"));
        }
        Ok(Self {
            client_id: guid(&config.client_id, "client_id")?,
            store_path: config.store_path.into(),
            tenant: parse_tenant(&config.tenant)?,
            allowed_tenants,
            redirect,
            admin_redirect,
            loopback_ports,
            scopes,
            requested_scopes,
            scope_resource: resource,
            allow_excess_scopes: config.allow_excess_scopes,
            allow_device_code: config.allow_device_code,
            app: config.app,
            cloud: config.cloud,
            authority,
            graph,
            network: config.network,
        })
    }
}

impl RedirectUri {
    /// The URI as the service sees it: without a path no slash is added (FACTS 1.3).
    pub(crate) fn as_sent(&self) -> String {
        match self {
            Self::Loopback(url) if url.path() == "/" => url.as_str().trim_end_matches('/').to_owned(),
            Self::Loopback(url) => url.as_str().to_owned(),
            Self::Host(uri) => uri.clone(),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let visible =
            text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"!$'(),;\"<>\\^`{|}#".contains(&byte));
        let url = Url::parse(text).ok().filter(|_| visible).ok_or_else(|| invalid("redirect_uri"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("redirect_uri"));
        }
        match url.scheme() {
            "http" if matches!(url.host_str(), Some("localhost" | "127.0.0.1")) && url.query().is_none() => Ok(Self::Loopback(url)),
            "http" | "javascript" | "data" | "file" | "blob" | "about" | "ftp" | "vbscript" => Err(invalid("redirect_uri")),
            _ => Ok(Self::Host(text.to_owned())),
        }
    }
}

/// A tenant as it stands in an address: `organizations`, a GUID or a domain. `common` and `consumers` would let personal accounts
/// in, for which none of this is made.
pub(crate) fn parse_tenant(tenant: &str) -> Result<String> {
    let plain = tenant.len() <= 255 && tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    let domain = tenant.contains('.') && tenant.split('.').all(|label| !label.is_empty() && !label.starts_with('-'));
    if plain && (tenant == "organizations" || is_guid(tenant) || domain) {
        Ok(tenant.to_ascii_lowercase())
    } else {
        Err(invalid("tenant"))
    }
}

fn guid(text: &str, what: &'static str) -> Result<String> {
    if is_guid(text) { Ok(text.to_ascii_lowercase()) } else { Err(invalid(what)) }
}

fn loopback_port(port: u32) -> Result<u16> {
    u16::try_from(port).ok().filter(|port| *port > 0).ok_or_else(|| invalid("loopback_ports"))
}

fn endpoints(config: &Config) -> Result<(Origin, Origin)> {
    let (authority, graph) = match config.cloud {
        Cloud::Global => ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
        Cloud::UsGovernmentL4 => ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
        Cloud::UsGovernmentDod => ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
        Cloud::China => ("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
    };
    // One without the other would send the sandbox's tokens to the real Graph, or the other way round.
    match (&config.authority, &config.graph_base) {
        (Some(_), None) => return Err(invalid("graph_base")),
        (None, Some(_)) => return Err(invalid("authority")),
        (Some(authority), _) if ends_with(authority, &["organizations", "common", "consumers", "v2.0"]) => {
            return Err(invalid("authority"));
        }
        (_, Some(graph)) if ends_with(graph, &["v1.0", "beta", "me"]) => return Err(invalid("graph_base")),
        _ => {}
    }
    let authority =
        Origin::parse(config.authority.as_deref().unwrap_or(authority)).map_err(|error| error.with_what("authority"))?;
    let graph = Origin::parse(config.graph_base.as_deref().unwrap_or(graph)).map_err(|error| error.with_what("graph_base"))?;
    Ok((authority, graph))
}

/// Whether the last segment is one of those that the library appends itself.
fn ends_with(address: &str, segments: &[&str]) -> bool {
    let last = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    segments.contains(&last) || is_guid(last)
}

fn check_app(app: &AppIdentity) -> Result<()> {
    let name = app.name.chars().count();
    if name == 0 || name > 80 || app.name.chars().any(char::is_control) {
        return Err(invalid("app.name"));
    }
    let color = app.accent_color.strip_prefix('#').unwrap_or_default();
    if color.len() != 6 || !color.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid("app.accent_color"));
    }
    if app.logo_png.as_ref().is_some_and(|logo| logo.len() > 64 * 1024 || !logo.starts_with(b"\x89PNG\r\n\x1a\n")) {
        return Err(invalid("app.logo_png"));
    }
    match app.return_url.as_deref().map(Url::parse) {
        None => Ok(()),
        Some(Ok(url)) if !matches!(url.scheme(), "http" | "javascript" | "data" | "file" | "blob" | "about" | "vbscript") => Ok(()),
        Some(_) => Err(invalid("app.return_url")),
    }
}

fn invalid(what: &'static str) -> Error {
    Detail::InvalidArgument.about(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("55555555-0000-4aaa-9bbb-666666666666", "/tmp/x.db")
    }

    fn refusal(change: impl FnOnce(&mut Config)) -> (Detail, String) {
        let mut config = config();
        change(&mut config);
        let error = Settings::parse(config).unwrap_err();
        (error.cause(), error.what().unwrap_or_default().to_owned())
    }

    #[test]
    fn the_defaults_are_accepted() {
        let settings = Settings::parse(config()).unwrap();
        assert_eq!(
            settings.requested_scopes.join(" "),
            "openid profile email offline_access User.Read Mail.ReadBasic Calendars.Read"
        );
        assert!(matches!(settings.redirect, RedirectUri::Loopback(_)));
    }

    #[test]
    fn o_21_hostile_configuration() {
        for text in [
            "http://evil.example/",
            "javascript:alert(1)",
            "https://user@host/",
            "http://localhost/?x=1",
            "http://localhost/#x",
            "a\0b://x",
            "x y://z",
            "",
        ] {
            assert_eq!(
                refusal(|config| config.redirect_uri = text.into()),
                (Detail::InvalidArgument, "redirect_uri".into()),
                "{text}"
            );
        }
        assert_eq!(refusal(|config| config.redirect_uri = format!("https://{}", "a".repeat(1_000_000))).1, "redirect_uri");
        for text in [
            "",
            "common",
            "consumers",
            "a/b",
            "contoso",
            "..",
            "contoso.example/",
            "a..b",
            "x".repeat(300).as_str(),
            "e\u{301}.example",
        ] {
            assert_eq!(refusal(|config| config.tenant = text.into()).1, "tenant", "{text}");
        }
        assert_eq!(refusal(|config| config.client_id = "nope".into()).1, "client_id");
        assert_eq!(refusal(|config| config.app.return_url = Some("javascript:alert(1)".into())).1, "app.return_url");
        assert_eq!(refusal(|config| config.app.accent_color = "red;}".into()).1, "app.accent_color");
        assert_eq!(
            refusal(|config| (config.authority, config.graph_base) =
                (Some("http://login.example".into()), Some("https://graph.example".into()))),
            (Detail::InsecureUrl, "authority".into())
        );
        assert_eq!(refusal(|config| config.loopback_ports = vec![70_000]).1, "loopback_ports");
    }

    /// FACTS 5.5: hosts of each cloud, and scopes that name the resource outside the global one.
    #[test]
    fn every_cloud_has_its_hosts_and_scopes() {
        for (cloud, authority, graph, prefix) in [
            (Cloud::Global, "https://login.microsoftonline.com", "https://graph.microsoft.com", ""),
            (
                Cloud::UsGovernmentL4,
                "https://login.microsoftonline.us",
                "https://graph.microsoft.us",
                "https://graph.microsoft.us/",
            ),
            (
                Cloud::UsGovernmentDod,
                "https://login.microsoftonline.us",
                "https://dod-graph.microsoft.us",
                "https://dod-graph.microsoft.us/",
            ),
            (
                Cloud::China,
                "https://login.partner.microsoftonline.cn",
                "https://microsoftgraph.chinacloudapi.cn",
                "https://microsoftgraph.chinacloudapi.cn/",
            ),
        ] {
            let settings = Settings::parse(Config { cloud, ..config() }).unwrap();
            assert_eq!((settings.authority.ascii(), settings.graph.ascii()), (authority.to_owned(), graph.to_owned()));
            let graph_scopes = ["User.Read", "Mail.ReadBasic", "Calendars.Read"].map(|name| format!("{prefix}{name}"));
            let expected = format!("openid profile email offline_access {}", graph_scopes.join(" "));
            assert_eq!(settings.requested_scopes.join(" "), expected);
        }
    }

    #[test]
    fn tenants_are_a_guid_a_domain_or_all() {
        for tenant in ["organizations", "Contoso.Example", "11111111-AAAA-4BBB-8ccc-222222222222"] {
            let settings = Settings::parse(Config { tenant: tenant.into(), ..config() }).unwrap();
            assert_eq!(settings.tenant, tenant.to_ascii_lowercase());
        }
        let allowed = vec!["11111111-AAAA-4BBB-8ccc-222222222222".to_owned()];
        let settings = Settings::parse(Config { allowed_tenants: allowed.clone(), ..config() }).unwrap();
        assert_eq!(settings.allowed_tenants, [allowed[0].to_ascii_lowercase()]);
        assert_eq!(refusal(|config| config.allowed_tenants = vec!["contoso.example".into()]).1, "allowed_tenants");
    }

    #[test]
    fn hosts_may_use_their_own_scheme_or_https() {
        for text in ["msauth.ai.intail.app://auth", "https://app.example/callback", "msal55555555://auth"] {
            let mut config = config();
            config.redirect_uri = text.into();
            assert!(matches!(Settings::parse(config).unwrap().redirect, RedirectUri::Host(uri) if uri == text));
        }
    }
}
