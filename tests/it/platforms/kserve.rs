//! KServe's first protocol.

use serde_json::json;

use crate::running::{Running, models};
use crate::samples::close;

#[test]
fn kserve_lists_its_models_and_says_whether_they_are_ready() {
    let server = Running::sample("iris", &[]);
    assert_eq!(server.get("/v1/models").json(), json!({"models": ["iris"]}));
    assert_eq!(server.get("/v1/models/iris").json(), json!({"name": "iris", "ready": true}));
    let named = Running::sample("iris", &["--model-name", "flowers"]);
    assert_eq!(named.get("/v1/models").json(), json!({"models": ["flowers"]}));
    assert_eq!(named.get("/v1/models/iris").status, 404);
}

#[test]
fn kserve_predicts_on_instances_row_by_row() {
    let server = Running::sample("iris", &[]);
    let columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
    let table = json!({"dataframe_split": {"columns": columns, "data": [[51, 35, 14, 2], [64, 32, 45, 15]]}});
    let expected = server.invoke(&table.to_string()).json();
    for body in [
        json!({"instances": [[51, 35, 14, 2], [64, 32, 45, 15]]}),
        json!({"instances": [
            {"sepal_length": 51, "sepal_width": 35, "petal_length": 14, "petal_width": 2},
            {"sepal_length": 64, "sepal_width": 32, "petal_length": 45, "petal_width": 15},
        ]}),
        json!({"inputs": {
            "sepal_length": [51, 64], "sepal_width": [35, 32], "petal_length": [14, 45], "petal_width": [2, 15],
        }}),
    ] {
        for content_type in [Some("application/json"), None] {
            let answer = server.post("/v1/models/iris:predict", content_type, body.to_string().as_bytes());
            assert_eq!(answer.status, 200, "{answer:?}");
            close(&answer.json(), &expected, "iris");
        }
    }
    // Two outputs, an object a row.
    let digits = Running::sample("digits", &[]);
    let call = models().join("digits/calls/three_images.request.json");
    let body = std::fs::read_to_string(call).unwrap();
    let answer = digits.post("/v1/models/digits:predict", None, body.as_bytes()).json();
    let rows: Vec<_> = answer["predictions"].as_array().unwrap().iter().map(|row| &row["digit"]).collect();
    assert_eq!(rows, [&json!([0]), &json!([1]), &json!([2])]);
}

#[test]
fn kserve_refuses_in_its_own_words() {
    let server = Running::sample("iris", &[]);
    for (method, path, content_type, body, status, text) in [
        ("GET", "/v1/models/none", "", "", 404, "there is no model `none`"),
        ("POST", "/v1/models/none:predict", "application/json", "{}", 404, "there is no model `none`"),
        ("POST", "/v1/models/iris:predict", "application/json", "{}", 400, "exactly one of the input fields"),
        ("POST", "/v1/models/iris:predict", "application/json", "{", 400, "byte 1"),
        ("POST", "/v1/models/iris:predict", "text/csv", "1", 415, "send application/json"),
        ("POST", "/v1/models/iris:explain", "application/json", "{}", 404, "`:predict` predicts"),
        ("GET", "/v1/models/iris:predict", "", "", 405, "use POST"),
        ("GET", "/v1/none", "", "", 404, "kserve POST /v1/models/{model}:predict"),
    ] {
        let answer = server.send(method, path, &[("content-type", content_type)], body.as_bytes());
        let error = answer.json()["error"].as_str().map(str::to_owned);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert!(error.as_deref().is_some_and(|error| error.contains(text)), "{method} {path}: {answer:?}");
    }
}
