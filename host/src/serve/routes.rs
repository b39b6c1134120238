//! Which endpoint of which protocol a path leads to.
//!
//! Made once by `serve::handler` from the routes that each served protocol lists; asked for every request. The ready line and the
//! pages that list routes are made from it, too. Answers nothing itself.

use std::borrow::Cow;
use std::fmt;

use hyper::{Method, Uri};
use matchit::Router;
use percent_encoding::percent_decode_str;

use crate::access::Need;
use crate::serve::protocol::{Endpoint, Protocol};

/// One route.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// What it is asked with; GET stands for HEAD as well.
    pub(crate) method: Method,
    /// Its path; `{model}` and `{version}` stand for one segment each.
    pub(crate) path: Cow<'static, str>,
    /// What it leads to.
    pub(crate) endpoint: Endpoint,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    /// The test that holds it.
    pub(crate) test: &'static str,
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
    /// A route.
    pub(crate) fn new(
        method: Method,
        path: impl Into<Cow<'static, str>>,
        endpoint: impl Into<Endpoint>,
    ) -> Self {
        Self { method, path: path.into(), endpoint: endpoint.into(), summary: "", test: "" }
    }

    /// The same, with what it does and which test holds it.
    pub(crate) fn about(self, summary: &'static str, test: &'static str) -> Self {
        Self { summary, test, ..self }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

// === impl Routes ===

impl Routes {
    /// The routes of several protocols. Where two have one of the same method and path, the one that comes first has it.
    ///
    /// # Errors
    ///
    /// Where two of them stand in each other's way.
    pub(crate) fn new(protocols: impl IntoIterator<Item = Vec<Route>>) -> Result<Self, RouteError> {
        let mut all: Vec<Route> = Vec::new();
        let mut router: Router<Vec<Route>> = Router::new();
        for route in protocols.into_iter().flatten() {
            let protocol = route.endpoint.protocol();
            let failed = |problem: String| RouteError {
                method: route.method.clone(),
                path: route.path.clone().into_owned(),
                problem,
            };
            let mut same = all.iter().filter(|other| other.path == route.path).peekable();
            let known = same.peek().is_some();
            if let Some(other) = same.find(|other| other.method == route.method) {
                if other.endpoint.protocol() == protocol {
                    return Err(failed("there is one already".to_owned()));
                }
                continue;
            }
            if known {
                if let Ok(found) = router.at_mut(&route.path) {
                    found.value.push(route.clone());
                }
            } else {
                router
                    .insert(route.path.clone().into_owned(), vec![route.clone()])
                    .map_err(|error| failed(error.to_string()))?;
            }
            all.push(route);
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
    pub(crate) fn need(&self) -> Need {
        match self {
            Self::Endpoint { endpoint, .. } => endpoint.need(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::protocol::{kserve, mlflow};

    fn routes(protocols: Vec<Vec<Route>>) -> Routes {
        Routes::new(protocols).unwrap()
    }

    #[test]
    fn of_two_protocols_routes_for_the_same_the_first_ones_is_served() {
        let own = vec![Route::new(Method::POST, "/invocations", kserve::Endpoint::Predict)];
        let routes = routes(vec![own, mlflow::routes()]);
        let uri = Uri::from_static("/invocations");
        let found = routes.find(&Method::POST, &uri);
        let Found::Endpoint { endpoint, .. } = found else { panic!("no endpoint") };
        assert_eq!(endpoint.protocol(), Protocol::Kserve);
        assert_eq!(routes.all().iter().filter(|route| route.path == "/invocations").count(), 1);
    }

    #[test]
    fn two_routes_of_one_protocol_for_the_same_are_a_defect() {
        let own = || Route::new(Method::GET, "/a", kserve::Endpoint::Models);
        assert!(Routes::new(vec![vec![own(), own()]]).is_err());
        let other = Route::new(Method::GET, "/{b}", kserve::Endpoint::Models);
        let one = Route::new(Method::GET, "/{a}", kserve::Endpoint::Models);
        assert!(Routes::new(vec![vec![one, other]]).is_err());
    }

    #[test]
    fn a_model_before_a_colon_is_found_and_its_escapes_are_read() {
        let routes = routes(vec![kserve::routes()]);
        let uri = Uri::from_static("/v1/models/my%20iris:predict");
        let Found::Endpoint { endpoint, model, .. } = routes.find(&Method::POST, &uri) else {
            panic!("no endpoint")
        };
        assert_eq!(endpoint, kserve::Endpoint::Predict.into());
        assert_eq!(model.as_deref(), Some("my iris"));
        let uri = Uri::from_static("/v1/models/iris");
        assert!(matches!(routes.find(&Method::POST, &uri), Found::WrongMethod { .. }));
    }
}
