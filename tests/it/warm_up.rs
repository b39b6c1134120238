//! A model that was saved with an example answers it before anything listens, or nothing listens.

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::onnx_flavor::fixture;
use crate::running::{Running, mlhost};

/// A copy of the model directory, with another example.
fn with_example(name: &str, example: &str) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    fs::write(copy.path().join("serving_input_example.json"), example).unwrap();
    copy
}

/// What `serve` says instead of its ready line.
fn refusal(directory: &Path) -> String {
    let output = mlhost().args(["serve", "-p", "0", "-m"]).arg(directory).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_example_that_is_answered_is_no_hindrance() {
    let server = Running::start(&["-m", fixture("columns").to_str().unwrap()]);
    let example = fs::read_to_string(fixture("columns/serving_input_example.json")).unwrap();
    assert_eq!(server.invoke(&example).status, 200);
}

#[test]
fn a_model_that_does_not_answer_its_own_example_does_not_become_ready() {
    let table = [
        // No request at all; one that does not fit the signature; one that the graph does not take.
        ("columns", "{", "it is no request that fits the model's signature"),
        ("columns", r#"{"dataframe_records": [{"price": 1.0}]}"#, "['count']"),
        ("external", r#"{"inputs": [[1, 2, 3]]}"#, "the prediction failed"),
    ];
    for (name, example, expected) in table {
        let model = with_example(name, example);
        let error = refusal(model.path());
        assert!(error.contains(expected), "{example}: {error}");
        assert!(error.contains("serving_input_example.json") && error.contains("--no-warm-up"), "{error}");
    }
}

#[test]
fn an_operator_may_do_without() {
    let model = with_example("external", "{");
    let server = Running::start(&["-m", model.path().to_str().unwrap(), "--no-warm-up"]);
    assert_eq!(server.invoke(&json!({"inputs": [[1, 2, 3, 4]]}).to_string()).status, 200);
}
