//! The Open Inference Protocol, version 2, over REST: as KServe, Triton, MLServer and Seldon Core 2 have it.
//!
//! Called by `serve::handler`. Reads and writes by `mlhost_wire::dialect::v2`; this is what stands around it: routes, and which
//! model a request means. What Triton has besides and is not here (shared memory, tracing, its log) is 404, as the protocol wants
//! of extensions that the server's metadata does not list.

mod inference;
mod models;
mod repository;
mod statistics;

use hyper::body::Incoming;
use hyper::{Method, Response};
use mlhost_wire::dialect::Answer;
use mlhost_wire::dialect::v2::ModelVersion;
use mlhost_wire::fault::Fault;
use serde_json::json;

use crate::access::Need;
use crate::deployment::Release;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::response::{Body, respond};
use crate::serve::routes::Route;

/// What its routes lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// What the server is.
    Server,
    /// Whether it is alive.
    Live,
    /// Whether all its models are ready.
    Ready,
    /// What a model takes and gives.
    Model,
    /// Whether a model is ready.
    ModelReady,
    /// Predict.
    Infer,
    /// Predict on a flat object.
    Generate,
    /// The same, answered as an event.
    GenerateStream,
    /// How a model is served.
    Config,
    /// What a model has done.
    Statistics,
    /// What all models have done.
    AllStatistics,
    /// Every version of every model.
    Index,
    /// Have a model loaded.
    Load,
    /// Have a model unloaded.
    Unload,
}

/// Seldon Core 2 names the model, or the pipeline that it is a step of, in a header.
const SELDON_MODEL: &str = "seldon-model";

/// What Seldon Core 2 adds to the name of a pipeline.
const SELDON_PIPELINE: &str = ".pipeline";

// === impl Endpoint ===

impl Endpoint {
    /// What a request to it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Live | Self::Ready => Need::Health,
            Self::Server
            | Self::Model
            | Self::ModelReady
            | Self::Infer
            | Self::Generate
            | Self::GenerateStream
            | Self::Config
            | Self::Statistics
            | Self::AllStatistics
            | Self::Index => Need::Key,
            Self::Load | Self::Unload => Need::Admin,
        }
    }
}

pub(crate) fn routes() -> Vec<Route> {
    let replayed = "every_captured_request_is_answered_as_triton_did_or_listed";
    let get =
        |path, endpoint: Endpoint, summary| Route::new(Method::GET, path, endpoint).about(summary, replayed);
    let post = |path, endpoint: Endpoint, summary, test| {
        Route::new(Method::POST, path, endpoint).about(summary, test)
    };
    let (infer, flat) = ("predict on named tensors, as JSON or in binary", "predict on a flat object");
    let (flat_test, event) = (
        "a_flat_object_is_answered_with_one_or_as_an_event",
        "predict on a flat object, answered as an event",
    );
    let (ready, model) = ("whether a model is ready", "what a model takes and gives");
    let (config, stats) = ("how a model is served", "what a model has done");
    let (index, load, unload) = ("every version of every model", "load a model", "unload a model");
    vec![
        get("/v2", Endpoint::Server, "what the server is"),
        // As the protocol's OpenAPI document has it.
        get("/v2/", Endpoint::Server, "what the server is"),
        get("/v2/health/live", Endpoint::Live, "whether the server is alive"),
        get("/v2/health/ready", Endpoint::Ready, "whether the server wants requests"),
        get("/v2/models/stats", Endpoint::AllStatistics, "what all models have done"),
        get("/v2/models/{model}", Endpoint::Model, model),
        get("/v2/models/{model}/versions/{version}", Endpoint::Model, model),
        get("/v2/models/{model}/ready", Endpoint::ModelReady, ready),
        get("/v2/models/{model}/versions/{version}/ready", Endpoint::ModelReady, ready),
        post("/v2/models/{model}/infer", Endpoint::Infer, infer, replayed),
        post("/v2/models/{model}/versions/{version}/infer", Endpoint::Infer, infer, replayed),
        post("/v2/models/{model}/generate", Endpoint::Generate, flat, flat_test),
        post("/v2/models/{model}/versions/{version}/generate", Endpoint::Generate, flat, flat_test),
        post("/v2/models/{model}/generate_stream", Endpoint::GenerateStream, event, flat_test),
        post(
            "/v2/models/{model}/versions/{version}/generate_stream",
            Endpoint::GenerateStream,
            event,
            flat_test,
        ),
        get("/v2/models/{model}/config", Endpoint::Config, config),
        get("/v2/models/{model}/versions/{version}/config", Endpoint::Config, config),
        get("/v2/models/{model}/stats", Endpoint::Statistics, stats),
        get("/v2/models/{model}/versions/{version}/stats", Endpoint::Statistics, stats),
        post("/v2/repository/index", Endpoint::Index, index, replayed),
        post("/v2/repository/{repository}/index", Endpoint::Index, index, replayed),
        post("/v2/repository/models/{model}/load", Endpoint::Load, load, replayed),
        post("/v2/repository/{repository}/models/{model}/load", Endpoint::Load, load, replayed),
        post("/v2/repository/models/{model}/unload", Endpoint::Unload, unload, replayed),
        post("/v2/repository/{repository}/models/{model}/unload", Endpoint::Unload, unload, replayed),
    ]
}

