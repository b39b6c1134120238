//! The routes that Vertex AI asks a container for, by `AIP_HEALTH_ROUTE` and `AIP_PREDICT_ROUTE`.
//!
//! Called by `serve::handler`. The dialect is `mlhost_wire::dialect::vertex`.

use hyper::body::Incoming;
use hyper::{Method, Response};
use mlhost_wire::dialect::Answer;
use mlhost_wire::dialect::vertex::Vertex;
use mlhost_wire::fault::Fault;

use crate::access::Need;
use crate::config::{PlatformConfig, ServedProtocol};
use crate::fault;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::response::{Body, respond};
use crate::serve::routes::Route;

/// What its routes lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Whether there is a model.
    Health,
    /// Predict.
    Predict,
}

// === impl Endpoint ===

impl Endpoint {
    /// What a request to it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Health => Need::Health,
            Self::Predict => Need::Key,
        }
    }
}

pub(crate) fn routes(platform: &PlatformConfig) -> Vec<Route> {
    let paths = &platform.vertex;
    let mut routes = Vec::new();
    // A path of V2 is asked with V2's bodies, by `rawPredict`.
    if !(paths.predict.starts_with("/v2/") && platform.protocols.has(ServedProtocol::V2)) {
        routes.push(Route::new(Method::POST, paths.predict.clone(), Endpoint::Predict).about(
            "predict on `instances`; the path is AIP_PREDICT_ROUTE's",
            "vertex_predicts_where_it_was_told_to",
        ));
    }
    routes.push(Route::new(Method::GET, paths.health.clone(), Endpoint::Health).about(
        "whether there is a model; the path is AIP_HEALTH_ROUTE's",
        "vertex_predicts_where_it_was_told_to",
    ));
    routes
}

pub(crate) async fn answer(
    service: &Service,
    endpoint: Endpoint,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    match endpoint {
        Endpoint::Health if service.readiness.is_ready() => Ok(respond(Answer::json(200, b"{}".to_vec()))),
        Endpoint::Health => Err(fault::draining()),
        Endpoint::Predict => {
            let dialect = Vertex { compat: service.config.compat };
            service.predict_on(exchange, &dialect, body).await.map(respond)
        }
    }
}
