//! The one way to Graph.

use super::{
    failure::{self, Expected, Failure},
    query::{DELTA_PAGE, Listing},
};
use crate::{
    error::Error,
    http::{AllowedUrl, Endpoint, Header, Method, Origin, Question, Response},
    secret::Secret,
};

/// The largest page of Graph, after decompression.
const PAGE_LIMIT: usize = 16 * 1024 * 1024;
/// Pages are made no smaller than this.
const SMALLEST_PAGE: u32 = 10;
/// Ids that stay the same when an item moves within the mailbox; to be asked for with each request (FACTS 8.11).
const IMMUTABLE_IDS: &str = "IdType=\"ImmutableId\"";

/// A GET on Graph. There is no other kind of request: the type has no method, no body and no header that could make it one.
#[derive(Clone, Debug)]
pub(crate) struct ReadOnlyRequest {
    url: AllowedUrl,
    parameters: Vec<(&'static str, String)>,
    preferences: Vec<String>,
    expected: Expected,
}

impl ReadOnlyRequest {
    /// Names a resource of Graph v1.0 by its path segments; each is encoded whole and cannot leave its place.
    pub(crate) fn to(graph: &Origin, listing: &Listing) -> Self {
        let path: Vec<&str> = std::iter::once("v1.0").chain(listing.path.iter().map(String::as_str)).collect();
        Self { parameters: listing.parameters.clone(), ..Self::at(graph.join(&path)) }.prefer(&listing.preferences)
    }

    /// Graph itself: anything that answers there shows that it can be reached.
    pub(crate) fn root(graph: &Origin) -> AllowedUrl {
        graph.join(&["v1.0", "me"])
    }

    /// The address of a link that was checked, as the service wrote it.
    pub(crate) fn at(url: AllowedUrl) -> Self {
        Self { url, parameters: Vec::new(), preferences: vec![IMMUTABLE_IDS.to_owned()], expected: Expected::Json }
    }

    /// With preferences (`Prefer`, RFC 7240). Graph forgets them from one page to the next (FACTS 8.10).
    #[must_use]
    pub(crate) fn prefer(mut self, preferences: &[String]) -> Self {
        self.preferences.extend_from_slice(preferences);
        self
    }

    /// The same for half as many items, where it is for us to say how many; a link of the service stays as it is.
    #[must_use]
    pub(crate) fn with_smaller_page(mut self) -> Self {
        let half =
            |items: &str| items.parse::<u32>().ok().map(|items| items.div_euclid(2).max(SMALLEST_PAGE.min(items)).to_string());
        for (_, value) in self.parameters.iter_mut().filter(|(name, _)| *name == "$top") {
            if let Some(half) = half(value) {
                *value = half;
            }
        }
        for preference in &mut self.preferences {
            if let Some(half) = preference.strip_prefix(DELTA_PAGE).and_then(half) {
                *preference = format!("{DELTA_PAGE}{half}");
            }
        }
        self
    }

    /// The answer is a picture.
    #[must_use]
    pub(crate) fn for_image(self) -> Self {
        Self { expected: Expected::Image, ..self }
    }

    /// The whole address; each value of ours is encoded whole.
    fn url(&self) -> AllowedUrl {
        if self.parameters.is_empty() { self.url.clone() } else { self.url.clone().with_query(&self.parameters) }
    }

    /// Sends it once. Only a success of the expected kind is an answer.
    pub(crate) fn send(&self, endpoint: &Endpoint<'_>, token: &Secret) -> Result<Response, Failure> {
        let mut headers = vec![Header::new("authorization", format!("Bearer {}", token.expose()))];
        headers.push(Header::new("prefer", self.preferences.join(", ")));
        let url = self.url();
        let question = Question { event: "graph.get", method: Method::Get, url: &url, headers, limit: PAGE_LIMIT };
        let mut refused = None;
        let answer = endpoint.exchange(question, |response| {
            failure::judge(response, self.expected).map_err(|failure| {
                refused = Some(failure.remedy);
                failure.error
            })
        });
        answer.map(|(response, _)| response).map_err(|error: Error| match refused {
            Some(remedy) => Failure { error, remedy },
            None => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(path: &[&str], parameters: &[(&'static str, &str)]) -> String {
        request(path, parameters).url().as_str().to_owned()
    }

    fn request(path: &[&str], parameters: &[(&'static str, &str)]) -> ReadOnlyRequest {
        let listing = Listing::new(
            path.iter().map(ToString::to_string).collect(),
            parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        );
        ReadOnlyRequest::to(&Origin::parse("https://graph.microsoft.com").unwrap(), &listing)
    }

    #[test]
    fn g_11_there_is_no_way_to_write() {
        let url = address(&["me", "../sendMail", "a?b"], &[]);
        assert_eq!(url, "https://graph.microsoft.com/v1.0/me/..%2FsendMail/a%3Fb");
    }

    #[test]
    fn pages_become_smaller_where_we_say_how_large_they_are() {
        let mut list = request(&["me", "messages"], &[("$select", "id"), ("$top", "1000")]);
        let mut delta = request(&["me"], &[]).prefer(&["odata.maxpagesize=50".to_owned()]);
        for (top, size) in [("500", "25"), ("250", "12"), ("125", "10"), ("62", "10")] {
            (list, delta) = (list.with_smaller_page(), delta.with_smaller_page());
            assert!(list.url().as_str().ends_with(&format!("?$select=id&$top={top}")), "{:?}", list.url());
            assert_eq!(delta.preferences, [IMMUTABLE_IDS.to_owned(), format!("odata.maxpagesize={size}")]);
        }
        assert!(request(&["me"], &[("$top", "3")]).with_smaller_page().url().as_str().ends_with("$top=3"));
        let link = Origin::parse("https://graph.microsoft.com")
            .unwrap()
            .allow("https://graph.microsoft.com/v1.0/me?$top=90&x=%24")
            .unwrap();
        assert_eq!(ReadOnlyRequest::at(link.clone()).with_smaller_page().url(), link);
    }

    #[test]
    fn g_10_options_cannot_leave_their_place() {
        let filter = "startswith(subject,'a&$select=body#+\"ä')";
        assert_eq!(
            address(&["me", "messages"], &[("$filter", filter), ("$select", "id,from")]),
            "https://graph.microsoft.com/v1.0/me/messages?$filter=startswith%28subject,%27a%26%24select%3Dbody%23%2B%22%C3%A4%27%29&$select=id,from"
        );
    }
}
