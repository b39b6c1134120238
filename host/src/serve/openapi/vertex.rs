//! What Vertex AI's routes take and give.

use serde_json::{Value, json};

use super::kserve::content;
use super::mlflow::with_raw;
use super::model::Models;
use super::operation::{Operation, PREDICTION, of_json};
use crate::serve::protocol::vertex::Endpoint;

pub(super) fn operation(endpoint: Endpoint, models: &Models) -> Operation {
    match endpoint {
        Endpoint::Health => Operation::answering("There is a model", of_json(json!({ "type": "object" })))
            .refusing("Error", &[503]),
        Endpoint::Predict => {
            // A list whatever the model answers.
            let schema = json!({
                "type": "object",
                "properties": { "predictions": { "type": "array" } },
                "required": ["predictions"],
            });
            let mut content = content(models, "parameters");
            // What `rawPredict` may pass on besides.
            content["text/csv"] = json!({ "schema": { "type": "string" } });
            content["application/vnd.apache.parquet"] = Value::Object(serde_json::Map::new());
            Operation::answering("The predictions", with_raw(models, of_json(schema)))
                .taking(content)
                .refusing("Error", PREDICTION)
        }
    }
}
