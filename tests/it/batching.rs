//! Calls out of many sandboxes in one run of the graph: one run where there would be many, and nobody's answer another's.

use serde_json::{Value, json};

use crate::running::Running;

const CALLS: usize = 32;

/// A flower that no other call has.
fn flower(call: usize) -> String {
    let row = [40 + call, 30, 10 + call, 1 + call % 20];
    let columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
    json!({"dataframe_split": {"columns": columns, "data": [row]}}).to_string()
}

fn probabilities(answer: &Value) -> Vec<f64> {
    let names = ["probability_setosa", "probability_versicolor", "probability_virginica"];
    names.iter().map(|name| answer["predictions"][0][name].as_f64().unwrap()).collect()
}

#[test]
fn calls_from_thirty_two_sandboxes_are_one_run_and_none_is_mixed_up() {
    let alone = Running::sample("iris", &["--max-batch-rows", "1"]);
    let expected: Vec<Value> = (0..CALLS).map(|call| alone.invoke(&flower(call)).json()).collect();
    let folder = crate::running::models().join("iris");
    let flags = ["-m", folder.to_str().unwrap(), "--max-batch-rows", "32", "--max-batch-delay", "30s"];
    let joined = Running::start_with(&flags, &[("MLHOST_LOG", "info,mlhost_nn=trace")]);
    // The first joined runs are checked against runs of each alone; the answers are the same either way.
    for round in 0..5 {
        std::thread::scope(|scope| {
            for (call, expected) in expected.iter().enumerate() {
                let joined = &joined;
                scope.spawn(move || {
                    let answer = joined.invoke(&flower(call));
                    assert_eq!(answer.status, 200, "{answer:?}");
                    let answer = answer.json();
                    assert_eq!(answer["predictions"][0]["species"], expected["predictions"][0]["species"]);
                    for (found, expected) in probabilities(&answer).iter().zip(probabilities(expected)) {
                        assert!((found - expected).abs() < 1e-5, "round {round}, call {call}: {answer}");
                    }
                });
            }
        });
        joined.logged("\"rows\":32");
    }
}

#[test]
fn a_bundle_says_how_its_graphs_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let iris = crate::running::models().join("iris");
    for file in ["component.wasm", "iris.onnx", "labels.txt"] {
        std::fs::copy(iris.join(file), folder.path().join(file)).unwrap();
    }
    let model = std::fs::read_to_string(iris.join("MLmodel")).unwrap();
    let line = "    graphs:\n      iris: iris.onnx\n";
    assert!(model.contains(line));
    let batching = format!("{line}    batching:\n      iris: {{max_rows: 2, max_delay: 30s}}\n");
    std::fs::write(folder.path().join("MLmodel"), model.replace(line, &batching)).unwrap();
    let server = Running::start_with(
        &["-m", folder.path().to_str().unwrap()],
        &[("MLHOST_LOG", "info,mlhost_nn=trace")],
    );
    std::thread::scope(|scope| {
        for call in 0..2 {
            let server = &server;
            scope.spawn(move || assert_eq!(server.invoke(&flower(call)).status, 200));
        }
    });
    server.logged("\"rows\":2");
}
