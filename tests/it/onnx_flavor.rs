//! Model directories as `mlflow.onnx.save_model` wrote them, served as they are, beside what MLflow itself answered.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::running::{Running, root};

/// A float32 of another build of ONNX Runtime, and no more.
const TOLERANCE: f64 = 1e-6;

/// The directory that MLflow wrote.
pub(crate) fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/onnx-flavor").join(name)
}

/// Each request, and what MLflow answered.
fn calls(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(fixture(&format!("{name}.calls.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The same shape, keys in the same order, the same texts and integers, and numbers that are as good as equal.
fn same(ours: &Value, mlflows: &Value) -> bool {
    match (ours, mlflows) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same(a, b))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= TOLERANCE * b.abs().max(1.0)
        }
        _ => ours == mlflows,
    }
}

#[test]
fn what_mlflow_logged_is_served_with_mlflows_answers() {
    let mut compared = 0;
    for name in ["columns", "external", "numbered", "tensor", "zipmap"] {
        let server = Running::start(&["-m", fixture(name).to_str().unwrap()]);
        for call in calls(name) {
            let answer = server.invoke(&call["request"].to_string());
            assert_eq!(Value::from(answer.status), call["mlflow"]["status"], "{name}: {call}: {answer:?}");
            if answer.status == 200 {
                assert!(same(&answer.json(), &call["mlflow"]["body"]), "{name}: {call}: {answer:?}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 15, "calls that MLflow answered");
}

#[test]
fn a_classifier_that_mlflow_answers_400_for_works() {
    let server = Running::start(&["-m", fixture("classifier").to_str().unwrap()]);
    for call in calls("classifier") {
        assert_eq!(call["mlflow"]["status"], 400);
        let answer = server.invoke(&call["request"].to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        let predictions = answer.json()["predictions"].clone();
        let labels: Vec<_> = predictions.as_array().unwrap().iter().map(|row| row["label"].clone()).collect();
        assert_eq!(labels, [0, 1], "{predictions}");
        assert_eq!(predictions[0]["probabilities"].as_array().unwrap().len(), 2);
    }
}
