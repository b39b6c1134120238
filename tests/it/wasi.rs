//! Components that import WASI 0.2: what reaches them, and what only a grant of both bundle and operator lets through.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::running::{Running, mlhost, models};

const VARIABLE: &str = "MLHOST_TEST_GRANT";

fn report(server: &Running, params: &Value) -> Value {
    let answer = server.invoke(&json!({"inputs": [0], "params": params}).to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["predictions"].clone()
}

/// The sample `wasi` in a folder of its own, asking for grants.
fn asking(grants: &[String]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sample = models().join("wasi");
    fs::copy(sample.join("component.wasm"), folder.path().join("component.wasm")).unwrap();
    let model = fs::read_to_string(sample.join("MLmodel")).unwrap();
    let line = "    component: component.wasm\n";
    assert!(model.contains(line));
    let asks = format!("{line}    grants: {}\n", json!(grants));
    fs::write(folder.path().join("MLmodel"), model.replace(line, &asks)).unwrap();
    folder
}

/// A folder with one file, beside another file.
fn readable() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("inside")).unwrap();
    fs::write(folder.path().join("inside/file"), "granted").unwrap();
    fs::write(folder.path().join("outside"), "not granted").unwrap();
    let path = folder.path().join("inside").canonicalize().unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn without_a_grant_there_are_clocks_random_numbers_and_the_log_alone() {
    let server = Running::sample("wasi", &[]);
    // A port that is open, so that only the sandbox can be what refuses.
    let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = open.local_addr().unwrap().port();
    let report_of = || report(&server, &json!({"lines": 2, "port": port}));
    let (first, second) = (report_of(), report_of());
    assert_eq!(first["environment"], json!([]));
    assert_eq!(first["arguments"], json!([]));
    assert_eq!(first["directory"], json!(null));
    assert_eq!(first["directories"], json!([]));
    assert_eq!(first["stdin"], json!("closed"));
    assert_eq!(first["tcp"], json!({"error": "access-denied"}));
    assert_eq!(first["udp"], json!({"error": "access-denied"}));
    assert_eq!(first["lookup"], json!({"error": "permanent-resolver-failure"}));
    assert_ne!(first["random"], second["random"]);
    assert!(first["seconds"].as_u64().unwrap() > 1_700_000_000, "{first}");
    assert!(first["nanoseconds"].as_u64().unwrap() >= 1_000_000, "{first}");
    server.logged("standard output, line 1");
    server.logged("standard error, not ended");
}

#[test]
fn a_flood_of_output_is_cut_and_the_call_answered() {
    let server = Running::sample("wasi", &[]);
    report(&server, &json!({"lines": 10_000}));
    server.logged("log lines over the call's budget were dropped");
    report(&server, &json!({"lines": 1}));
}

#[test]
fn a_grant_of_both_lets_one_variable_and_one_directory_through_for_reading() {
    let (_files, path) = readable();
    let grants = [format!("env:{VARIABLE}"), format!("read:{path}")];
    let bundle = asking(&grants);
    let mut flags = vec!["-m", bundle.path().to_str().unwrap()];
    flags.extend(grants.iter().flat_map(|grant| ["--allow", grant.as_str()]));
    let server = Running::start_with(&flags, &[(VARIABLE, "granted"), ("MLHOST_TEST_OTHER", "secret")]);
    let report = report(&server, &json!({}));
    assert_eq!(report["environment"], json!([[VARIABLE, "granted"]]));
    let directories = report["directories"].as_array().unwrap();
    assert_eq!(directories.len(), 1);
    let directory = &directories[0];
    assert_eq!((&directory["path"], &directory["read"]), (&json!(path), &json!("granted")));
    for forbidden in ["above", "made", "removed"] {
        assert!(directory[forbidden]["error"].is_string(), "{forbidden}: {directory}");
    }
    assert_eq!(fs::read_to_string(Path::new(&path).join("file")).unwrap(), "granted");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    assert_eq!(report["tcp"], json!({"error": "access-denied"}));
}

#[test]
fn what_one_side_alone_names_is_not_given() {
    let (_files, path) = readable();
    let grant = format!("read:{path}");
    let bundle = asking(std::slice::from_ref(&grant));
    let folder = bundle.path().to_str().unwrap();
    let output = mlhost().args(["serve", "-p", "0", "-m", folder]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&format!("--allow {grant}")), "{error}");

    let server = Running::sample("wasi", &["--allow", &grant]);
    assert_eq!(report(&server, &json!({}))["directories"], json!([]));
}

#[test]
fn components_of_the_sdk_import_no_wasi() {
    for sample in ["iris", "titanic", "digits", "magika", "echo"] {
        let component = models().join(sample).join("component.wasm");
        let output = mlhost().arg("inspect").arg("--json").arg(component).output().unwrap();
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let imports = found["imports"].as_array().unwrap();
        let other = |import: &&Value| import["given"] != json!("always");
        assert!(!imports.is_empty() && imports.iter().find(other).is_none(), "{sample}: {imports:?}");
    }
}
