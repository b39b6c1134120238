//! `load-context` runs once: what it wrote down is there in every call, what a call writes is there in none.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::running::{Running, mlhost, models};

/// What the sample `wasi` finds in its memory: the number of artifacts that `load-context` counted, and a counter to
/// which `load-context` adds 100 and every call 1.
fn memory(server: &Running) -> (Value, Value) {
    let answer = server.invoke(&json!({"inputs": [0]}).to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let report = &answer.json()["predictions"];
    (report["artifacts"].clone(), report["calls"].clone())
}

#[test]
fn what_load_context_wrote_is_there_in_every_call_and_what_a_call_wrote_in_none() {
    let component = models().join("wasi/component.wasm");
    let artifact = models().join("wasi/MLmodel");
    let flags = ["--component", component.to_str().unwrap(), "--artifact", artifact.to_str().unwrap()];
    let server = Running::start(&flags);
    assert_eq!(server.ready["snapshot"], json!(true));
    for _ in 0..50 {
        assert_eq!(memory(&server), (json!(1), json!(100)));
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(memory(&server), (json!(1), json!(100)))));
        }
    });
}

#[test]
fn samples_in_rust_start_from_a_snapshot() {
    for sample in ["iris", "titanic", "digits", "magika", "echo"] {
        assert_eq!(Running::sample(sample, &[]).ready["snapshot"], json!(true), "{sample}");
    }
}

/// The sample `wasi` in a folder of its own, keeping a handle over `load-context`.
fn keeping() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sample = models().join("wasi");
    fs::copy(sample.join("component.wasm"), folder.path().join("component.wasm")).unwrap();
    let model = fs::read_to_string(sample.join("MLmodel")).unwrap();
    let flavor = "flavors:\n  python_function: {config: {keep: true}}\n";
    fs::write(folder.path().join("MLmodel"), model.replace("flavors:\n", flavor)).unwrap();
    folder
}

/// What `mlhost inspect` writes, with a cache of the test's own.
fn inspect(cache: &Path, arguments: &[&str]) -> String {
    let output = mlhost().arg("inspect").args(arguments).env("MLHOST_CACHE_DIR", cache).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn inspect_says_where_calls_start_and_whether_the_code_is_in_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let (iris, kept) = (models().join("iris"), keeping());
    let (iris, kept) = (iris.to_str().unwrap(), kept.path().to_str().unwrap());
    let first = inspect(cache.path(), &[iris]);
    assert!(first.contains("mlhost:nn/graphs"), "{first}");
    assert!(first.contains("start: snapshot") && first.contains("code: compiled"), "{first}");
    let second = inspect(cache.path(), &[iris]);
    assert!(second.contains("start: snapshot") && second.contains("code: in the cache"), "{second}");
    let json: Value = serde_json::from_str(&inspect(cache.path(), &["--json", iris])).unwrap();
    assert_eq!((&json["start"], &json["code"]), (&json!("snapshot"), &json!("cache")), "{json}");

    let table = inspect(cache.path(), &[kept]);
    assert!(table.contains("start: load-context for every call: it keeps a graph"), "{table}");
    let json: Value = serde_json::from_str(&inspect(cache.path(), &["--json", kept])).unwrap();
    assert_eq!(json["start"], json!("load_context"), "{json}");
    assert!(json["reason"].as_str().unwrap().contains("it keeps a graph"), "{json}");
}

#[test]
fn inspect_runs_a_component_alone_only_where_it_is_told_to() {
    let cache = tempfile::tempdir().unwrap();
    let component = models().join("iris/component.wasm");
    let labels = models().join("iris/labels.txt");
    let (component, labels) = (component.to_str().unwrap(), labels.to_str().unwrap());
    let alone = inspect(cache.path(), &[component]);
    assert!(!alone.contains("start:"), "{alone}");
    assert!(fs::read_dir(cache.path()).unwrap().next().is_none(), "nothing was compiled");
    let loaded = inspect(cache.path(), &[component, "--start", "--artifact", labels]);
    assert!(loaded.contains("start: snapshot"), "{loaded}");
    let without = mlhost().args(["inspect", "--start", component]).output().unwrap();
    let error = String::from_utf8(without.stderr).unwrap();
    assert_eq!(without.status.code(), Some(1), "{error}");
    assert!(error.contains("there is no artifact `labels`"), "{error}");
}

#[test]
fn a_guest_that_keeps_a_handle_runs_load_context_for_every_call_and_the_log_says_why() {
    let folder = keeping();
    let server = Running::start(&["-m", folder.path().to_str().unwrap()]);
    assert_eq!(server.ready["snapshot"], json!(false));
    server.logged("it keeps a graph, a tensor or a stream open");
    assert_eq!(memory(&server), (json!(0), json!(100)));
    server.logged("written to what was kept");
    assert_eq!(memory(&server), (json!(0), json!(100)));
}
