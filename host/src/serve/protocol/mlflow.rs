//! The routes of `mlflow models serve` (MLflow 3.x, `mlflow/pyfunc/scoring_server`).
//!
//! Called by `serve::handler`. The dialect is `mlhost_wire::dialect::mlflow`; this is what stands around it.

use hyper::body::Incoming;
use hyper::{Method, Response};
use mlhost_wire::dialect::Answer;
use mlhost_wire::fault::Fault;

use crate::access::Need;
use crate::fault;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::openapi;
use crate::serve::response::{Body, respond};
use crate::serve::routes::Route;

/// What its routes lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Predict.
    Invocations,
    /// Whether there is a model.
    Health,
    /// Ours, where MLflow says its own.
    Version,
    /// What all routes take and give.
    OpenApi,
    /// The routes, for people.
    Docs,
}

// === impl Endpoint ===

impl Endpoint {
    /// What a request to it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Health => Need::Health,
            Self::Invocations | Self::Version | Self::OpenApi | Self::Docs => Need::Key,
        }
    }
}

/// What a server has whatever it speaks: platforms and operators ask for it.
pub(crate) fn health() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/ping", Endpoint::Health)
            .about("whether there is a model", "every_captured_request_is_answered_as_mlflow_did_or_listed"),
        Route::new(Method::GET, "/health", Endpoint::Health)
            .about("the same", "every_captured_request_is_answered_as_mlflow_did_or_listed"),
        Route::new(Method::GET, "/version", Endpoint::Version)
            .about("mlhost's version", "every_captured_request_is_answered_as_mlflow_did_or_listed"),
        Route::new(Method::GET, "/openapi.json", Endpoint::OpenApi)
            .about("all routes in OpenAPI 3.1", "the_document_says_what_the_model_takes_and_gives"),
        Route::new(Method::GET, "/docs", Endpoint::Docs)
            .about("all routes, for people", "the_page_lists_every_route_and_needs_nothing_from_elsewhere"),
    ]
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::new(Method::POST, "/invocations", Endpoint::Invocations).about(
        "predict on JSON, CSV, Parquet or raw bytes",
        "samples_answer_their_calls_as_the_reference_says",
    )]
}

pub(crate) async fn answer(
    service: &Service,
    endpoint: Endpoint,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    let answer = match endpoint {
        Endpoint::Health if service.readiness.is_ready() => plain("\n"),
        Endpoint::Health => return Err(fault::draining()),
        Endpoint::Version => plain(env!("CARGO_PKG_VERSION")),
        Endpoint::OpenApi => Answer::json(200, openapi::document(service, exchange).to_string().into_bytes()),
        Endpoint::Docs => Answer {
            content_type: Some("text/html; charset=utf-8".to_owned()),
            ..Answer::json(200, openapi::page(service).into_bytes())
        },
        Endpoint::Invocations => service.predict_on(exchange, &service.mlflow, body).await?,
    };
    Ok(respond(answer))
}

/// MLflow's health and version routes say `application/json` over bodies that are not: clients rely on neither.
fn plain(body: &'static str) -> Answer {
    Answer::json(200, body.into())
}
