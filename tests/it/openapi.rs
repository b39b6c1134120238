//! `/openapi.json` and `/docs` of real servers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::running::{Running, models, root};

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
fn the_document_says_what_the_model_takes_and_gives() {
    for sample in ["iris", "digits", "echo", "titanic"] {
        let server = Running::sample(sample, &[]);
        let document = server.get("/openapi.json").json();
        assert_eq!(document["openapi"], "3.1.1");
        let routes = server.ready["routes"].as_array().unwrap();
        assert!(!routes.is_empty());
        for route in routes {
            let (method, path) = route.as_str().unwrap().split_once(' ').unwrap();
            let operation = &document["paths"][path][method.to_ascii_lowercase()];
            assert!(operation["responses"].is_object(), "{sample}: {route}");
        }
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{sample}: {reference}");
        }
        let parameters = &document["paths"]["/v1/models/{model}"]["get"]["parameters"];
        assert_eq!(parameters[0]["schema"]["enum"], json!([sample]));
    }
    let server = Running::sample("iris", &[]);
    let schemas = server.get("/openapi.json").json()["components"]["schemas"].clone();
    let row = &schemas["iris.instances"]["items"]["anyOf"][0];
    assert_eq!(row["properties"]["sepal_length"], json!({"type": "number", "format": "double"}));
    assert_eq!(row["required"].as_array().unwrap().len(), 4);
    assert_eq!(schemas["iris.output"]["items"]["properties"]["species"]["type"], json!(["string", "null"]));
}

#[test]
fn the_example_that_was_saved_with_a_model_is_in_the_document() {
    let model = root().join("tests/fixtures/onnx-flavor/columns");
    let server = Running::start(&["-m", model.to_str().unwrap()]);
    let document = server.get("/openapi.json").json();
    let content = &document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"];
    let example = &content["examples"]["saved"]["value"];
    assert!(example.is_object(), "{content}");
    assert_eq!(server.invoke(&example.to_string()).status, 200);
}

#[test]
fn the_page_lists_every_route_and_needs_nothing_from_elsewhere() {
    let server = Running::start(&["-m", models().join("iris").to_str().unwrap()]);
    let page = server.get("/docs");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for route in server.ready["routes"].as_array().unwrap() {
        assert!(page.body.contains(route.as_str().unwrap()), "{route}");
    }
    assert!(!page.body.contains("http:") && !page.body.contains("https:") && !page.body.contains("<script"));
}
