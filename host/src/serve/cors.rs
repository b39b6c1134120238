//! Which pages' scripts may read answers: cross-origin resource sharing, off unless the operator names origins.
//!
//! Called by `serve::handler`: a preflight is answered here and reaches no route; every other answer is marked for its origin.
//! Credentials that a browser adds by itself are never allowed: a key is sent by a script that has it.

use std::str::FromStr;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, Uri};
use mlhost_wire::dialect::Answer;

use crate::serve::response::{Body, respond};

/// How long a browser may remember the answer to a preflight, in seconds: what the strictest of them takes.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");

/// Names in `Access-Control-Request-Headers` that are echoed.
const LONGEST_HEADER_LIST: usize = 4096;

/// Where a page comes from, or `*` for anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// The origins whose pages may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    origins: Vec<Origin>,
}

// === impl Origin ===

impl Origin {
    fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl FromStr for Origin {
    type Err = String;

    /// As browsers write it (RFC 6454, section 7): scheme, host, and the port where it is not the scheme's own.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "write `*` or scheme, host and port as browsers do, such as `https://app.example.org`";
        if text != "*" {
            let uri: Uri = text.parse().map_err(|_| rule)?;
            let plain = match (uri.scheme_str(), uri.authority()) {
                (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
                _ => return Err(rule.to_owned()),
            };
            // No path, no user, nothing in capitals: a browser would never send that.
            if text != plain
                || text.contains(['@', '*'])
                || text.chars().any(|letter| letter.is_ascii_uppercase())
            {
                return Err(rule.to_owned());
            }
        }
        HeaderValue::try_from(text).map(Self).map_err(|_| rule.to_owned())
    }
}

// === impl Cors ===

impl Cors {
    /// For these origins; `None` where there is none, and nothing is to be done.
    #[must_use]
    pub fn new(origins: Vec<Origin>) -> Option<Self> {
        (!origins.is_empty()).then_some(Self { origins })
    }

    /// The answer to a preflight (Fetch, section 4.8) of an origin that is known.
    pub(crate) fn preflight(&self, head: &Parts) -> Option<Response<Body>> {
        let asks = head.method == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.allowed(&head.headers).is_none() {
            return None;
        }
        let mut response = respond(Answer::empty(204));
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        // Any header: none of them says who the user is, as no credentials are allowed.
        if let Some(asked) = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS)
            && asked.len() <= LONGEST_HEADER_LIST
        {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        Some(response)
    }

    /// Says in an answer's headers who may read it.
    pub(crate) fn mark(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if let Some(origin) = self.allowed(request) {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        }
        if !self.origins.iter().any(Origin::is_any) {
            answer.append(VARY, HeaderValue::from_static("Origin"));
        }
    }

    /// What `Access-Control-Allow-Origin` is for a request, where it is anything.
    fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        let found = self.origins.iter().find(|known| known.is_any() || known.0 == *origin)?;
        Some(found.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/invocations");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn cors(origins: &[&str]) -> Cors {
        Cors::new(origins.iter().map(|origin| origin.parse().unwrap()).collect()).unwrap()
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for text in
            ["*", "https://app.example.org", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:1"]
        {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "",
            "app.example.org",
            "https://a/",
            "https://a/b",
            "https://A",
            "https://u@a",
            "https://*.a.org",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
        assert_eq!(Cors::new(Vec::new()), None);
    }

    #[test]
    fn a_preflight_of_a_known_origin_is_answered_and_no_other_request_is() {
        let cors = cors(&["https://app.example.org"]);
        let asked = [
            ("origin", "https://app.example.org"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization, content-type"),
        ];
        let answer = cors.preflight(&head("OPTIONS", &asked)).unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "authorization, content-type");
        assert!(cors.preflight(&head("POST", &asked)).is_none());
        assert!(cors.preflight(&head("OPTIONS", &asked[..1])).is_none());
        let other = [("origin", "https://evil.example.org"), asked[1]];
        assert!(cors.preflight(&head("OPTIONS", &other)).is_none());
    }

    #[test]
    fn an_answer_is_marked_for_the_origin_that_asked_and_for_no_other() {
        let marked = |cors: &Cors, origin: &str| {
            let mut headers = HeaderMap::new();
            cors.mark(&head("POST", &[("origin", origin)]).headers, &mut headers);
            headers
        };
        let two = cors(&["https://a.org", "https://b.org"]);
        let headers = marked(&two, "https://b.org");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://b.org");
        assert_eq!(headers[VARY], "Origin");
        let headers = marked(&two, "https://c.org");
        assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(headers[VARY], "Origin");
        assert_eq!(marked(&cors(&["*"]), "https://c.org")[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }
}
