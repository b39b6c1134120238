//! What Azure ML's routes take and give.

use serde_json::{Value, json};

use super::mlflow;
use super::model::Models;
use super::operation::{Operation, PREDICTION, of_json};
use crate::serve::protocol::azureml::Endpoint;

/// What a prediction can be refused with, and a name that is too long.
const SCORE: &[u16] = &[400, 404, 413, 415, 431, 500, 503, 504];

pub(super) fn operation(endpoint: Endpoint, models: &Models) -> Operation {
    let operation = match endpoint {
        Endpoint::Health => {
            Operation::answering("There is a model", json!({ "text/html; charset=utf-8": {} }))
                .refusing("Message", &[431, 503])
        }
        Endpoint::Score => Operation::answering(
            "The predictions, alone where `input_data` was sent",
            mlflow::answer_in(models, true),
        )
        .taking(content(models))
        .refusing("Message", SCORE),
        Endpoint::ScoreQuery => {
            Operation::answering("The prediction", mlflow::answer(models)).refusing("Message", SCORE)
        }
        Endpoint::ScoreOptions => {
            Operation::answering("The methods are in `Allow`", json!({})).refusing("Message", &[431])
        }
        Endpoint::Swagger => {
            let version = json!({ "type": "string", "enum": ["2", "3"], "default": "2" });
            Operation::answering("The document", of_json(json!({ "type": "object" })))
                .parameter(json!({ "name": "version", "in": "query", "schema": version }))
                .refusing("Message", &[404, 431])
        }
    };
    debug_assert!(PREDICTION.iter().all(|status| SCORE.contains(status)));
    operation
}

/// MLflow's bodies, and `input_data`.
fn content(models: &Models) -> Value {
    let mut content = mlflow::content(models);
    let input_data = json!({
        "type": "object",
        "properties": {
            "input_data": { "anyOf": [models.any("instances"), models.any("inputs")] },
            "params": models.any("params"),
        },
        "required": ["input_data"],
    });
    content["application/json"]["schema"] = json!({ "anyOf": [models.any("input"), input_data] });
    content
}
