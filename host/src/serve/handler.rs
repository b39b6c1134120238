//! One request: its route, its protocol's answer, or its protocol's refusal.
//!
//! Called by `serve::server` for each request of each connection. Everything that can go wrong becomes a [`Fault`] and
//! then an answer here: exactly one for every request, whatever happens in it.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use mlhost_wire::dialect::Answer;
use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::fault::{Fault, FaultKind};

use crate::access::{Access, Refusal};
use crate::catalog::Catalog;
use crate::config::{ServedProtocol, ServerConfig};
use crate::fault;
use crate::observe::metrics::Occupancy;
use crate::observe::reporter::Reporter;
use crate::observe::{Limit, Telemetry};
use crate::readiness::Readiness;
use crate::serve::body::BodyBudget;
use crate::serve::compression;
use crate::serve::exchange::Exchange;
use crate::serve::permits::Permits;
use crate::serve::protocol::{self, Endpoint, Protocol};
use crate::serve::report;
use crate::serve::response::{Body, redirect, respond};
use crate::serve::routes::{Found, RouteError, Routes};

/// Seconds after which a client that found no room may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What every request shares.
pub struct Service {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) config: ServerConfig,
    pub(crate) mlflow: Mlflow,
    pub(crate) requests: Arc<Permits>,
    pub(crate) bodies: BodyBudget,
    /// Counts faults whose details are in the log alone, so that a client can say which was theirs.
    references: AtomicU64,
    pub(crate) routes: Routes,
    pub(crate) access: Arc<Access>,
    pub(crate) readiness: Readiness,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) reporter: Reporter,
}

/// A service that cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ServiceError(#[from] RouteError);

// === impl Service ===

impl Service {
    /// A service for the models of `catalog`.
    ///
    /// # Errors
    ///
    /// Where two routes stand in each other's way.
    pub fn new(
        catalog: Arc<Catalog>,
        config: ServerConfig,
        access: Arc<Access>,
        readiness: Readiness,
    ) -> Result<Self, ServiceError> {
        Ok(Self {
            access,
            readiness,
            requests: Arc::new(Permits::new(config.max_requests)),
            bodies: BodyBudget::new(config.max_bodies_bytes),
            references: AtomicU64::new(0),
            catalog,
            mlflow: Mlflow { compat: config.compat },
            routes: Routes::new(protocol::routes(&config.platform))?,
            config,
            telemetry: Arc::default(),
            reporter: Reporter::default(),
        })
    }

    /// The same, and `reporter` is told of each request; what it drops is counted in `telemetry`, as all else.
    #[must_use]
    pub fn observed(self, telemetry: Arc<Telemetry>, reporter: Reporter) -> Self {
        Self { telemetry, reporter, ..self }
    }

