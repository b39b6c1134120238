//! `mlhost package`: what it writes is served, and never half written. That MLflow loads it was tried by hand.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::onnx_flavor::fixture;
use crate::running::{Running, mlhost, models};

fn package(words: &[&str], output: &Path) -> Output {
    mlhost().arg("package").args(words).arg("-o").arg(output).output().unwrap()
}

fn succeeds(words: &[&str], output: &Path) {
    let packaged = package(words, output);
    assert!(packaged.status.success(), "{}", String::from_utf8_lossy(&packaged.stderr));
}

fn fails(words: &[&str], output: &Path) -> String {
    let packaged = package(words, output);
    assert_eq!(packaged.status.code(), Some(1), "{packaged:?}");
    String::from_utf8(packaged.stderr).unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_component_and_its_files_become_a_model_that_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("deep/flowers");
    let iris = models().join("iris");
    let file = |name: &str| iris.join(name).to_str().unwrap().to_owned();
    let (component, graph, labels) =
        (file("component.wasm"), file("iris.onnx"), format!("labels={}", file("labels.txt")));
    let example = file("calls/one_of_each.request.json");
    let words = [
        "--component",
        &component,
        "--model",
        &graph,
        "--artifact",
        &labels,
        "--input-example",
        &example,
        "--accept",
        "image/*",
    ];
    succeeds(&words, &output);
    assert_eq!(
        names_in(&output),
        ["MLmodel", "artifacts", "component.wasm", "graphs", "serving_input_example.json"]
    );
    assert_eq!(names_in(output.parent().unwrap()), ["flowers"], "nothing else is left");
    let server = Running::start(&["-m", output.to_str().unwrap()]);
    assert_eq!((&server.ready["model"], &server.ready["sandboxed"]), (&json!("flowers"), &json!(true)));
    let answer = server.invoke(&fs::read_to_string(&example).unwrap());
    assert_eq!(answer.json()["predictions"][0]["species"], "setosa", "{answer:?}");
    // The signature that was inferred from the example is enforced.
    let refused = server.invoke(&json!({"dataframe_records": [{"sepal_length": 1.0}]}).to_string());
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.body.contains("Model is missing inputs"), "{refused:?}");
}

#[test]
fn a_graph_alone_becomes_an_onnx_model_and_brings_its_weights_along() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("linear");
    let graph = format!("linear={}", fixture("external/model.onnx").display());
    let signature = r#"{"inputs": [{"name": "a", "type": "double"}, {"name": "b", "type": "double"},
                                   {"name": "c", "type": "double"}, {"name": "it's", "type": "double"}]}"#;
    succeeds(&["--model", &graph, "--signature", signature, "--name", "my model"], &output);
    let text = fs::read_to_string(output.join("MLmodel")).unwrap();
    assert!(text.contains("loader_module: mlflow.onnx") && text.contains("it''s"), "{text}");
    let server = Running::start(&["-m", output.to_str().unwrap()]);
    assert_eq!((&server.ready["model"], &server.ready["sandboxed"]), (&json!("my model"), &json!(false)));
    let body = json!({"dataframe_records": [{"it's": 4, "c": 3, "b": 2, "a": 1}]}).to_string();
    let answer = server.invoke(&body);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["predictions"].as_array().unwrap().len(), 3);
}

#[test]
fn what_is_there_is_kept_unless_told_otherwise_and_replaced_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("model");
    let graph = models().join("iris/iris.onnx").to_str().unwrap().to_owned();
    let graph = ["--model", &graph];
    fs::create_dir(&output).unwrap();
    fs::write(output.join("thesis.txt"), "years").unwrap();
    assert!(fails(&[&graph[..], &["--force"]].concat(), &output).contains("is no model directory"));
    assert_eq!(names_in(&output), ["thesis.txt"]);

    fs::remove_dir_all(&output).unwrap();
    succeeds(&graph, &output);
    fs::write(output.join("left over"), "").unwrap();
    let before = fs::read_to_string(output.join("MLmodel")).unwrap();
    assert!(fails(&graph, &output).contains("--force"));
    // What goes wrong leaves the old one as it was.
    fails(&[&graph[..], &["--force", "--signature", "{\"inputs\": 5}"]].concat(), &output);
    assert_eq!(fs::read_to_string(output.join("MLmodel")).unwrap(), before);
    assert_eq!(names_in(folder.path()), ["model"]);

    succeeds(&[&graph[..], &["--force"]].concat(), &output);
    assert_eq!(names_in(&output), ["MLmodel", "iris.onnx"]);
    assert_eq!(names_in(folder.path()), ["model"]);
}

#[test]
fn parts_that_make_no_model_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("model");
    let iris = models().join("iris/iris.onnx").to_str().unwrap().to_owned();
    let other = format!("other={iris}");
    let text = folder.path().join("labels.txt");
    fs::write(&text, "a\n").unwrap();
    let text = text.to_str().unwrap();
    let table: [(&[&str], &str); 5] = [
        (&["--component", text], "it does not begin with `\\0asm`"),
        (&["--model", "lost.onnx"], "cannot read `lost.onnx`"),
        (
            &["--model", &iris, "--model", &other],
            "without a component there is one graph to serve, found iris, other",
        ),
        (&["--model", &iris, "--input-example", text], "cannot be used"),
        (&["--model", &iris, "--signature", r#"{"inputs": [{"type": "int"}]}"#], "`inputs[0].type` is `int`"),
    ];
    for (words, expected) in table {
        let error = fails(words, &output);
        assert!(error.contains(expected), "{words:?}: {error}");
        assert_eq!(names_in(folder.path()), ["labels.txt"], "{words:?}");
    }
}

#[test]
fn what_was_packaged_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("linear");
    let graph = fixture("tensor/model.onnx");
    let example = fixture("tensor/serving_input_example.json");
    succeeds(&["--model", graph.to_str().unwrap(), "--input-example", example.to_str().unwrap()], &output);
    let validated = mlhost().args(["validate", "--json"]).arg(&output).output().unwrap();
    assert!(validated.status.success(), "{validated:?}");
    let report: Value = serde_json::from_slice(&validated.stdout).unwrap();
    assert_eq!(report, json!({"model": "linear", "valid": true, "problems": []}));
}
