//! Azure ML: `/`, `/score`, `/swagger.json` and the headers of its inference server.

use serde_json::json;

use crate::running::{Running, models};

fn iris() -> Running {
    let model = models().join("iris");
    Running::start_with(&[], &[("AZUREML_MODEL_DIR", model.to_str().unwrap()), ("MLHOST_HOST", "127.0.0.1")])
}

#[test]
fn azureml_scores_input_data_and_answers_it_bare() {
    let server = iris();
    let columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
    let body =
        json!({"input_data": {"columns": columns, "index": [0], "data": [[51, 35, 14, 2]]}}).to_string();
    let answer = server.post("/score", Some("application/json"), body.as_bytes());
    assert_eq!((answer.status, &answer.json()[0]["species"]), (200, &json!("setosa")), "{answer:?}");
    assert_eq!(answer.header("x-ms-run-function-failed"), Some("False"));
    let time: f64 = answer.header("x-ms-run-fn-exec-ms").unwrap().parse().unwrap();
    assert!(time > 0.0);
    let body = json!({"instances": [[51, 35, 14, 2]]}).to_string();
    let enveloped = server.post("/score", None, body.as_bytes());
    assert_eq!(enveloped.json()["predictions"], answer.json());
    for (content_type, body, status, text) in [
        ("application/json", "{}", 400, "exactly one of the input fields"),
        ("application/json", "{\"input_data\": [[1]]}", 400, "missing inputs"),
        ("text/html", "", 415, "text/html"),
    ] {
        let answer = server.post("/score", Some(content_type), body.as_bytes());
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(answer.status == status && message.contains(text), "{body}: {answer:?}");
        assert_eq!(answer.header("x-ms-run-function-failed"), Some("False"), "{answer:?}");
        assert!(answer.header("x-request-id").is_some(), "{answer:?}");
    }
}

#[test]
fn azureml_says_that_the_model_failed() {
    let model = models().join("hostile/panic");
    let server = Running::start(&["-m", model.to_str().unwrap(), "--platform", "azureml", "--no-warm-up"]);
    let answer = server.post("/score", Some("application/json"), b"{\"inputs\": [1]}");
    assert_eq!((answer.status, answer.header("x-ms-run-function-failed")), (500, Some("True")), "{answer:?}");
}

#[test]
fn azureml_scores_a_query_as_one_row() {
    let server = iris();
    let answer = server.get("/score?sepal_length=51&sepal_width=35&petal_length=14.0&petal_width=2");
    assert_eq!(
        (answer.status, &answer.json()["predictions"][0]["species"]),
        (200, &json!("setosa")),
        "{answer:?}"
    );
    assert_eq!(server.get("/score").status, 400);
    let options = server.request("OPTIONS", "/score");
    assert_eq!((options.status, options.header("allow")), (200, Some("GET, HEAD, OPTIONS, POST")));
    assert_eq!(server.request("PUT", "/score").status, 405);
}

#[test]
fn azureml_names_every_request_and_refuses_long_names() {
    let server = iris();
    let healthy = server.get("/");
    assert_eq!((healthy.status, healthy.body.as_str()), (200, "Healthy"));
    let made_up = healthy.header("x-request-id").unwrap().to_owned();
    assert_eq!(healthy.header("x-ms-request-id"), Some(made_up.as_str()));
    assert_ne!(server.get("/").header("x-request-id"), Some(made_up.as_str()));
    let named = [("x-request-id", "r"), ("x-ms-client-request-id", "c")];
    let answer = server.send("GET", "/", &named, b"");
    assert_eq!(
        (answer.header("x-request-id"), answer.header("x-ms-client-request-id")),
        (Some("r"), Some("c"))
    );
    let long = "x".repeat(101);
    for name in ["x-request-id", "x-ms-client-request-id", "x-ms-request-id"] {
        let answer = server.send("GET", "/", &[(name, &long)], b"");
        assert_eq!(answer.status, 431, "{name}");
        assert!(answer.json()["message"].as_str().unwrap().contains("100 characters"), "{answer:?}");
    }
}

#[test]
fn azureml_describes_itself_in_both_versions() {
    let server = iris();
    let second = server.get("/swagger.json").json();
    assert_eq!(
        (&second["swagger"], &second["paths"]["/score"]["post"]["operationId"]),
        (&json!("2.0"), &json!("RunMLService"))
    );
    assert_eq!(server.get("/swagger.json?version=2").json(), second);
    let third = server.get("/swagger.json?version=3").json();
    assert_eq!(third, server.get("/openapi.json").json());
    assert_eq!(server.get("/swagger.json?version=4").status, 404);
}
