//! The command line: exit codes, and errors that say what to do.

use std::fs;

use serde_json::Value;

use crate::running::{mlhost, models};

fn fails(arguments: &[&str]) -> (Option<i32>, String) {
    let output = mlhost().args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn version_names_the_program_and_its_version() {
    let output = mlhost().arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("mlhost {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_flag_is_usage_and_a_wrong_file_is_the_users() {
    assert_eq!(fails(&["serve", "--no-such-flag"]).0, Some(2));
    let (code, error) = fails(&["serve", "-m", "no/such/directory"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("no/such/directory"), "{error}");
}

#[test]
fn a_missing_onnxruntime_says_where_it_looked_and_how_to_fetch_it() {
    let empty = tempfile::tempdir().unwrap();
    let output = mlhost()
        .args(["serve", "--model", models().join("iris/iris.onnx").to_str().unwrap()])
        .env_remove("ORT_DYLIB_PATH")
        .env("MLHOST_CACHE_DIR", empty.path())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("mlhost fetch-runtime"), "{error}");
    assert!(error.contains(empty.path().to_str().unwrap()), "{error}");
}

#[test]
fn a_port_in_use_is_said_before_anything_is_served() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, error) = fails(&["serve", "-m", models().join("echo").to_str().unwrap(), "-p", &port]);
    assert_eq!(code, Some(1));
    assert!(error.contains("--port 0"), "{error}");
}

#[test]
fn what_is_no_component_is_refused_before_listening() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text.wasm");
    fs::write(&file, "not wasm").unwrap();
    let (code, error) = fails(&["serve", "--component", file.to_str().unwrap(), "-p", "0"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("hint: `mlhost inspect`"), "{error}");
}

#[test]
fn inspect_lists_imports_and_says_whether_it_can_be_served() {
    let component = models().join("iris/component.wasm");
    let output = mlhost().args(["inspect", "--json"]).arg(&component).output().unwrap();
    assert!(output.status.success());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json.to_string().contains("mlhost:nn/graphs"), "{json}");
    let table = mlhost().arg("inspect").arg(&component).output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("mlhost:guest/predictor"), "{table}");
}
