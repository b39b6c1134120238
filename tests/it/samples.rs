//! Every sample model answers every one of its call files as its reference says.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::running::{Running, models, root};

/// The references were computed by another path through the same kernels, in another order of operations.
const TOLERANCE: f64 = 1e-5;

const SAMPLES: [&str; 6] = ["iris", "titanic", "magika", "digits", "echo", "describe"];

#[test]
fn samples_answer_their_calls_as_the_reference_says() {
    for sample in SAMPLES {
        let server = Running::sample(sample, &[]);
        assert_eq!(server.ready["sandboxed"], Value::Bool(true), "{sample}");
        let mut calls = 0;
        for call in sorted(&models().join(sample).join("calls")) {
            let Some(name) = call.strip_suffix(".request.json") else { continue };
            let request = fs::read_to_string(&call).unwrap();
            let expected: Value =
                serde_json::from_slice(&fs::read(format!("{name}.answer.json")).unwrap()).unwrap();
            let answer = server.invoke(&request);
            assert_eq!(answer.status, 200, "{call}: {answer:?}");
            close(&answer.json(), &expected, &call);
            calls += 1;
        }
        assert!(calls > 0, "{sample} has no calls");
    }
}

#[test]
fn magika_takes_a_file_as_it_is() {
    let server = Running::sample("magika", &[]);
    let source = include_bytes!("samples.rs");
    let answer = server.post("/invocations", Some("application/octet-stream"), source);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains("rust"), "{answer:?}");
}

#[test]
fn two_calls_do_not_see_each_other() {
    let server = Running::sample("iris", &[]);
    let calls: Vec<String> = sorted(&models().join("iris/calls"))
        .into_iter()
        .filter(|call| call.ends_with(".request.json"))
        .map(|call| fs::read_to_string(call).unwrap())
        .collect();
    let alone: Vec<String> = calls.iter().map(|call| server.invoke(call).body).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    for (call, expected) in calls.iter().zip(&alone) {
                        assert_eq!(&server.invoke(call).body, expected);
                    }
                }
            });
        }
    });
}

/// The paths of a directory's files, in order.
pub(crate) fn sorted(directory: &Path) -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    files
}

/// Asserts that two answers are equal, their numbers within the tolerance.
pub(crate) fn close(found: &Value, expected: &Value, place: &str) {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= TOLERANCE * b.abs().max(1.0), "{place}: {a} is not {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}: {found} is not {expected}");
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                close(a, b, &format!("{place}[{index}]"));
            }
        }
        (Value::Object(a), Value::Object(b)) => {
            let (names, wanted): (Vec<_>, Vec<_>) = (a.keys().collect(), b.keys().collect());
            assert_eq!(names, wanted, "{place}");
            for (name, a) in a {
                close(a, &b[name], &format!("{place}.{name}"));
            }
        }
        _ => assert_eq!(found, expected, "{place}"),
    }
}

#[test]
fn components_say_nothing_of_the_machine_they_were_built_on() {
    let home = std::env::var("HOME").unwrap_or_default();
    let paths: Vec<String> = [root().canonicalize().unwrap().to_str().unwrap().to_owned(), home]
        .into_iter()
        .filter(|path| path.len() > 1)
        .chain(["/.cargo/", "registry/src", "/home/", "/Users/"].map(str::to_owned))
        .collect();
    let mut components = 0;
    let mut folders = vec![models()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wasm") {
                let component = fs::read(&path).unwrap();
                for text in &paths {
                    let found = component.windows(text.len()).any(|window| window == text.as_bytes());
                    assert!(!found, "{} says `{text}`", path.display());
                }
                components += 1;
            }
        }
    }
    assert!(components > SAMPLES.len());
}
