//! The routes that SageMaker asks a container for, those of multi-model endpoints included.
//!
//! Called by `serve::handler`. The dialect is `mlhost_wire::dialect::sagemaker`. On a multi-model endpoint SageMaker downloads a
//! model, has it loaded by `POST /models`, and unloads others where the answer is 507.

use hyper::body::Incoming;
use hyper::{Method, Response};
use mlhost_wire::dialect::Answer;
use mlhost_wire::dialect::sagemaker::SageMaker;
use mlhost_wire::fault::{Fault, FaultKind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::Need;
use crate::catalog::Wanted;
use crate::config::PlatformConfig;
use crate::deployment::Deployment;
use crate::fault;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::response::{Body, json_of, respond};
use crate::serve::routes::Route;

/// What a client says of its request, which comes back with the answer.
const CUSTOM_ATTRIBUTES: &str = "x-amzn-sagemaker-custom-attributes";
/// The model that a request is for, where several are served.
const TARGET_MODEL: &str = "x-amzn-sagemaker-target-model";

/// The test of every route of multi-model endpoints.
const MULTI_MODEL_TEST: &str = "sagemaker_loads_and_unloads_the_models_of_a_multi_model_endpoint";

/// What its routes lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Predict.
    Invocations,
    /// Whether the server is up.
    Ping,
    /// The models that are loaded.
    List,
    /// One of them.
    Show,
    /// Load one.
    Load,
    /// Unload one.
    Unload,
    /// Predict with one.
    Invoke,
}

// === impl Endpoint ===

impl Endpoint {
    /// What a request to it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Ping => Need::Health,
            Self::Invocations | Self::Invoke | Self::List | Self::Show => Need::Key,
            Self::Load | Self::Unload => Need::Admin,
        }
    }
}

/// What `POST /models` wants.
#[derive(Deserialize)]
struct Load {
    model_name: String,
    url: String,
}

pub(crate) fn routes(platform: &PlatformConfig) -> Vec<Route> {
    let mut routes = vec![
        Route::new(Method::POST, "/invocations", Endpoint::Invocations).about(
            "predict on any media type, answered as `Accept` asks",
            "sagemaker_takes_and_gives_any_media_type",
        ),
        Route::new(Method::GET, "/ping", Endpoint::Ping)
            .about("whether the server is up", "sagemaker_starts_with_nothing_but_the_word_serve"),
    ];
    if platform.multi_model {
        routes.extend([
            Route::new(Method::POST, "/models", Endpoint::Load)
                .about("load a model from a directory", MULTI_MODEL_TEST),
            Route::new(Method::GET, "/models", Endpoint::List)
                .about("the models that are loaded", MULTI_MODEL_TEST),
            Route::new(Method::GET, "/models/{model}", Endpoint::Show).about("one of them", MULTI_MODEL_TEST),
            Route::new(Method::DELETE, "/models/{model}", Endpoint::Unload)
                .about("unload a model", MULTI_MODEL_TEST),
            Route::new(Method::POST, "/models/{model}/invoke", Endpoint::Invoke)
                .about("predict with one of them", MULTI_MODEL_TEST),
        ]);
    }
    routes
}

pub(crate) async fn answer(
    service: &Service,
    endpoint: Endpoint,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    let answer = match endpoint {
        Endpoint::Ping if service.readiness.is_ready() => Answer::empty(200),
        Endpoint::Ping => return Err(fault::draining()),
        Endpoint::Invocations | Endpoint::Invoke => predict(service, exchange, body).await?,
        Endpoint::List => {
            let models: Vec<Value> =
                service.models(exchange).iter().map(|(_, deployment)| described(deployment)).collect();
            json_of(&json!({ "models": models }))
        }
        Endpoint::Show => json_of(&described(&*service.model(exchange)?)),
        Endpoint::Load => {
            let held = service.read(exchange, body).await?;
            let wanted: Load = serde_json::from_slice(&held.contiguous()).map_err(|error| {
                let public = format!("the body is to be `{{\"model_name\": ..., \"url\": ...}}`: {error}");
                Fault::new(FaultKind::BadInput, public)
            })?;
            let (name, from) = (wanted.model_name, Some(wanted.url));
            service.may_use(exchange, &name)?;
            service.catalog.load(Wanted { name: name.clone(), from, again: false }).await?;
            json_of(&json!({ "status": format!("model `{name}` is loaded") }))
        }
        Endpoint::Unload => {
            let name = exchange.model.clone().unwrap_or_default();
            service.may_use(exchange, &name)?;
            service.catalog.unload(&name).await?;
            json_of(&json!({ "status": format!("model `{name}` is unloaded") }))
        }
    };
    Ok(respond(answer))
}

async fn predict(service: &Service, exchange: &mut Exchange<'_>, body: Incoming) -> Result<Answer, Fault> {
    let header = |exchange: &Exchange<'_>, name| exchange.header(name).map(str::to_owned);
    if exchange.model.is_none() {
        exchange.model = header(exchange, TARGET_MODEL).map(Into::into);
    }
    let attributes = header(exchange, CUSTOM_ATTRIBUTES);
    let accept = header(exchange, "accept");
    let dialect = SageMaker { compat: service.config.compat, accept: accept.as_deref() };
    let mut answer = service.predict_on(exchange, &dialect, body).await?;
    if let Some(attributes) = attributes {
        answer.headers.push((CUSTOM_ATTRIBUTES, attributes));
    }
    Ok(answer)
}

fn described(deployment: &Deployment) -> Value {
    let url = deployment.current().map(|release| release.version.uri.clone()).unwrap_or_default();
    json!({ "modelName": deployment.name(), "modelUrl": url })
}
