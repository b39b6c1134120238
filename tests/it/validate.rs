//! `mlhost validate`: everything that is wrong in one look, and nothing where nothing is.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::onnx_flavor::fixture;
use crate::running::{mlhost, models};

/// The report, and the exit code.
fn validate(directory: &Path) -> (Value, Option<i32>) {
    let output = mlhost().args(["validate", "--json"]).arg(directory).output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code())
}

fn problems(report: &Value, severity: &str) -> Vec<String> {
    let problems = report["problems"].as_array().unwrap().iter();
    let of_this = problems.filter(|problem| problem["severity"] == severity);
    of_this.map(|problem| format!("{}: {}", problem["where"], problem["message"])).collect()
}

/// A model directory with `files`.
fn directory(mlmodel: &str, files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("MLmodel"), mlmodel).unwrap();
    for (name, bytes) in files {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    directory
}

#[test]
fn what_mlflow_logged_and_the_samples_are_valid() {
    let fixtures = ["columns", "external", "numbered", "tensor", "zipmap", "classifier"].map(fixture);
    let samples = ["iris", "titanic", "digits", "echo"].map(|name| models().join(name));
    for model in fixtures.iter().chain(&samples) {
        let (report, code) = validate(model);
        assert_eq!(problems(&report, "error"), [""; 0], "{}", model.display());
        assert_eq!((&report["valid"], code), (&Value::Bool(true), Some(0)), "{}", model.display());
    }
}

#[test]
fn everything_that_is_wrong_is_listed_with_where_and_what_to_do() {
    let graph = fs::read(models().join("iris/iris.onnx")).unwrap();
    let mlmodel = "flavors:\n  mlhost:\n    component: code.wasm\n    graphs: {good: good.onnx, bad: bad.onnx, lost: \
                   lost.onnx}\n    limts: {memory: 1MiB}\n    artifacts: {secret: ../secret}\n\
                   signature: {inputs: '[{\"type\": \"int\", \"name\": \"a\"}, {\"type\": \"real\", \"name\": \"b\"}]'}\n";
    let model = directory(
        mlmodel,
        &[("code.wasm", b"\0asm\x01\0\0\0"), ("good.onnx", &graph), ("bad.onnx", b"not a graph")],
    );
    let (report, code) = validate(model.path());
    assert_eq!((&report["valid"], code), (&Value::Bool(false), Some(1)));
    let errors = problems(&report, "error");
    for expected in [
        "did you mean `limits`?",
        "`inputs[0].type` is `int`",
        "`inputs[1].type` is `real`",
        "the file `lost.onnx` of graph `lost`",
        "the path `../secret` of artifact `secret` has `..` in it",
        "the file is a core module, not a component",
        "graph `bad`",
    ] {
        let found = errors.iter().filter(|error| error.contains(expected)).count();
        assert_eq!(found, 1, "{expected}: {errors:#?}");
    }
    assert_eq!(errors.len(), 7, "{errors:#?}");
    let first = &report["problems"][0];
    assert!(first["where"].as_str().unwrap().contains("line 5, column 5"), "{first}");

    let table = mlhost().arg("validate").arg(model.path()).output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.lines().filter(|line| line.starts_with("error ")).count() == 7, "{table}");
    assert!(table.contains("hint: `mlhost build FILE -o model.wasm` encodes it"), "{table}");
    assert!(table.contains("cannot be served: 7 errors, "), "{table}");
}

#[test]
fn a_signature_that_does_not_fit_the_graph_is_found_before_any_request() {
    let graph = fs::read(models().join("iris/iris.onnx")).unwrap();
    let mlmodel = "flavors: {onnx: {data: model.onnx}}\nsignature: {inputs: '[{\"type\": \"double\", \"name\": \"a\"}, \
                   {\"type\": \"string\", \"name\": \"b\"}]'}\n";
    let (report, code) = validate(directory(mlmodel, &[("model.onnx", &graph)]).path());
    assert_eq!(code, Some(1));
    let errors = problems(&report, "error");
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(errors[0].contains("it has 2 columns, the graph's input `input` takes 4"), "{errors:#?}");
    assert!(errors[1].contains("column `b` (str) does not become float32"), "{errors:#?}");
}

#[test]
fn code_that_cannot_be_served_and_an_example_that_is_not_answered_are_found() {
    let empty = directory("flavors: {mlhost: {component: c.wasm}}", &[("c.wasm", b"\0asm\x0d\0\x01\0")]);
    let errors = problems(&validate(empty.path()).0, "error");
    assert!(errors[0].contains("does not export `mlhost:guest/predictor"), "{errors:#?}");

    let fails = models().join("hostile/trap_in_load_context");
    let errors = problems(&validate(&fails).0, "error");
    assert!(errors[0].contains("load-context failed"), "{errors:#?}");

    let graph = fs::read(fixture("tensor/model.onnx")).unwrap();
    let files: [(&str, &[u8]); 2] =
        [("model.onnx", &graph), ("serving_input_example.json", br#"{"inputs": [[1, 2]]}"#)];
    let (report, code) = validate(directory("flavors: {onnx: {data: model.onnx}}", &files).path());
    let errors = problems(&report, "error");
    assert_eq!(code, Some(1), "{errors:#?}");
    assert!(
        errors[0].contains("serving_input_example.json") && errors[0].contains("the prediction failed"),
        "{errors:#?}"
    );
    assert_eq!(problems(&report, "warning").len(), 1, "there is no signature: {report}");
}

#[test]
fn what_is_no_model_directory_is_said_with_a_hint() {
    let (report, code) = validate(Path::new("no/such/directory"));
    assert_eq!(code, Some(1));
    assert!(report["problems"][0]["hint"].as_str().unwrap().contains("MLmodel"), "{report}");
}
