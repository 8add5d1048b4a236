//! The one way to Graph.

use super::{
    failure::{self, Expected, Failure},
    query::Listing,
};
use crate::{
    error::Error,
    http::{AllowedUrl, Endpoint, Header, Method, Origin, Question, Response},
    secret::Secret,
};

/// The largest page of Graph, after decompression.
const PAGE_LIMIT: usize = 16 * 1024 * 1024;

/// A GET on Graph. There is no other kind of request: the type has no method, no body and no header that could make it one.
#[derive(Clone, Debug)]
pub(crate) struct ReadOnlyRequest {
    url: AllowedUrl,
    preferences: Vec<String>,
    expected: Expected,
}

impl ReadOnlyRequest {
    /// Names a resource of Graph v1.0 by its path segments; each is encoded whole and cannot leave its place.
    pub(crate) fn to(graph: &Origin, listing: &Listing) -> Self {
        let path: Vec<&str> = std::iter::once("v1.0").chain(listing.path.iter().map(String::as_str)).collect();
        Self::at(graph.join(&path)).query(&listing.parameters)
    }

    /// Graph itself: anything that answers there shows that it can be reached.
    pub(crate) fn root(graph: &Origin) -> AllowedUrl {
        graph.join(&["v1.0", "me"])
    }

    /// An address that was checked: of a collection, or of a link into it.
    pub(crate) fn at(url: AllowedUrl) -> Self {
        Self { url, preferences: Vec::new(), expected: Expected::Json }
    }

    /// With options of the query; each value is encoded whole.
    #[must_use]
    pub(crate) fn query(self, options: &[(&'static str, String)]) -> Self {
        Self { url: self.url.with_query(options), ..self }
    }

    /// With a preference (`Prefer`, RFC 7240). Graph forgets them from one page to the next (FACTS 8.10).
    #[must_use]
    pub(crate) fn prefer(mut self, preference: impl Into<String>) -> Self {
        self.preferences.push(preference.into());
        self
    }

    /// The answer is a picture.
    #[must_use]
    pub(crate) fn for_image(self) -> Self {
        Self { expected: Expected::Image, ..self }
    }

    /// Sends it once. Only a success of the expected kind is an answer.
    pub(crate) fn send(&self, endpoint: &Endpoint<'_>, token: &Secret) -> Result<Response, Failure> {
        let mut headers = vec![Header::new("authorization", format!("Bearer {}", token.expose()))];
        if !self.preferences.is_empty() {
            headers.push(Header::new("prefer", self.preferences.join(", ")));
        }
        let question = Question { event: "graph.get", method: Method::Get, url: &self.url, headers, limit: PAGE_LIMIT };
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
        let listing = Listing {
            path: path.iter().map(ToString::to_string).collect(),
            parameters: parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        };
        let graph = Origin::parse("https://graph.microsoft.com").unwrap();
        ReadOnlyRequest::to(&graph, &listing).url.as_str().to_owned()
    }

    #[test]
    fn g_11_there_is_no_way_to_write() {
        let url = address(&["me", "../sendMail", "a?b"], &[]);
        assert_eq!(url, "https://graph.microsoft.com/v1.0/me/..%2FsendMail/a%3Fb");
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
