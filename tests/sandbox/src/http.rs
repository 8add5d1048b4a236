//! Requests and answers as plain values, so that the endpoints are ordinary functions.

use http::{HeaderMap, Method};

/// Name and value pairs of a query or form, in order, with duplicates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn parse(encoded: &[u8]) -> Fields {
        Fields(url::form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The first value of that name that is not empty.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.iter().find(|(found, value)| *found == name && !value.is_empty()).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// One request, its body read.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// `http://localhost:1234`: the origin by which the sandbox was asked.
    pub(crate) origin: String,
    pub(crate) path: String,
    pub(crate) query: Fields,
    pub(crate) form: Fields,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A parameter of the query or, for a posted form, of its body.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.form.value(name).or_else(|| self.query.value(name))
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.header("cookie")?
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// Path segments; an empty path has none.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, headers: vec![("content-type".into(), content_type.into())], body: body.into() }
            .with("cache-control", "no-store")
            .with("pragma", "no-cache")
            .with("strict-transport-security", "max-age=31536000; includeSubDomains")
            .with("x-content-type-options", "nosniff")
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Reply {
        Reply::new(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(crate) fn html(status: u16, body: String) -> Reply {
        Reply::new(status, "text/html; charset=utf-8", body)
            .with("referrer-policy", "strict-origin-when-cross-origin")
            .with("x-frame-options", "DENY")
    }

    pub(crate) fn text(status: u16, body: &str) -> Reply {
        Reply::new(status, "text/plain; charset=utf-8", body)
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Reply {
        Reply::new(status, "text/html; charset=utf-8", "").with("location", location)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets a header, replacing what the answer had.
    pub(crate) fn replacing(mut self, name: &str, value: &str) -> Reply {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self.with(name, value)
    }
}
