//! The routes of KServe's first protocol (`python/kserve/kserve/protocol/rest/v1_endpoints.py`), which is TensorFlow Serving's.
//!
//! Called by `serve::handler`. The dialect is `mlhost_wire::dialect::kserve`.

use hyper::body::Incoming;
use hyper::{Method, Response};
use mlhost_wire::dialect::kserve::Kserve;
use mlhost_wire::fault::{Fault, FaultKind};
use serde_json::json;

use crate::access::Need;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::response::{Body, json_of, respond};
use crate::serve::routes::Route;

/// What its routes lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Which models there are.
    Models,
    /// Whether one is ready.
    Ready,
    /// Predict.
    Predict,
    /// Explain: nothing here does.
    Explain,
}

// === impl Endpoint ===

impl Endpoint {
    /// What a request to it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Models | Self::Ready | Self::Predict | Self::Explain => Need::Key,
        }
    }
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::POST, "/v1/models/{model}:predict", Endpoint::Predict)
            .about("predict on `instances` or `inputs`", "kserve_predicts_on_instances_row_by_row"),
        Route::new(Method::GET, "/v1/models", Endpoint::Models)
            .about("the models' names", "kserve_lists_its_models_and_says_whether_they_are_ready"),
        Route::new(Method::GET, "/v1/models/{model}", Endpoint::Ready)
            .about("whether a model is ready", "kserve_lists_its_models_and_says_whether_they_are_ready"),
        Route::new(Method::POST, "/v1/models/{model}:explain", Endpoint::Explain)
            .about("says that no model here explains", "kserve_refuses_in_its_own_words"),
    ]
}

pub(crate) async fn answer(
    service: &Service,
    endpoint: Endpoint,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    let answer = match endpoint {
        Endpoint::Models => {
            let names: Vec<String> = service.models(exchange).into_iter().map(|(name, _)| name).collect();
            json_of(&json!({ "models": names }))
        }
        Endpoint::Ready => {
            let deployment = service.model(exchange)?;
            let name = deployment.name();
            // Not ready is a fault.
            deployment.version(None)?;
            json_of(&json!({ "name": name, "ready": true }))
        }
        Endpoint::Predict => {
            let dialect = Kserve { compat: service.config.compat };
            service.predict_on(exchange, &dialect, body).await?
        }
        Endpoint::Explain => {
            service.model(exchange)?;
            return Err(Fault::new(FaultKind::NotFound, "no model here explains; `:predict` predicts"));
        }
    };
    Ok(respond(answer))
}
