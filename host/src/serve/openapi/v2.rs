//! What V2's routes take and give.

use serde_json::{Value, json};

use super::operation::{Operation, PREDICTION, of_json};
use crate::serve::protocol::v2::Endpoint;

/// The statuses of questions about one model.
const QUESTION: &[u16] = &[404, 503];
/// Those of orders to load and unload.
const ORDER: &[u16] = &[400, 403, 404, 409, 413, 415, 500, 503, 504, 507];

pub(super) fn operation(endpoint: Endpoint) -> Operation {
    let asked = |description: &str, schema: Value| {
        Operation::answering(description, of_json(schema)).refusing("Error", QUESTION)
    };
    match endpoint {
        Endpoint::Server => {
            let texts = json!({ "type": "array", "items": { "type": "string" } });
            let schema = object(&[("name", text()), ("version", text()), ("extensions", texts)]);
            Operation::answering("What the server is", of_json(schema))
        }
        Endpoint::Live => Operation::answering("The server is alive", anything()),
        Endpoint::Ready => Operation::answering("All models are ready", anything()).refusing("Error", &[503]),
        Endpoint::Model => asked("What the model takes and gives", metadata()),
        Endpoint::ModelReady => {
            asked("The model is ready", object(&[("name", text()), ("ready", json!({ "type": "boolean" }))]))
        }
        Endpoint::Config => asked("How the model is served", object(&[("name", text())])),
        Endpoint::Infer => {
            let mut answers = of_json(response());
            // Binary tensors, behind a head in JSON.
            answers["application/octet-stream"] = json!({});
            let mut requests = of_json(request());
            requests["application/octet-stream"] = json!({});
            Operation::answering("The outputs", answers).taking(requests).refusing("Error", PREDICTION)
        }
        Endpoint::Generate => Operation::answering("The outputs by name", of_json(object(&[])))
            .taking(of_json(json!({ "type": "object" })))
            .refusing("Error", PREDICTION),
        Endpoint::GenerateStream => {
            Operation::answering("The outputs by name, as an event", json!({ "text/event-stream": {} }))
                .taking(of_json(json!({ "type": "object" })))
                .refusing("Error", PREDICTION)
        }
        Endpoint::Statistics => asked("What the model has done", statistics()),
        Endpoint::AllStatistics => Operation::answering("What all models have done", of_json(statistics())),
        Endpoint::Index => {
            let entry = object(&[("name", text()), ("state", text())]);
            let entries = json!({ "type": "array", "items": entry });
            let ready = json!({ "type": "object", "properties": { "ready": { "type": "boolean" } } });
            Operation::answering("Every version of every model", of_json(entries))
                .taking_perhaps(of_json(ready))
                .refusing("Error", &[400, 413, 415, 503, 504])
        }
        Endpoint::Load | Endpoint::Unload => Operation::answering("It is done", json!({}))
            .taking_perhaps(of_json(json!({ "type": "object" })))
            .refusing("Error", ORDER),
    }
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// JSON, of which nothing is said.
fn anything() -> Value {
    of_json(json!({}))
}

/// An object with at least these.
fn object(fields: &[(&str, Value)]) -> Value {
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn shape(least: i64) -> Value {
    json!({ "type": "array", "items": { "type": "integer", "minimum": least } })
}

fn datatype() -> Value {
    json!({ "enum": [
        "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BF16",
        "BYTES",
    ] })
}

fn metadata() -> Value {
    let tensors = json!({
        "type": "array",
        "items": object(&[("name", text()), ("datatype", datatype()), ("shape", shape(-1))]),
    });
    let versions = json!({ "type": "array", "items": text() });
    object(&[
        ("name", text()),
        ("versions", versions),
        ("platform", text()),
        ("inputs", tensors.clone()),
        ("outputs", tensors),
    ])
}

fn request() -> Value {
    let tensor = object(&[
        ("name", text()),
        ("shape", shape(0)),
        ("datatype", datatype()),
        ("data", json!({ "type": "array" })),
    ]);
    let wanted = object(&[("name", text())]);
    json!({
        "type": "object",
        "properties": {
            "id": text(),
            "parameters": { "type": "object" },
            "inputs": { "type": "array", "items": tensor, "minItems": 1 },
            "outputs": { "type": "array", "items": wanted },
        },
        "required": ["inputs"],
    })
}

fn response() -> Value {
    let tensor = object(&[("name", text()), ("shape", shape(0)), ("datatype", datatype())]);
    let outputs = json!({ "type": "array", "items": tensor });
    object(&[("model_name", text()), ("model_version", text()), ("outputs", outputs)])
}

fn statistics() -> Value {
    let model = object(&[("name", text()), ("version", text())]);
    object(&[("model_stats", json!({ "type": "array", "items": model }))])
}
