//! `load-context` runs once: what it wrote down is there in every call, what a call writes is there in none.

use std::fs;

use serde_json::{Value, json};

use crate::running::{Running, models};

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

#[test]
fn a_guest_that_keeps_a_handle_runs_load_context_for_every_call_and_the_log_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let sample = models().join("wasi");
    fs::copy(sample.join("component.wasm"), folder.path().join("component.wasm")).unwrap();
    let model = fs::read_to_string(sample.join("MLmodel")).unwrap();
    let flavor = "flavors:\n  python_function: {config: {keep: true}}\n";
    fs::write(folder.path().join("MLmodel"), model.replace("flavors:\n", flavor)).unwrap();
    let server = Running::start(&["-m", folder.path().to_str().unwrap()]);
    assert_eq!(server.ready["snapshot"], json!(false));
    server.logged("it keeps a graph, a tensor or a stream open");
    assert_eq!(memory(&server), (json!(0), json!(100)));
    server.logged("written to what was kept");
    assert_eq!(memory(&server), (json!(0), json!(100)));
}
