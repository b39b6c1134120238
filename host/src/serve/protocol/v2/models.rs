//! What V2 says of models: readiness, metadata, configuration.
//!
//! Called by `protocol::v2`. Reads the catalog and changes nothing.

use mlhost_wire::dialect::Answer;
use mlhost_wire::dialect::v2::{ModelMetadata, TensorMetadata, datatype, rest};
use mlhost_wire::fault::{Fault, FaultKind};
use serde_json::{Value as Json, json};

use super::health;
use crate::deployment::State;
use crate::fault;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;

/// The answer to `GET /v2/health/ready`.
pub(super) fn all_ready(service: &Service) -> Result<Answer, Fault> {
    if service.readiness.is_ready() { Ok(health("ready")) } else { Err(fault::draining()) }
}

/// The answer to `GET /v2/models/{model}/ready`.
pub(super) fn ready(service: &Service, exchange: &Exchange<'_>) -> Result<Answer, Fault> {
    let deployment = service.model(exchange)?;
    let (name, state) = (deployment.name(), deployment.state(exchange.version.as_deref())?);
    // Asking brings no model back that was unloaded for want of memory: probes ask all the time.
    match state {
        State::Ready => {
            let body = json!({ "name": name, "ready": true });
            Ok(Answer::json(200, body.to_string().into_bytes()))
        }
        State::Loading | State::Unloading => {
            Err(Fault::new(FaultKind::NotReady, format!("model `{name}` is not ready: {}", state.name())))
        }
        State::Unavailable => {
            Err(Fault::new(FaultKind::NotFound, format!("model `{name}` is not ready: {}", state.name())))
        }
    }
}

/// The answer to `GET /v2/models/{model}`.
pub(super) fn metadata(service: &Service, exchange: &Exchange<'_>) -> Result<Answer, Fault> {
    Ok(rest::model_metadata(&describe(service, exchange)?))
}

fn describe(service: &Service, exchange: &Exchange<'_>) -> Result<ModelMetadata, Fault> {
    let deployment = service.model(exchange)?;
    let release = deployment.version(exchange.version.as_deref())?;
    let served = deployment.served();
    let versions = served.releases().iter().map(|release| release.version.name().to_owned()).collect();
    let app = &release.app;
    Ok(ModelMetadata::new(deployment.name(), versions, app.platform(), app.tensors()))
}

/// The answer to `GET /v2/models/{model}/config`: as much of Triton's model configuration as means something here. Shapes are
/// whole, so that there is no `max_batch_size` to add to them.
pub(super) fn config(service: &Service, exchange: &Exchange<'_>) -> Result<Answer, Fault> {
    let metadata = describe(service, exchange)?;
    let ports = |tensors: &[TensorMetadata]| -> Vec<Json> {
        let port = |tensor: &TensorMetadata| {
            json!({
                "name": tensor.name,
                "data_type": data_type(datatype::name(tensor.element_type)),
                "dims": tensor.shape,
                "optional": tensor.optional,
            })
        };
        tensors.iter().map(port).collect()
    };
    let body = json!({
        "name": metadata.name,
        "platform": metadata.platform,
        "backend": "mlhost",
        "version_policy": { "specific": { "versions": metadata.versions } },
        "max_batch_size": 0,
        "input": ports(&metadata.inputs),
        "output": ports(&metadata.outputs),
    });
    Ok(Answer::json(200, body.to_string().into_bytes()))
}

/// What Triton's configuration calls a datatype: texts are `TYPE_STRING` there.
fn data_type(datatype: &str) -> String {
    format!("TYPE_{}", if datatype == "BYTES" { "STRING" } else { datatype })
}
