//! What the server serves, as OpenAPI 3.1 has it said: every route, with what the models that are loaded take and give.
//!
//! Called by `serve::protocol::mlflow` for `/openapi.json` and `/docs`, and by `serve::protocol::azureml` for its Swagger. Made anew
//! each time: models come and go. Says nothing that requests could not find out.

mod azureml;
mod kserve;
mod mlflow;
mod model;
mod operation;
mod page;
mod sagemaker;
mod schema;
mod seldon;
mod swagger;
mod v2;
mod vertex;

use serde_json::{Map, Value, json};

use self::model::Models;
use self::operation::Operation;
use crate::access::Need;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::protocol::{Endpoint, Protocol};
use crate::serve::routes::Route;

pub(crate) use self::page::page;
pub(crate) use self::swagger::swagger;

/// The document, with the models that the request may know of.
pub(crate) fn document(service: &Service, exchange: &Exchange<'_>) -> Value {
    described_all(service, &Models::of(service.models(exchange)))
}

fn described_all(service: &Service, models: &Models) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in service.routes.all() {
        let operation = admitted(service, route.endpoint, operation(route.endpoint, models));
        let item = paths.entry(route.path.clone().into_owned()).or_insert_with(|| json!({}));
        item[route.method.as_str().to_ascii_lowercase()] = described(route, operation, models);
    }
    let mut schemas = models.schemas();
    schemas.append(&mut operation::errors());
    json!({
        "openapi": "3.1.1",
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "info": {
            "title": "mlhost",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("Serves {}.", models.listed()),
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

/// What an endpoint takes and gives.
fn operation(endpoint: Endpoint, models: &Models) -> Operation {
    match endpoint {
        Endpoint::Mlflow(endpoint) => mlflow::operation(endpoint, models),
        Endpoint::V2(endpoint) => v2::operation(endpoint),
        // No route over HTTP: its own description is `inference.proto`.
        Endpoint::Grpc(_) => Operation::default(),
        Endpoint::Kserve(endpoint) => kserve::operation(endpoint, models),
        Endpoint::SageMaker(endpoint) => sagemaker::operation(endpoint, models),
        Endpoint::Vertex(endpoint) => vertex::operation(endpoint, models),
        Endpoint::AzureMl(endpoint) => azureml::operation(endpoint, models),
        Endpoint::Seldon(endpoint) => seldon::operation(endpoint, models),
    }
}

/// The same, with how it is refused to whom it is not for.
fn admitted(service: &Service, endpoint: Endpoint, operation: Operation) -> Operation {
    let keyed = service.access.key_file().is_some();
    let refused: &[u16] = match endpoint.need() {
        Need::Health => &[],
        _ if keyed => &[401, 403, 429],
        _ if service.access.limits_addresses() => &[429],
        _ => &[],
    };
    let error = match endpoint.protocol() {
        Protocol::Mlflow | Protocol::SageMaker => "MlflowError",
        Protocol::V2 | Protocol::Grpc | Protocol::Kserve | Protocol::Vertex => "Error",
        Protocol::AzureMl => "Message",
        Protocol::Seldon => "SeldonError",
    };
    operation.refusing(error, refused)
}

fn described(route: &Route, operation: Operation, models: &Models) -> Value {
    let mut parameters = path_parameters(&route.path, models);
    parameters.extend(operation.parameters);
    let mut described = json!({
        "operationId": identifier(route),
        "summary": route.summary,
        "tags": [route.endpoint.protocol().name()],
        "responses": operation.responses,
    });
    if !parameters.is_empty() {
        described["parameters"] = Value::Array(parameters);
    }
    if let Some(request) = operation.request {
        described["requestBody"] = request;
    }
    described
}

/// Method and path in letters, digits and underscores, different for each route.
fn identifier(route: &Route) -> String {
    let mut text = route.method.as_str().to_ascii_lowercase();
    for part in route.path.split(|character: char| !character.is_ascii_alphanumeric()) {
        if !part.is_empty() {
            text.push('_');
            text.push_str(part);
        }
    }
    if route.path.len() > 1 && route.path.ends_with('/') {
        text.push_str("_slash");
    }
    text
}

fn path_parameters(path: &str, models: &Models) -> Vec<Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    names
        .map(|name| {
            let schema = match name {
                "model" => models.names_schema(),
                "version" => models.versions_schema(),
                _ => json!({ "type": "string" }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect()
}

#[cfg(test)]
mod tests;
