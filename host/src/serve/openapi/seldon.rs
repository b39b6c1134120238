//! What Seldon Core 1's routes take and give.

use serde_json::{Value, json};

use super::model::Models;
use super::operation::{Operation, PREDICTION, of_json};
use crate::serve::protocol::seldon::Endpoint;

/// How Seldon's own client sends a message.
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn operation(endpoint: Endpoint, _models: &Models) -> Operation {
    match endpoint {
        Endpoint::Predict => {
            let requests = json!({ "anyOf": [
                message("data", data()),
                message("jsonData", json!({})),
                message("strData", json!({ "type": "string" })),
                message("binData", json!({ "type": "string", "contentEncoding": "base64" })),
            ] });
            let mut content = of_json(requests);
            content[FORM] = form();
            Operation::answering("A message in the form of the request's", of_json(answered()))
                .taking(content)
                .refusing("SeldonError", PREDICTION)
        }
        Endpoint::Feedback => {
            let feedback = json!({
                "type": "object",
                "properties": {
                    "request": { "type": "object" },
                    "response": { "type": "object" },
                    "reward": { "type": "number" },
                    "truth": { "type": "object" },
                },
            });
            let mut content = of_json(feedback);
            content[FORM] = form();
            Operation::answering("It is taken", of_json(answered()))
                .taking(content)
                .refusing("SeldonError", &[400, 413, 503, 504])
        }
        Endpoint::Ping => Operation::answering("`pong`", json!({ "text/html; charset=utf-8": {} })),
        Endpoint::Status => {
            Operation::answering("There is a model", of_json(answered())).refusing("SeldonError", &[404, 503])
        }
        Endpoint::Metadata => {
            let schema = json!({
                "type": "object",
                "properties": {
                    "name": { "type": "string" },
                    "versions": { "type": "array", "items": { "type": "string" } },
                    "platform": { "type": "string" },
                    "inputs": { "type": "array" },
                    "outputs": { "type": "array" },
                },
                "required": ["name", "versions", "platform", "inputs", "outputs"],
            });
            Operation::answering("What the model takes and gives", of_json(schema))
                .refusing("SeldonError", &[404, 503])
        }
    }
}

/// The same JSON in a form's field.
fn form() -> Value {
    let schema =
        json!({ "type": "object", "properties": { "json": { "type": "string" } }, "required": ["json"] });
    json!({ "schema": schema })
}

#[expect(clippy::needless_pass_by_value, reason = "whoever calls has made it for this")]
fn message(key: &str, value: Value) -> Value {
    let meta = json!({ "type": "object", "properties": { "puid": { "type": "string" } } });
    json!({
        "type": "object",
        "properties": { key: value, "meta": meta },
        "required": [key],
        "additionalProperties": false,
    })
}

fn data() -> Value {
    let names = json!({ "type": "array", "items": { "type": "string" } });
    let size = json!({ "type": "integer", "minimum": 0 });
    let tensor = json!({
        "type": "object",
        "properties": {
            "shape": { "type": "array", "items": size },
            "values": { "type": "array", "items": { "type": ["number", "null"] } },
        },
        "required": ["shape", "values"],
    });
    json!({ "anyOf": [
        { "type": "object", "properties": { "names": names, "ndarray": { "type": "array" } }, "required": ["ndarray"] },
        { "type": "object", "properties": { "names": names, "tensor": tensor }, "required": ["tensor"] },
    ] })
}

fn answered() -> Value {
    json!({
        "type": "object",
        "properties": {
            "data": data(),
            "strData": { "type": "string" },
            "binData": { "type": "string", "contentEncoding": "base64" },
            "meta": { "type": "object" },
        },
        "required": ["meta"],
    })
}
