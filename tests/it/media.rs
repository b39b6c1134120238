//! Requests in each media type, to one model: they mean the same. And what only some models or modes take.

use std::fs;

use serde_json::json;

use crate::running::{Running, models, root};

const CSV: &str = "sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n";

#[test]
fn a_table_means_the_same_in_json_csv_and_parquet() {
    let server = Running::sample("iris", &[]);
    let json = json!({"dataframe_split": {
        "columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
        "data": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]],
    }});
    let expected = server.invoke(&json.to_string());
    assert_eq!(expected.status, 200, "{expected:?}");
    assert_eq!(expected.json()["predictions"].as_array().unwrap().len(), 2);
    let parquet = fs::read(root().join("host/wire/tests/parquet/iris.parquet")).unwrap();
    for (content_type, body) in [
        ("text/csv", CSV.as_bytes()),
        ("text/csv; charset=utf-8", CSV.as_bytes()),
        ("application/vnd.apache.parquet", &parquet),
    ] {
        let answer = server.post("/invocations", Some(content_type), body);
        assert_eq!((answer.status, answer.body), (200, expected.body.clone()), "{content_type}");
    }
}

#[test]
fn a_body_that_is_not_what_it_says_is_refused_with_a_reason() {
    let server = Running::sample("iris", &[]);
    for (content_type, body, text) in [
        ("text/csv", "sepal_length\n1\n", "Model is missing inputs"),
        ("text/csv", "", "No columns to parse from file"),
        ("application/vnd.apache.parquet", "PAR1", "not Parquet"),
        ("text/html", "", "['text/csv', 'application/json', 'application/vnd.apache.parquet']"),
    ] {
        let answer = server.post("/invocations", Some(content_type), body.as_bytes());
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(answer.status >= 400 && answer.status < 500 && message.contains(text), "{answer:?}");
    }
}

#[test]
fn a_chat_needs_a_component() {
    let graph = models().join("iris/iris.onnx");
    let server = Running::start(&["--model", graph.to_str().unwrap()]);
    let answer = server.invoke(&json!({"messages": [{"role": "user", "content": "hi"}]}).to_string());
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.json()["message"].as_str().unwrap().contains("takes no chat"), "{answer:?}");
}

#[test]
fn a_chat_reaches_the_component_as_it_is_and_is_answered_bare() {
    // Of the samples, `echo` takes whatever comes.
    let component = models().join("echo/component.wasm");
    let server = Running::start(&["--component", component.to_str().unwrap()]);
    let body = json!({"messages": [{"role": "user", "content": "hi"}], "n": 1});
    let answer = server.invoke(&body.to_string());
    assert_eq!((answer.status, answer.json()), (200, body));
}

#[test]
fn strict_is_mlflow_to_the_letter() {
    for (flags, status, body) in [
        (&["--mlflow-compat", "strict"][..], 500, "Internal Server Error"),
        (&[][..], 415, "no Content-Type"),
    ] {
        let server = Running::sample("iris", flags);
        let answer = server.post("/invocations", None, b"{}");
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(body), "{answer:?}");
    }
}
