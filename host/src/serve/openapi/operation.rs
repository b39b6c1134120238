//! One operation of the document: what a request may hold, and each status that it can be answered with.
//!
//! Made by the protocols' own modules beside this one; put into the document by [`super`].

use serde_json::{Map, Value, json};

/// What an endpoint takes and gives.
#[derive(Default)]
pub(super) struct Operation {
    /// Parameters besides those of the path.
    pub(super) parameters: Vec<Value>,
    /// The request's body, where there is one.
    pub(super) request: Option<Value>,
    /// By status.
    pub(super) responses: Map<String, Value>,
}

/// What a prediction can be refused with, whatever the protocol: content, model, size, type, the model's own failure, no room,
/// no time left.
pub(super) const PREDICTION: &[u16] = &[400, 404, 413, 415, 500, 503, 504];

// === impl Operation ===

impl Operation {
    /// One that is answered 200 with one of `content`: media types and what they hold.
    pub(super) fn answering(description: &str, content: Value) -> Self {
        Self::default().answers(200, description, content)
    }

    pub(super) fn answers(mut self, status: u16, description: &str, content: Value) -> Self {
        let mut response = json!({ "description": description });
        if content != json!({}) {
            response["content"] = content;
        }
        self.responses.insert(status.to_string(), response);
        self
    }

    /// The body that it takes: media types and what they hold.
    #[expect(clippy::needless_pass_by_value, reason = "whoever calls has made it for this")]
    pub(super) fn taking(self, content: Value) -> Self {
        Self { request: Some(json!({ "required": true, "content": content })), ..self }
    }

    /// The same, which may be left out.
    #[expect(clippy::needless_pass_by_value, reason = "whoever calls has made it for this")]
    pub(super) fn taking_perhaps(self, content: Value) -> Self {
        Self { request: Some(json!({ "required": false, "content": content })), ..self }
    }

    pub(super) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// The statuses that it refuses with, each in the words of `error`, the name of a schema.
    pub(super) fn refusing(mut self, error: &str, statuses: &[u16]) -> Self {
        for status in statuses {
            let mut response = json!({
                "description": meaning(*status),
                "content": { "application/json": { "schema": reference(error) } },
            });
            if *status == 503 {
                let schema = json!({ "type": "integer", "minimum": 1 });
                response["headers"] = json!({
                    "Retry-After": { "description": "Seconds after which to try again", "schema": schema },
                });
            }
            self.responses.insert(status.to_string(), response);
        }
        self
    }
}

/// A schema of the document, by name.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// JSON of one schema.
#[expect(clippy::needless_pass_by_value, reason = "whoever calls has made it for this")]
pub(super) fn of_json(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request's content is wrong; the message says what and where",
        401 => "The request brings no key that this server knows",
        403 => "Not for this client",
        404 => "There is no such model or version",
        409 => "There is one of that name already",
        413 => "The body is larger than allowed",
        415 => "The body's media type is not one that is served",
        429 => "As many requests as there may be for now",
        431 => "A request's name is longer than allowed",
        500 => "The model failed",
        501 => "No model here does that",
        503 => "There is no room for another request, or the model is not ready",
        504 => "The request took longer than it may",
        507 => "There is no memory for another model",
        _ => "Refused",
    }
}

/// Each protocol's way of saying what went wrong.
pub(super) fn errors() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let of = |key: &str| json!({ "type": "object", "properties": { key: text.clone() }, "required": [key] });
    let status = json!({
        "type": "object",
        "properties": {
            "status": { "type": "integer" },
            "info": text.clone(),
            "code": { "type": "integer" },
            "reason": text.clone(),
        },
        "required": ["status", "info", "code", "reason"],
    });
    let errors = [
        (
            "MlflowError",
            json!({
                "type": "object",
                "properties": {
                    "error_code": text.clone(),
                    "message": text.clone(),
                    "sqlstate": text.clone(),
                    "error_class": text.clone(),
                },
                "required": ["error_code", "message"],
            }),
        ),
        ("Error", of("error")),
        ("Message", of("message")),
        (
            "SeldonError",
            json!({ "type": "object", "properties": { "status": status }, "required": ["status"] }),
        ),
    ];
    errors.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
