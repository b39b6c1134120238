//! What SageMaker's routes take and give.

use serde_json::{Value, json};

use super::mlflow;
use super::model::Models;
use super::operation::{Operation, PREDICTION, of_json};
use crate::serve::protocol::sagemaker::Endpoint;

pub(super) fn operation(endpoint: Endpoint, models: &Models) -> Operation {
    match endpoint {
        Endpoint::Ping => Operation::answering("The server is up", json!({})).refusing("MlflowError", &[503]),
        Endpoint::Invocations | Endpoint::Invoke => {
            let mut content = mlflow::content(models);
            for media_type in ["application/jsonlines", "application/x-npy"] {
                content[media_type] = json!({});
            }
            let mut answer = mlflow::answer(models);
            for media_type in ["text/csv; charset=utf-8", "application/jsonlines", "application/x-npy"] {
                answer[media_type] = json!({});
            }
            Operation::answering("The predictions, in the type that `Accept` asks for", answer)
                .taking(content)
                .refusing("MlflowError", PREDICTION)
        }
        Endpoint::List => {
            let models = json!({ "type": "array", "items": model() });
            let schema =
                json!({ "type": "object", "properties": { "models": models }, "required": ["models"] });
            Operation::answering("The models that are loaded", of_json(schema))
        }
        Endpoint::Show => Operation::answering("The model", of_json(model())).refusing("MlflowError", &[404]),
        Endpoint::Load => {
            let text = json!({ "type": "string" });
            let wanted = json!({
                "type": "object",
                "properties": { "model_name": text.clone(), "url": text },
                "required": ["model_name", "url"],
            });
            Operation::answering("It is loaded", of_json(json!({ "type": "object" })))
                .taking(of_json(wanted))
                .refusing("MlflowError", &[400, 403, 404, 409, 413, 500, 503, 504, 507])
        }
        Endpoint::Unload => Operation::answering("It is unloaded", of_json(json!({ "type": "object" })))
            .refusing("MlflowError", &[403, 404, 500, 503, 504]),
    }
}

fn model() -> Value {
    json!({
        "type": "object",
        "properties": { "modelName": { "type": "string" }, "modelUrl": { "type": "string" } },
        "required": ["modelName", "modelUrl"],
    })
}
