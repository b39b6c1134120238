//! Which endpoint of which protocol a path leads to.
//!
//! Made once by `serve::handler` from the routes that each protocol lists; asked for every request. The ready line and the
//! pages that list routes are made from it, too. Answers nothing itself.

use std::borrow::Cow;

use hyper::{Method, Uri};
use matchit::Router;
use percent_encoding::percent_decode_str;

use crate::access::Need;
use crate::serve::protocol::{Endpoint, Protocol, mlflow};

/// One route.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// What it is asked with; GET stands for HEAD as well.
    pub(crate) method: Method,
    /// Its path; `{model}` and `{version}` stand for one segment each.
    pub(crate) path: Cow<'static, str>,
    /// What it leads to.
    pub(crate) endpoint: Endpoint,
}

/// Every route of the server.
pub(crate) struct Routes {
    router: Router<Vec<Route>>,
    all: Vec<Route>,
}

/// Where a request's path leads.
pub(crate) enum Found<'a> {
    /// To an endpoint, for this model and version where the path names them.
    Endpoint { endpoint: Endpoint, model: Option<Cow<'a, str>>, version: Option<Cow<'a, str>> },
    /// To endpoints that other methods ask.
    WrongMethod { protocol: Protocol, allowed: String },
    /// To one without the slash at its end.
    Slashed(&'a str),
    /// Nowhere.
    Unknown,
}

/// Two routes that no request could tell apart.
#[derive(Debug, thiserror::Error)]
#[error("route `{method} {path}`: {problem}")]
pub(crate) struct RouteError {
    method: Method,
    path: String,
    problem: String,
}

// === impl Route ===

impl Route {
    /// A route of fixed text.
    pub(crate) fn new(method: Method, path: &'static str, endpoint: impl Into<Endpoint>) -> Self {
        Self { method, path: Cow::Borrowed(path), endpoint: endpoint.into() }
    }
}

// === impl Routes ===

impl Routes {
    /// The routes of MLflow's server, in whose words unknown paths are refused, and `others`.
    ///
    /// # Errors
    ///
    /// Where two of them stand in each other's way.
    pub(crate) fn new(others: Vec<Route>) -> Result<Self, RouteError> {
        let mut all = mlflow::routes();
        all.extend(others);
        let mut router: Router<Vec<Route>> = Router::new();
        for route in &all {
            let failed = |problem: String| RouteError {
                method: route.method.clone(),
                path: route.path.clone().into_owned(),
                problem,
            };
            let known = all.iter().take_while(|other| !std::ptr::eq(*other, route));
            if known.clone().any(|other| other.path == route.path && other.method == route.method) {
                return Err(failed("there is one already".to_owned()));
            }
            if known.clone().any(|other| other.path == route.path) {
                if let Ok(found) = router.at_mut(&route.path) {
                    found.value.push(route.clone());
                }
                continue;
            }
            router
                .insert(route.path.clone().into_owned(), vec![route.clone()])
                .map_err(|error| failed(error.to_string()))?;
        }
        Ok(Self { router, all })
    }

    /// Every route, in the order in which they were given.
    pub(crate) fn all(&self) -> &[Route] {
        &self.all
    }

    /// Where a request leads.
    pub(crate) fn find<'a>(&self, method: &Method, uri: &'a Uri) -> Found<'a> {
        let path = uri.path();
        let Ok(matched) = self.router.at(path) else {
            let plain = path.trim_end_matches('/');
            let known = plain != path && !plain.is_empty() && self.router.at(plain).is_ok();
            return if known { Found::Slashed(plain) } else { Found::Unknown };
        };
        let asked = if *method == Method::HEAD { &Method::GET } else { method };
        match matched.value.iter().find(|route| route.method == *asked) {
            Some(route) => Found::Endpoint {
                endpoint: route.endpoint,
                model: matched.params.get("model").map(decoded),
                version: matched.params.get("version").map(decoded),
            },
            None => Found::WrongMethod {
                protocol: matched.value.first().map_or(Protocol::Mlflow, |route| route.endpoint.protocol()),
                allowed: allowed(matched.value),
            },
        }
    }
}

// === impl Found ===

impl Found<'_> {
    /// In whose words a request that leads here is answered.
    pub(crate) fn protocol(&self, uri: &Uri) -> Protocol {
        match self {
            Self::Endpoint { endpoint, .. } => endpoint.protocol(),
            Self::WrongMethod { protocol, .. } => *protocol,
            Self::Slashed(_) | Self::Unknown => Protocol::of_unknown(uri.path()),
        }
    }

    /// What a request that leads here needs: what is no endpoint tells nobody but callers with a key what there is.
    pub(crate) fn need(&self, uri: &Uri) -> Need {
        match self {
            Self::Endpoint { endpoint, .. } => endpoint.need(uri),
            Self::WrongMethod { .. } | Self::Slashed(_) | Self::Unknown => Need::Key,
        }
    }
}

/// As in an `Allow` header.
fn allowed(routes: &[Route]) -> String {
    let mut allowed = Vec::new();
    for route in routes {
        allowed.push(route.method.as_str());
        if route.method == Method::GET {
            allowed.push("HEAD");
        }
    }
    allowed.join(", ")
}

/// A segment of a path; one whose escapes are no UTF-8 names no model, and is left as it is.
fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8().unwrap_or(Cow::Borrowed(segment))
}
