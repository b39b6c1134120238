//! Triton's model repository extension: the index of models, loading and unloading them
//! (`docs/protocol/extension_model_repository.md`).
//!
//! Called by `protocol::v2`. Whether clients may load and unload is the catalog's to decide; the index is there for everybody, since
//! it says no more than each model's own routes do, and of no model that the request's key is not for.

use hyper::body::Incoming;
use mlhost_wire::dialect::Answer;
use mlhost_wire::fault::{Fault, FaultKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use crate::catalog::Entry;
use crate::deployment::State;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;

/// What may stand in an index request.
#[derive(Default, Deserialize)]
struct IndexRequest {
    /// Only what is ready.
    #[serde(default)]
    ready: bool,
}

/// What may stand in a request to load or unload.
#[derive(Default, Deserialize)]
struct ControlRequest {
    #[serde(default)]
    parameters: Map<String, Json>,
}

/// Whether models can be loaded and unloaded by clients.
pub(super) fn is_open(service: &Service) -> bool {
    service.catalog.is_controlled()
}

/// The answer to `POST /v2/repository/index`.
pub(super) async fn index(
    service: &Service,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Answer, Fault> {
    let IndexRequest { ready } = request(service, exchange, body).await?;
    let listed = |entry: &Entry| !ready || entry.state == State::Ready;
    let entries: Vec<Json> =
        service.index(exchange).iter().filter(|entry| listed(entry)).map(spell).collect();
    Ok(Answer::json(200, Json::Array(entries).to_string().into_bytes()))
}

fn spell(entry: &Entry) -> Json {
    let mut spelled = json!({ "name": entry.name, "state": entry.state.name() });
    if let Some(version) = &entry.version {
        spelled["version"] = json!(version);
    }
    if !entry.reason.is_empty() {
        spelled["reason"] = json!(entry.reason);
    }
    spelled
}

/// The answer to `POST /v2/repository/models/{model}/load`: a model that is loaded already is loaded anew, as Triton does it.
pub(super) async fn load(
    service: &Service,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Answer, Fault> {
    let ControlRequest { parameters } = request(service, exchange, body).await?;
    let name = exchange.model.as_deref().unwrap_or_default();
    service.load(exchange, name, parameters.keys().next()).await?;
    Ok(Answer::empty(200))
}

/// The answer to `POST /v2/repository/models/{model}/unload`. No model depends on another.
pub(super) async fn unload(
    service: &Service,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Answer, Fault> {
    let ControlRequest { .. } = request(service, exchange, body).await?;
    service.unload(exchange, exchange.model.as_deref().unwrap_or_default()).await?;
    Ok(Answer::empty(200))
}

/// A body that may be left out.
async fn request<T: Default + DeserializeOwned>(
    service: &Service,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<T, Fault> {
    let held = service.read(exchange, body).await?;
    let body = held.contiguous();
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&body)
        .map_err(|error| Fault::new(FaultKind::BadInput, format!("the request's JSON: {error}")))
}
