//! Calls joined into one run of a real session: as many runs as meant, nobody's answer another's.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use mlhost_nn::{Batching, Graph, GraphOptions, NnError};
use mlhost_wire::values::{Elements, NamedTensor};

use support::onnx;
use support::{library, model_file, named, request};

const FLOAT: u64 = 1;
const CALLS: usize = 32;

fn load(model: &[u8], batching: Batching) -> Graph {
    mlhost_nn::initialize(&library()).unwrap();
    let file = model_file(model);
    Graph::load("sample", file.path(), &GraphOptions { batching, ..GraphOptions::default() }).unwrap()
}

/// Waits for as many calls as a test sends.
fn patient() -> Batching {
    Batching { max_rows: 32, max_delay: Duration::from_secs(30), ..Batching::default() }
}

/// As many calls at one time, each of one row that holds its own key; the answers in their order.
async fn calls(graph: &Graph) -> Vec<Result<Vec<NamedTensor>, NnError>> {
    let call = |key: usize| {
        let graph = graph.clone();
        let row = named("input", &[1, 2], Elements::F32(vec![key as f32; 2]));
        tokio::spawn(async move { graph.compute(request(vec![row], &[])).await })
    };
    let mut answers = Vec::new();
    for call in (0..CALLS).map(call).collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    answers
}

fn own_keys(answers: Vec<Result<Vec<NamedTensor>, NnError>>) {
    for (key, answer) in answers.into_iter().enumerate() {
        let expected = named("output", &[1, 2], Elements::F32(vec![key as f32; 2]));
        assert_eq!(answer, Ok(vec![expected]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_calls_are_one_run_of_thirty_two_rows_and_each_gets_its_own() {
    let graph = load(&onnx::identity(FLOAT), patient());
    // The first joined runs are checked against runs of each call alone.
    for _ in 0..3 {
        own_keys(calls(&graph).await);
    }
    let before = graph.counts();
    own_keys(calls(&graph).await);
    let after = graph.counts();
    assert_eq!((after.runs - before.runs, after.rows - before.rows), (1, 32));
}

#[tokio::test]
async fn a_graph_that_looks_at_other_rows_answers_as_if_they_were_not_there() {
    use support::onnx::{graph, input, model, node, output};
    // Every element less the largest of all: 0 for a row whose elements are equal, when it is alone.
    let mixing = model(&graph(&[
        node("ReduceMax", &["input"], &["largest"], None),
        node("Sub", &["input", "largest"], &["output"], None),
        input("input", FLOAT, &[None, Some(2)]),
        output("output", FLOAT, &[None, Some(2)]),
    ]));
    let graph = load(&mixing, patient());
    for _ in 0..3 {
        for answer in calls(&graph).await {
            assert_eq!(answer, Ok(vec![named("output", &[1, 2], Elements::F32(vec![0.0; 2]))]));
        }
    }
    // Joined once, and alone ever after.
    assert_eq!(graph.counts().runs, 1 + 3 * CALLS as u64);
}

#[tokio::test]
async fn a_fixed_first_axis_is_never_joined() {
    use support::onnx::{graph, input, model, node, output};
    let fixed = model(&graph(&[
        node("Identity", &["input"], &["output"], None),
        input("input", FLOAT, &[Some(1), Some(2)]),
        output("output", FLOAT, &[Some(1), Some(2)]),
    ]));
    let graph = load(&fixed, patient());
    own_keys(calls(&graph).await);
    assert_eq!(graph.counts().runs, CALLS as u64);
}

#[tokio::test]
async fn maps_are_split_and_every_call_gets_their_keys() {
    let classes = ["blue", "green"];
    let graph = load(&onnx::zip_map(&classes), patient());
    for _ in 0..4 {
        let call = |key: usize| {
            let graph = graph.clone();
            let row = named("scores", &[1, 2], Elements::F32(vec![key as f32; 2]));
            tokio::spawn(async move { graph.compute(request(vec![row], &[])).await })
        };
        for (key, call) in (0..CALLS).map(call).collect::<Vec<_>>().into_iter().enumerate() {
            let values = named("maps", &[1, 2], Elements::F32(vec![key as f32; 2]));
            let keys = named("maps.keys", &[2], support::text(&classes));
            assert_eq!(call.await.unwrap(), Ok(vec![values, keys]));
        }
    }
    assert_eq!(graph.counts().runs, 3 * (1 + CALLS as u64) + 1);
}

#[tokio::test]
async fn one_row_a_run_is_what_is_asked_for() {
    let graph = load(&onnx::identity(FLOAT), Batching { max_rows: 1, ..patient() });
    own_keys(calls(&graph).await);
    assert_eq!(graph.counts().runs, CALLS as u64);
}
