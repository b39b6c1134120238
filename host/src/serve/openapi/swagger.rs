//! Swagger 2.0 of Azure ML's `/score`, which Azure ML's own tools read.
//!
//! Called by `serve::protocol::azureml`. The form is that of `azureml_inference_server_http/server/swagger2_template.json`. Swagger 2
//! knows less than JSON Schema: what it has no word for is left open.

use serde_json::{Map, Value, json};

use super::model::Models;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;

/// The document, with the models that the request may know of.
pub(crate) fn swagger(service: &Service, exchange: &Exchange<'_>) -> Value {
    let models = Models::of(service.models(exchange));
    let mut definitions: Map<String, Value> =
        models.schemas().into_iter().map(|(name, schema)| (name, plainer(schema))).collect();
    let input = json!({ "type": "object", "properties": { "input_data": plainer(models.any("instances")) } });
    definitions.insert("ServiceInput".to_owned(), input);
    definitions.insert("ServiceOutput".to_owned(), plainer(models.any("output")));
    let message = json!({ "message": { "type": "string" } });
    definitions.insert("ErrorResponse".to_owned(), json!({ "type": "object", "properties": message }));
    let refused = json!({
        "description": "The service failed to execute due to an error.",
        "schema": { "$ref": "#/definitions/ErrorResponse" },
    });
    let healthy = json!({ "description": "The service is up.", "schema": { "type": "string" } });
    let scored = json!({
        "description": "The service processed the input correctly and provided a result prediction.",
        "schema": { "$ref": "#/definitions/ServiceOutput" },
    });
    let payload = json!({
        "name": "serviceInputPayload",
        "in": "body",
        "schema": { "$ref": "#/definitions/ServiceInput" },
    });
    json!({
        "swagger": "2.0",
        "info": { "title": "mlhost", "version": env!("CARGO_PKG_VERSION"), "description": models.listed() },
        "schemes": ["http", "https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": {
            "/": { "get": {
                "operationId": "ServiceHealthCheck",
                "responses": { "200": healthy, "default": refused.clone() },
            } },
            "/score": { "post": {
                "operationId": "RunMLService",
                "parameters": [payload],
                "responses": { "200": scored, "default": refused },
            } },
        },
        "definitions": definitions,
    })
}

/// A schema in the words of Swagger 2.
fn plainer(schema: Value) -> Value {
    let Value::Object(object) = schema else {
        return match schema {
            Value::Array(list) => Value::Array(list.into_iter().map(plainer).collect()),
            other => other,
        };
    };
    let mut plain = Map::new();
    for (key, value) in object {
        match (key.as_str(), value) {
            ("anyOf" | "prefixItems" | "const" | "contentEncoding", _) => {}
            ("$ref", Value::String(target)) => {
                plain.insert(key, Value::String(target.replace("#/components/schemas/", "#/definitions/")));
            }
            ("type", Value::Array(kinds)) => {
                // Of several kinds it knows one or null.
                if let [kind, Value::String(null)] = kinds.as_slice()
                    && null == "null"
                {
                    plain.insert(key, kind.clone());
                    plain.insert("x-nullable".to_owned(), Value::Bool(true));
                }
            }
            (_, value) => {
                plain.insert(key, plainer(value));
            }
        }
    }
    if plain.get("type") == Some(&json!("array")) && !plain.contains_key("items") {
        plain.insert("items".to_owned(), json!({}));
    }
    Value::Object(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_swagger_has_no_word_for_is_left_open() {
        let schema = json!({
            "anyOf": [{ "$ref": "#/components/schemas/a" }],
            "type": "array",
            "prefixItems": [{ "type": "number" }],
            "properties": { "x": { "type": ["number", "null"] }, "y": { "$ref": "#/components/schemas/b" } },
        });
        let expected = json!({
            "type": "array",
            "items": {},
            "properties": {
                "x": { "type": "number", "x-nullable": true },
                "y": { "$ref": "#/definitions/b" },
            },
        });
        assert_eq!(plainer(schema), expected);
    }
}
