//! Every attack under `models/hostile` ends in exactly the one fault that its table documents, and the server goes on
//! answering others meanwhile.

use std::collections::BTreeSet;
use std::fs;

use mlhost_wire::fault::FaultKind;
use serde_json::Value;

use crate::running::{Running, mlhost, models};

/// Attacks that never end are cut off here; long enough for every other to finish by itself on a busy machine.
const TIMEOUT: &str = "5s";

fn table() -> Value {
    serde_json::from_slice(&fs::read(models().join("hostile/faults.json")).unwrap()).unwrap()
}

#[test]
fn every_attack_is_in_the_table_and_nothing_else_is() {
    let table = table();
    let listed: BTreeSet<String> = table["guests"].as_object().unwrap().keys().cloned().collect();
    let present: BTreeSet<String> = fs::read_dir(models().join("hostile"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, present);
}

#[test]
fn each_attack_yields_its_one_fault_and_the_host_lives() {
    let table = table();
    let input = table["input"].to_string();
    for (name, fault) in table["guests"].as_object().unwrap() {
        if fault["at"] == "call" {
            attack(name, &input, fault);
        } else {
            refuses_to_load(name, fault);
        }
    }
}

fn attack(name: &str, input: &str, fault: &Value) {
    let server = Running::sample(&format!("hostile/{name}"), &["--timeout", TIMEOUT]);
    let kind = FaultKind::ALL.into_iter().find(|kind| fault["fault"] == kind.name()).unwrap();
    // Twice: the first attack must leave nothing behind that changes the second; and others are answered meanwhile.
    for _ in 0..2 {
        let answer = std::thread::scope(|scope| {
            let attack = scope.spawn(|| server.invoke(input));
            assert_eq!(server.get("/ping").status, 200, "{name}");
            attack.join().unwrap()
        });
        assert_eq!(answer.status, kind.status(), "{name}: {answer:?}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        let text = fault["text"].as_str().unwrap();
        if fault["in"] == "answer" {
            assert!(message.contains(text), "{name}: {message}");
        } else {
            assert!(!message.contains(text), "{name} tells its client what belongs in the log: {message}");
            server.logged(text);
        }
    }
    assert_eq!(server.get("/ping").status, 200, "{name}");
}

fn refuses_to_load(name: &str, fault: &Value) {
    let directory = models().join("hostile").join(name);
    let output = mlhost().args(["serve", "-p", "0", "-m"]).arg(&directory).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{name}: {error}");
    assert!(error.contains(fault["text"].as_str().unwrap()), "{name}: {error}");
    assert!(output.stdout.is_empty(), "{name} never became ready");
}
