//! Vertex AI: the routes, port and model that its variables name.

use serde_json::json;

use crate::running::{Running, models};

#[test]
fn vertex_predicts_where_it_was_told_to() {
    let uri = models().join("digits");
    let environment = [
        ("AIP_HTTP_PORT", "9"),
        ("AIP_HEALTH_ROUTE", "/live"),
        ("AIP_PREDICT_ROUTE", "/guess"),
        ("AIP_STORAGE_URI", uri.to_str().unwrap()),
    ];
    let server = Running::start_with(&[], &environment);
    assert_eq!((&server.ready["platform"], &server.ready["model"]), (&json!("vertex"), &json!("digits")));
    assert_eq!(server.get("/live").status, 200);
    let instances = vec![vec![0; 64], vec![16; 64]];
    let body = json!({"instances": instances, "parameters": {"top_k": 2}}).to_string();
    let answer = server.post("/guess", Some("application/json"), body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let predictions = answer.json()["predictions"].as_array().unwrap().clone();
    assert_eq!(predictions.len(), 2);
    assert!(predictions.iter().all(|row| row["digit"].as_array().unwrap().len() == 2), "{answer:?}");
    let wrong = json!({"instances": [vec![0; 64]], "parameters": {"top_k": "x"}}).to_string();
    for (content_type, body, status, text) in [
        ("application/json", "{\"instances\": [[1]]}", 400, "Shape of input"),
        ("application/json", wrong.as_str(), 400, "top_k"),
        ("text/plain", "x", 415, "text/plain"),
    ] {
        let answer = server.post("/guess", Some(content_type), body.as_bytes());
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(answer.status == status && error.contains(text), "{body}: {answer:?}");
    }
    assert_eq!(server.get("/guess").status, 405);
}

#[test]
fn vertex_has_routes_of_its_own_where_a_model_names_none() {
    let environment = [("AIP_MODE", "PREDICTION"), ("AIP_ENDPOINT_ID", "7"), ("AIP_DEPLOYED_MODEL_ID", "9")];
    let server = Running::start_with(&["-m", models().join("iris").to_str().unwrap()], &environment);
    assert_eq!(server.get("/v1/endpoints/7/deployedModels/9").status, 200);
    let body = json!({"instances": [[51, 35, 14, 2]]}).to_string();
    let answer = server.post("/v1/endpoints/7/deployedModels/9:predict", None, body.as_bytes());
    assert_eq!(answer.json()["predictions"][0]["species"], "setosa", "{answer:?}");
    // As `rawPredict` passes it on.
    let csv = "sepal_length,sepal_width,petal_length,petal_width\n51,35,14,2\n";
    let raw = server.post("/v1/endpoints/7/deployedModels/9:predict", Some("text/csv"), csv.as_bytes());
    assert_eq!(raw.body, answer.body);
}

#[test]
fn vertex_may_name_a_route_of_another_protocol() {
    let model = models().join("iris");
    let environment = [("AIP_HEALTH_ROUTE", "/ping"), ("AIP_PREDICT_ROUTE", "/invocations")];
    let server = Running::start_with(&["-m", model.to_str().unwrap()], &environment);
    let body = json!({"instances": [[51, 35, 14, 2]], "parameters": {}}).to_string();
    assert_eq!((server.get("/ping").status, server.invoke(&body).status), (200, 200));
    assert!(server.invoke("{}").json()["error"].is_string());
}
