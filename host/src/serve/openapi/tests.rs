//! The rules of OpenAPI 3.1 that can be checked without its schema: every reference leads somewhere, every parameter of a path
//! is declared, every status is one.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::access::{Access, AccessConfig};
use crate::catalog::Catalog;
use crate::config::{PlatformConfig, Protocols, ServedProtocol, ServerConfig, VertexRoutes};
use crate::readiness::Readiness;

/// A server of everything, and no model.
fn service() -> Service {
    let platform = PlatformConfig {
        protocols: Protocols::of(&ServedProtocol::ALL),
        multi_model: true,
        ..PlatformConfig::default()
    };
    service_on(platform)
}

fn service_on(platform: PlatformConfig) -> Service {
    let config = ServerConfig { platform, ..ServerConfig::default() };
    let access = Access::new(&AccessConfig::default()).unwrap();
    Service::new(Arc::new(Catalog::empty()), config, Arc::new(access), Readiness::default()).unwrap()
}

fn document_of(service: &Service) -> Value {
    described_all(service, &Models::of(Vec::new()))
}

fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_route_is_in_the_document_with_what_it_can_answer() {
    let service = service();
    let document = document_of(&service);
    let mut identifiers = BTreeSet::new();
    for route in service.routes.all() {
        let operation = &document["paths"][route.path.as_ref()][route.method.as_str().to_ascii_lowercase()];
        let place = format!("{route}");
        assert!(operation.is_object(), "{place} is not there");
        assert!(
            identifiers.insert(operation["operationId"].as_str().unwrap()),
            "{place}: its name is another's"
        );
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{place} does not say what it does");
        let responses = operation["responses"].as_object().unwrap();
        assert!(!responses.is_empty(), "{place} answers nothing");
        for (status, response) in responses {
            assert!((200..600).contains(&status.parse::<u16>().unwrap()), "{place}: {status}");
            assert!(response["description"].is_string(), "{place}: {status}");
        }
        let declared: Vec<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let named: Vec<&str> =
            route.path.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
        assert_eq!(declared, named, "{place}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document_of(&service());
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn what_a_page_shows_cannot_be_made_to_run() {
    let platform = PlatformConfig {
        protocols: Protocols::of(&[ServedProtocol::Vertex]),
        vertex: VertexRoutes { health: "/<script>".to_owned(), predict: "/p".to_owned() },
        ..PlatformConfig::default()
    };
    let page = page(&service_on(platform));
    assert!(page.contains("/&lt;script&gt;") && !page.contains("<script>"), "{page}");
}