pub(crate) async fn answer(
    service: &Service,
    endpoint: Endpoint,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    redirect_to_seldons(exchange);
    let answer = match endpoint {
        Endpoint::Server => server(service),
        // It answers.
        Endpoint::Live => health("live"),
        Endpoint::Ready => models::all_ready(service)?,
        Endpoint::Model => models::metadata(service, exchange)?,
        Endpoint::ModelReady => models::ready(service, exchange)?,
        Endpoint::Config => models::config(service, exchange)?,
        Endpoint::Infer => inference::infer(service, exchange, body).await?,
        Endpoint::Generate => inference::generate(service, exchange, body, inference::Form::Object).await?,
        Endpoint::GenerateStream => {
            inference::generate(service, exchange, body, inference::Form::Event).await?
        }
        Endpoint::Statistics => statistics::of_model(service, exchange)?,
        Endpoint::AllStatistics => statistics::of_all(service, exchange),
        Endpoint::Index => repository::index(service, exchange, body).await?,
        Endpoint::Load => repository::load(service, exchange, body).await?,
        Endpoint::Unload => repository::unload(service, exchange, body).await?,
    };
    Ok(respond(answer))
}

/// The answer to `GET /v2`.
fn server(service: &Service) -> Answer {
    let mut extensions = vec![
        "binary_tensor_data",
        "classification",
        "generate",
        "model_configuration",
        "parameters",
        "statistics",
    ];
    if repository::is_open(service) {
        extensions.push("model_repository");
    }
    let body = json!({ "name": "mlhost", "version": env!("CARGO_PKG_VERSION"), "extensions": extensions });
    Answer::json(200, body.to_string().into_bytes())
}

/// Yes. KServe reads the body, all others the status alone.
fn health(what: &str) -> Answer {
    Answer::json(200, format!("{{\"{what}\":true}}").into_bytes())
}

/// Takes the model's name from Seldon's header, where there is one.
fn redirect_to_seldons(exchange: &mut Exchange<'_>) {
    let Some(name) = exchange.header(SELDON_MODEL).filter(|_| exchange.model.is_some()) else { return };
    let name = name.strip_suffix(SELDON_PIPELINE).unwrap_or(name).to_owned();
    exchange.model = Some(name.into());
}

/// What a release is called in answers.
fn model_version(release: &Release) -> ModelVersion<'_> {
    ModelVersion { name: &release.app.name, version: release.version.name() }
}
