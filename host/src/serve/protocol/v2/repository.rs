//! Triton's model repository extension: the index of models, loading and unloading them (`docs/protocol/extension_model_repository.md`).
//!
//! Called by `protocol::v2`. What may be loaded is the catalog's to decide; the index is there for everybody, since it says no more
//! than each model's own routes do.

use hyper::body::Incoming;
use mlhost_wire::dialect::Answer;
use mlhost_wire::fault::{Fault, FaultKind};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;

/// What may stand in an index request.
#[derive(Default, Deserialize)]
struct IndexRequest {
    /// Only what is ready.
    #[serde(default)]
    ready: bool,
}

/// Whether models can be loaded and unloaded by clients.
pub(super) fn is_open(_service: &Service) -> bool {
    false
}

/// The answer to `POST /v2/repository/index`.
pub(super) async fn index(
    service: &Service,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Answer, Fault> {
    let held = service.read(exchange, body).await?;
    let body = held.contiguous();
    let IndexRequest { ready: _ } = if body.trim_ascii().is_empty() {
        IndexRequest::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Fault::new(FaultKind::BadInput, format!("the request's JSON: {error}")))?
    };
    let entries: Vec<Json> = service
        .catalog
        .models()
        .iter()
        .map(|(name, deployment)| {
            json!({ "name": name, "version": deployment.current().version.name(), "state": "READY", "reason": "" })
        })
        .collect();
    Ok(Answer::json(200, Json::Array(entries).to_string().into_bytes()))
}

fn closed() -> Fault {
    Fault::new(FaultKind::Forbidden, "this server does not let clients load and unload models")
}

/// The answer to `POST /v2/repository/models/{model}/load`.
#[expect(clippy::unused_async, reason = "loading takes its time")]
pub(super) async fn load(_: &Service, _: &mut Exchange<'_>, _: Incoming) -> Result<Answer, Fault> {
    Err(closed())
}

/// The answer to `POST /v2/repository/models/{model}/unload`.
#[expect(clippy::unused_async, reason = "unloading takes its time")]
pub(super) async fn unload(_: &Service, _: &mut Exchange<'_>) -> Result<Answer, Fault> {
    Err(closed())
}
