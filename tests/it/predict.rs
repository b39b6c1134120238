//! `mlhost predict`: a file in, a file out, with the server's answers and messages.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::onnx_flavor::fixture;
use crate::running::{Running, mlhost, models};

/// `mlhost predict` on the fixture, with `input` on standard input.
fn predict(model: &str, flags: &[&str], input: &str) -> Output {
    let mut child = mlhost()
        .arg("predict")
        .arg("-m")
        .arg(fixture(model))
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn orders() -> String {
    fs::read_to_string(fixture("columns/serving_input_example.json")).unwrap()
}

#[test]
fn a_file_is_answered_as_the_server_answers_it() {
    let server = Running::start(&["-m", fixture("columns").to_str().unwrap()]);
    let served = server.invoke(&orders()).body;
    let piped = predict("columns", &[], &orders());
    assert_eq!(String::from_utf8(piped.stdout).unwrap().trim_end(), served);

    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.json"), folder.path().join("out.json"));
    fs::write(&input, orders()).unwrap();
    fs::write(&output, "what was there before").unwrap();
    let flags = ["-i", input.to_str().unwrap(), "-o", output.to_str().unwrap(), "-t", "json"];
    let written = predict("columns", &flags, "");
    assert!(written.status.success() && written.stdout.is_empty(), "{written:?}");
    assert_eq!(fs::read_to_string(&output).unwrap(), served);
}

#[test]
fn csv_and_parquet_are_answered_as_json_is() {
    let json: Value = serde_json::from_slice(&predict("columns", &[], &orders()).stdout).unwrap();
    assert_eq!(json["predictions"][1]["total"], 6.75, "{json}");
    let csv = predict("columns", &["-t", "csv"], "count,price\n2,1.5\n3,2.25\n");
    assert_eq!(serde_json::from_slice::<Value>(&csv.stdout).unwrap(), json, "{csv:?}");
    let file = fixture("columns.parquet");
    let parquet = predict("columns", &["-t", "parquet", "-i", file.to_str().unwrap()], "");
    assert_eq!(serde_json::from_slice::<Value>(&parquet.stdout).unwrap(), json, "{parquet:?}");
}

#[test]
fn user_code_runs_as_it_does_in_the_server() {
    let iris = models().join("iris");
    let output = mlhost()
        .args(["predict", "-m", iris.to_str().unwrap(), "-i"])
        .arg(iris.join("calls/one_of_each.request.json"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["predictions"][0]["species"], "setosa");
}

#[test]
fn bad_input_is_said_in_the_servers_words_and_leaves_no_file() {
    let server = Running::start(&["-m", fixture("columns").to_str().unwrap()]);
    let body = json!({"dataframe_records": [{"price": 1.0}]}).to_string();
    let said = server.invoke(&body).json()["message"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.json");
    let refused = predict("columns", &["-o", output.to_str().unwrap()], &body);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{error}");
    assert!(error.contains(&said) && error.contains("hint: "), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");

    let unknown = predict("columns", &["-t", "xml"], &body);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("`parquet`"));
}

#[test]
fn mlflows_flags_for_python_environments_change_nothing_and_the_log_says_so() {
    let flags = ["--env-manager", "virtualenv", "--install-mlflow", "-r", "numpy==2.0", "--env", "A=B"];
    let output = predict("columns", &flags, &orders());
    assert!(output.status.success(), "{output:?}");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("--env-manager --install-mlflow --pip-requirements-override --env"), "{log}");
}

#[test]
fn the_environment_overrides_the_models_configuration_or_is_refused() {
    let output = mlhost()
        .args(["predict", "-m", fixture("columns").to_str().unwrap()])
        .stdin(Stdio::null())
        .env("SERVING_MODEL_CONFIG", "[1]")
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("`SERVING_MODEL_CONFIG` is `[1]`"), "{error}");
}
