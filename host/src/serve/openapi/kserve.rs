//! What KServe V1's routes take and give.

use serde_json::{Value, json};

use super::mlflow::with_raw;
use super::model::Models;
use super::operation::{Operation, PREDICTION, of_json};
use crate::serve::protocol::kserve::Endpoint;

pub(super) fn operation(endpoint: Endpoint, models: &Models) -> Operation {
    match endpoint {
        Endpoint::Models => {
            let names = json!({ "type": "array", "items": { "type": "string" } });
            let schema =
                json!({ "type": "object", "properties": { "models": names }, "required": ["models"] });
            Operation::answering("The models' names", of_json(schema))
        }
        Endpoint::Ready => {
            let schema = json!({
                "type": "object",
                "properties": { "name": { "type": "string" }, "ready": { "type": "boolean" } },
                "required": ["name", "ready"],
            });
            Operation::answering("The model is ready", of_json(schema)).refusing("Error", &[404, 503])
        }
        Endpoint::Predict => {
            Operation::answering("The predictions", with_raw(models, of_json(predictions(models))))
                .taking(content(models, "params"))
                .refusing("Error", PREDICTION)
        }
        Endpoint::Explain => Operation::default().refusing("Error", &[404]),
    }
}

/// `instances` or `inputs`, and parameters under `params`.
pub(super) fn content(models: &Models, params: &str) -> Value {
    let form = |name: &str| {
        json!({
            "type": "object",
            "properties": { name: models.any(name), params: models.any("params") },
            "required": [name],
        })
    };
    let mut content = models.json_request(json!({ "anyOf": [form("instances"), form("inputs")] }));
    content.extend(models.raw());
    Value::Object(content)
}

/// One entry for each row.
pub(super) fn predictions(models: &Models) -> Value {
    json!({
        "type": "object",
        "properties": { "predictions": models.any("rows") },
        "required": ["predictions"],
    })
}
