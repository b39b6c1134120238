//! One request: route, body, permit, decode, predict, encode.
//!
//! Called by `serve::server` for each request of each connection. Everything that can go wrong becomes a [`Fault`] and
//! then an answer here: exactly one for every request, whatever happens in it.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Uri};
use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::dialect::{self, Answer, Dialect as _};
use mlhost_wire::fault::{Fault, FaultKind};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use crate::config::ServerConfig;
use crate::deployment::Deployment;
use crate::fault;
use crate::serve::body::BodyBudget;
use crate::serve::status;

/// What the ready line lists.
pub const ROUTES: [&str; 5] =
    ["POST /invocations", "GET /ping", "GET /health", "GET /version", "GET /metrics"];

/// Seconds after which a client that found no room may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What every request shares.
pub struct Service {
    deployment: Arc<Deployment>,
    config: ServerConfig,
    mlflow: Mlflow,
    requests: Semaphore,
    bodies: BodyBudget,
    /// Counts faults whose details are in the log alone, so that a client can say which was theirs.
    references: AtomicU64,
    metrics: Registry,
}

enum Route {
    Invocations,
    Health,
    HealthDetail,
    Version,
    Metrics,
    WrongMethod(&'static str),
    /// A known route with slashes behind it, and the route.
    Slashed(&'static str),
    Unknown,
}

// === impl Service ===

impl Service {
    /// A service for one model.
    #[must_use]
    pub fn new(deployment: Arc<Deployment>, config: ServerConfig) -> Self {
        Self {
            metrics: status::registry(&deployment),
            requests: Semaphore::new(config.max_requests),
            bodies: BodyBudget::new(config.max_bodies_bytes),
            references: AtomicU64::new(0),
            deployment,
            mlflow: Mlflow { compat: config.compat },
            config,
        }
    }

    /// Answers one request. Never fails: a fault is an answer, and so is a panic of our own.
    ///
    /// # Errors
    ///
    /// None.
    pub async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let route = Route::of(request.method(), request.uri());
        let answer = match route {
            Route::Health => plain("\n"),
            Route::HealthDetail => status::health(&self.deployment),
            Route::Version => plain(env!("CARGO_PKG_VERSION")),
            Route::Metrics => status::metrics(&self.metrics).unwrap_or_else(|fault| self.refuse(&fault)),
            Route::Invocations => {
                let outcome = AssertUnwindSafe(self.invoke(request)).catch_unwind().await;
                outcome
                    .unwrap_or_else(|_| Err(fault::internal("a panic; its message is above")))
                    .unwrap_or_else(|fault| self.refuse(&fault))
            }
            Route::WrongMethod(allowed) => {
                let fault = Fault::new(
                    FaultKind::MethodNotAllowed,
                    format!("`{}` does not take {}; use {allowed}", request.uri().path(), request.method()),
                );
                let mut response = respond(self.mlflow.refuse(&fault));
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
                return Ok(response);
            }
            Route::Slashed(path) => return Ok(redirect(path, request.uri().query())),
            Route::Unknown => {
                let public =
                    format!("there is no `{}`; the routes are {}", request.uri().path(), ROUTES.join(", "));
                self.mlflow.refuse(&Fault::new(FaultKind::NotFound, public))
            }
        };
        let mut response = respond(answer);
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        Ok(response)
    }

    async fn invoke(&self, request: Request<Incoming>) -> Result<Answer, Fault> {
        let arrival = Instant::now();
        let deadline = arrival + self.config.timeout;
        let (head, body) = request.into_parts();
        let reading = self.bodies.read(body, self.config.max_body_bytes);
        let held =
            tokio::time::timeout_at(deadline.into(), reading).await.map_err(|_| fault::deadline())??;
        // Tried, not awaited: a request that would have to wait for a sandbox is told so at once.
        let _permit = self.requests.try_acquire().map_err(|_| fault::overloaded())?;
        // Once and for all of this request: another version may take over meanwhile.
        let release = self.deployment.current();
        let app = &release.app;
        let _place = release.try_enter().map_err(|_| fault::overloaded())?;
        let deadline = app.time.map_or(deadline, |time| deadline.min(arrival + time));
        let content_type = match head.headers.get(CONTENT_TYPE).map(HeaderValue::to_str) {
            Some(Ok(text)) => Some(text),
            Some(Err(_)) => {
                return Err(Fault::new(FaultKind::UnsupportedMedia, "the Content-Type header is not ASCII"));
            }
            None => None,
        };
        let body = held.contiguous();
        let request = dialect::Request { content_type, body: &body };
        let decoded = self.mlflow.decode(request, &app.interface)?;
        let reply = app.predict(&decoded.call, deadline).await.map_err(fault::of_prediction)?;
        self.mlflow.encode(reply, decoded.envelope)
    }

    /// The answer to a fault, and its line in the log. Where the log knows more than the client is told, both get a
    /// reference that leads from one to the other.
    fn refuse(&self, fault: &Fault) -> Answer {
        let kind = fault.kind.name();
        let status = fault.kind.status();
        if status < 500 {
            tracing::debug!(kind, detail = fault.detail, "{}", fault.public);
            return self.mlflow.refuse(fault);
        }
        if fault.detail.is_empty() {
            tracing::warn!(kind, "{}", fault.public);
            return self.mlflow.refuse(fault);
        }
        let reference = self.references.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(kind, reference, detail = fault.detail, "{}", fault.public);
        let public = format!("{} (reference {reference} in the server's log)", fault.public);
        self.mlflow.refuse(&Fault::new(fault.kind, public))
    }
}

// === impl Route ===

impl Route {
    fn of(method: &Method, uri: &Uri) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        match uri.path() {
            "/invocations" if *method == Method::POST => Self::Invocations,
            "/invocations" => Self::WrongMethod("POST"),
            "/health" if reads && asks_for_detail(uri) => Self::HealthDetail,
            "/ping" | "/health" if reads => Self::Health,
            "/version" if reads => Self::Version,
            "/metrics" if reads => Self::Metrics,
            "/ping" | "/health" | "/version" | "/metrics" => Self::WrongMethod("GET, HEAD"),
            path => {
                let plain = path.trim_end_matches('/');
                let known = ["/invocations", "/ping", "/health", "/version", "/metrics"].into_iter();
                known.filter(|known| *known == plain).map(Self::Slashed).next().unwrap_or(Self::Unknown)
            }
        }
    }
}

/// `/health` alone is MLflow's, whose body is an empty line.
fn asks_for_detail(uri: &Uri) -> bool {
    uri.query()
        .is_some_and(|query| query.split('&').any(|part| part == "detail" || part.starts_with("detail=")))
}

/// MLflow's health and version routes say `application/json` over bodies that are not: clients rely on neither.
fn plain(body: &'static str) -> Answer {
    Answer { status: 200, content_type: Some("application/json".to_owned()), body: body.into() }
}

/// Where MLflow sends whoever adds a slash. Relative, so that it leads nowhere else whatever `Host` says.
fn redirect(path: &str, query: Option<&str>) -> Response<Full<Bytes>> {
    let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(target) = HeaderValue::try_from(target) {
        response.headers_mut().insert(LOCATION, target);
    }
    response
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(value) = answer.content_type.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}
