//! Models without a component: the graph as it is, a classifier with two outputs included.

use std::fs;

use serde_json::json;

use crate::running::{Running, models, root};

fn iris() -> Running {
    let graph = models().join("iris/iris.onnx");
    Running::start(&["--model", graph.to_str().unwrap()])
}

#[test]
fn a_table_is_answered_with_a_row_for_each_row() {
    let server = iris();
    assert_eq!(server.ready["sandboxed"], json!(false));
    let body = json!({"dataframe_split": {
        "columns": ["a", "b", "c", "d"],
        "data": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]],
    }});
    let answer = server.invoke(&body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let predictions = answer.json()["predictions"].clone();
    assert_eq!((&predictions[0]["label"], &predictions[1]["label"]), (&json!(0), &json!(2)));
    assert_eq!(predictions[1]["probabilities"].as_array().unwrap().len(), 3);
}

#[test]
fn tensors_are_answered_by_the_outputs_names() {
    let server = iris();
    for body in [json!({"inputs": [[5, 3, 1, 0]]}), json!({"inputs": {"input": [[5.1, 3.5, 1.4, 0.2]]}})] {
        let answer = server.invoke(&body.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["predictions"]["label"], json!([0]));
    }
}

#[test]
fn onnx_runtime_collects_nothing() {
    let home = tempfile::tempdir().unwrap();
    let graph = models().join("iris/iris.onnx");
    let home_folder = home.path().to_str().unwrap();
    // Not 1: what the tests themselves are run with must not be what keeps it quiet.
    let environment =
        [("ORT_DISABLE_TELEMETRY", "0"), ("HOME", home_folder), ("XDG_CACHE_HOME", home_folder), ("CI", "")];
    let server = Running::start_with(&["--model", graph.to_str().unwrap()], &environment);
    assert_eq!(server.invoke(&json!({"inputs": [[5, 3, 1, 0]]}).to_string()).status, 200);
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.eq_ignore_ascii_case("microsoft")), "{left:?}");
}

#[test]
fn a_tensor_that_does_not_fit_is_the_callers_to_mend() {
    let server = iris();
    let table = [
        (json!({"inputs": [[5.1, 3.5, 1.4]]}), "(-1, 4)"),
        (json!({"inputs": {"other": [[1, 2, 3, 4]]}}), "`input`"),
        (json!({"inputs": [["a", "b", "c", "d"]]}), "float32"),
        (json!({"dataframe_records": [{"a": "x"}]}), "column `a`"),
    ];
    for (body, text) in table {
        let answer = server.invoke(&body.to_string());
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(text), "{body}: {message}");
    }
}

#[test]
fn a_classifier_with_zipmap_answers_its_probabilities_by_class() {
    let graph = root().join("host/nn/tests/models/iris_zipmap.onnx");
    let server = Running::start(&["--model", graph.to_str().unwrap()]);
    let body = json!({"dataframe_split": {"columns": ["a", "b", "c", "d"], "data": [[5.1, 3.5, 1.4, 0.2]]}});
    let answer = server.invoke(&body.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let prediction = answer.json()["predictions"][0].clone();
    assert_eq!(prediction["output_label"], json!(0));
    let classes = prediction["output_probability"].as_object().unwrap();
    assert_eq!(classes.keys().collect::<Vec<_>>(), ["0", "1", "2"]);
    assert!(classes["0"].as_f64().unwrap() > 0.9, "{prediction}");
}
