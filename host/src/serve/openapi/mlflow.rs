//! What MLflow's routes, and mlhost's own beside them, take and give.

use serde_json::{Value, json};

use super::model::Models;
use super::operation::{Operation, PREDICTION, of_json};
use crate::serve::protocol::mlflow::Endpoint;

pub(super) fn operation(endpoint: Endpoint, models: &Models) -> Operation {
    match endpoint {
        Endpoint::Invocations => Operation::answering("The predictions", answer(models))
            .taking(content(models))
            .refusing("MlflowError", PREDICTION),
        // MLflow's own says JSON over an empty line.
        Endpoint::Health => Operation::answering("There is a model", json!({ "application/json": {} }))
            .refusing("MlflowError", &[503]),
        Endpoint::Version => Operation::answering("The version", json!({ "application/json": {} })),
        Endpoint::OpenApi => Operation::answering(
            "This document",
            of_json(json!({ "type": "object", "required": ["openapi", "paths"] })),
        ),
        Endpoint::Docs => {
            Operation::answering("The routes, for people", json!({ "text/html; charset=utf-8": {} }))
        }
    }
}

/// The bodies that MLflow's dialect takes.
pub(super) fn content(models: &Models) -> Value {
    let mut content = models.json_request(models.any("input"));
    content.insert("text/csv".to_owned(), json!({ "schema": { "type": "string" } }));
    content.insert("application/vnd.apache.parquet".to_owned(), json!({}));
    content.extend(models.raw());
    Value::Object(content)
}

/// Predictions in their envelope, or alone where the request was a chat.
pub(super) fn answer(models: &Models) -> Value {
    answer_in(models, models.answers_bare())
}

/// Predictions in their envelope, or also alone.
pub(super) fn answer_in(models: &Models, bare: bool) -> Value {
    let enveloped = json!({
        "type": "object",
        "properties": { "predictions": models.any("output") },
        "required": ["predictions"],
    });
    let schema = if bare { json!({ "anyOf": [enveloped, models.any("output")] }) } else { enveloped };
    with_raw(models, of_json(schema))
}

/// The same, and any type where a component may answer in its own.
pub(super) fn with_raw(models: &Models, mut content: Value) -> Value {
    if models.answers_raw() {
        content["*/*"] = json!({});
    }
    content
}