    /// Whether it wants requests.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// The models behind it.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// What is counted of it.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// Who is told of each request.
    #[must_use]
    pub fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// How full it is.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        let config = &self.config;
        Occupancy {
            requests: (self.requests.taken(), config.max_requests),
            bodies: (config.max_bodies_bytes.saturating_sub(self.bodies.left()), config.max_bodies_bytes),
            max_connections: config.max_connections,
        }
    }

    /// What the ready line lists for programs: method and path of every route.
    #[must_use]
    pub fn routes(&self) -> Vec<String> {
        self.routes.all().iter().map(ToString::to_string).collect()
    }

    /// What it lists for people: each protocol with the route that matters most.
    #[must_use]
    pub fn protocols(&self) -> Vec<String> {
        let mut seen = Vec::new();
        let mut listed = Vec::new();
        for route in self.routes.all() {
            let protocol = route.endpoint.protocol();
            if !seen.contains(&protocol) {
                seen.push(protocol);
                listed.push(format!("{} {route}", protocol.name()));
            }
        }
        listed
    }

    /// Answers one request. Never fails: a fault is an answer, and so is a panic of our own.
    ///
    /// # Errors
    ///
    /// None.
    pub async fn answer(
        self: &Arc<Self>,
        peer: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let under_way = self.telemetry.begin();
        let (head, body) = request.into_parts();
        let cors = self.config.cors.as_ref();
        let mut response = match cors.and_then(|cors| cors.preflight(&head)) {
            Some(response) => response,
            None => self.answer_asked(peer, &head, body).await,
        };
        if let Some(cors) = cors {
            cors.mark(&head.headers, response.headers_mut());
        }
        under_way.answered();
        Ok(response)
    }

    /// Answers a request that asks for something, if it is admitted.
    async fn answer_asked(self: &Arc<Self>, peer: IpAddr, head: &Parts, body: Incoming) -> Response<Body> {
        let found = self.routes.find(&head.method, &head.uri);
        let found = match found {
            // What it says besides is V2's.
            Found::Unknown
                if self.config.platform.protocols.has(ServedProtocol::V2)
                    && protocol::grpc::is_call(head) =>
            {
                protocol::grpc::found(head.uri.path())
            }
            found => found,
        };
        let mut exchange = Exchange::new(head, peer, found.protocol(&head.uri));
        let mut response = match self.access.admit(found.need(), exchange.peer, &head.headers) {
            Ok(key) => {
                exchange.key = key;
                self.answer_found(found, &mut exchange, body).await
            }
            Err(refusal) => self.turn_away(&exchange, &refusal),
        };
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        compression::tell_known(&head.headers, &mut response);
        let mut response = compression::compressed(&head.headers, response).await;
        report::answered(self, &mut exchange, &mut response);
        response
    }

    async fn answer_found<'a>(
        self: &Arc<Self>,
        found: Found<'a>,
        exchange: &mut Exchange<'a>,
        body: Incoming,
    ) -> Response<Body> {
        match found {
            Found::Endpoint { endpoint, model, version } => {
                (exchange.model, exchange.version) = (model, version);
                let outcome = AssertUnwindSafe(self.answer_at(endpoint, exchange, body)).catch_unwind();
                outcome
                    .await
                    .unwrap_or_else(|_| Err(fault::internal("a panic; its message is above")))
                    .unwrap_or_else(|fault| respond(self.refuse(exchange.protocol, &fault)))
            }
            Found::WrongMethod { allowed, .. } => self.wrong_method(exchange, &allowed),
            Found::Slashed(path) => redirect(path, exchange.head.uri.query()),
            Found::Unknown => {
                let path = exchange.head.uri.path();
                let public = format!("there is no `{path}`; served are {}", self.protocols().join(", "));
                respond(self.refuse(exchange.protocol, &Fault::new(FaultKind::NotFound, public)))
            }
        }
    }

    async fn answer_at(
        self: &Arc<Self>,
        endpoint: Endpoint,
        exchange: &mut Exchange<'_>,
        body: Incoming,
    ) -> Result<Response<Body>, Fault> {
        match endpoint {
            Endpoint::Mlflow(endpoint) => protocol::mlflow::answer(self, endpoint, exchange, body).await,
            Endpoint::V2(endpoint) => protocol::v2::answer(self, endpoint, exchange, body).await,
            Endpoint::Grpc(endpoint) => protocol::grpc::answer(self, endpoint, exchange, body).await,
            Endpoint::Kserve(endpoint) => protocol::kserve::answer(self, endpoint, exchange, body).await,
            Endpoint::SageMaker(endpoint) => {
                protocol::sagemaker::answer(self, endpoint, exchange, body).await
            }
            Endpoint::Vertex(endpoint) => protocol::vertex::answer(self, endpoint, exchange, body).await,
            Endpoint::AzureMl(endpoint) => protocol::azureml::answer(self, endpoint, exchange, body).await,
            Endpoint::Seldon(endpoint) => protocol::seldon::answer(self, endpoint, exchange, body).await,
        }
    }

    /// The answer to a request that is not admitted.
    fn turn_away(&self, exchange: &Exchange<'_>, refusal: &Refusal) -> Response<Body> {
        if refusal.fault.kind == FaultKind::RateLimited {
            self.telemetry.limits.hit(Limit::Rate);
        }
        let mut response = respond(self.refuse(exchange.protocol, &refusal.fault));
        refusal.advise(response.headers_mut());
        response
    }

    fn wrong_method(&self, exchange: &Exchange<'_>, allowed: &str) -> Response<Body> {
        let (path, method) = (exchange.head.uri.path(), &exchange.head.method);
        let public = format!("`{path}` does not take {method}; use {allowed}");
        let fault = Fault::new(FaultKind::MethodNotAllowed, public);
        let mut response = respond(exchange.protocol.refuse(self, &fault));
        if let Ok(allowed) = HeaderValue::try_from(allowed) {
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }

    /// The answer to a fault, and its line in the log. Where the log knows more than the client is told, both get a
    /// reference that leads from one to the other.
    pub(crate) fn refuse(&self, protocol: Protocol, fault: &Fault) -> Answer {
        protocol.refuse(self, &self.told(fault))
    }

    /// What a client is told of a fault, which is logged.
    pub(crate) fn told<'f>(&self, fault: &'f Fault) -> Cow<'f, Fault> {
        let kind = fault.kind.name();
        let status = fault.kind.status();
        if status < 500 {
            tracing::debug!(kind, detail = fault.detail, "{}", fault.public);
            return Cow::Borrowed(fault);
        }
        if fault.detail.is_empty() {
            tracing::warn!(kind, "{}", fault.public);
            return Cow::Borrowed(fault);
        }
        let reference = self.references.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(kind, reference, detail = fault.detail, "{}", fault.public);
        let public = format!("{} (reference {reference} in the server's log)", fault.public);
        Cow::Owned(Fault::new(fault.kind, public))
    }
}
