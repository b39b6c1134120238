//! A graph's life: what does not load, runs that take too long, a queue that is full, the end.

mod support;

use std::time::{Duration, Instant};

use mlhost_nn::{ComputeRequest, Graph, GraphOptions, NnError};
use mlhost_wire::values::Elements;

use support::{load, made, model_file, named, request};

/// Trips that take a minute or so: far longer than a test waits, yet a test that fails ends.
const LONG: i64 = 50_000_000;

fn count_to(trips: i64, deadline: Duration) -> ComputeRequest {
    let mut request = request(vec![named("trips", &[], Elements::S64(vec![trips]))], &[]);
    request.deadline = Instant::now() + deadline;
    request
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

#[tokio::test]
async fn a_run_past_its_deadline_is_stopped_and_the_graph_goes_on() {
    let graph = made(&support::onnx::counter()).unwrap();
    let late = graph.compute(count_to(LONG, Duration::from_millis(100))).await;
    assert_eq!(late, Err(NnError::Deadline));
    // Answered in time only if the run before it has ended.
    let found = graph.compute(count_to(1000, Duration::from_secs(5))).await;
    assert_eq!(found, Ok(vec![named("count", &[], Elements::S64(vec![1000]))]));
}

#[tokio::test]
async fn a_run_that_its_caller_gave_up_does_not_hold_up_the_last_handle() {
    let graph = made(&support::onnx::counter()).unwrap();
    let call = graph.compute(count_to(LONG, minute()));
    // Long enough for the run to begin.
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    let dropped = tokio::task::spawn_blocking(move || drop(graph));
    tokio::time::timeout(Duration::from_secs(5), dropped).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_graph_that_fails_says_so_and_goes_on() {
    use support::onnx::{graph, input, model, node, output};
    // Adding 2 to 3 elements fits the signature and fails in the kernel.
    const FLOAT: u64 = 1;
    let add = model(&graph(&[
        node("Add", &["a", "b"], &["sum"], None),
        input("a", FLOAT, &[None]),
        input("b", FLOAT, &[None]),
        output("sum", FLOAT, &[None]),
    ]));
    let add = made(&add).unwrap();
    let with = |count: usize| {
        let size = u32::try_from(count).unwrap();
        let b = named("b", &[size], Elements::F32(vec![1.0; count]));
        request(vec![named("a", &[2], Elements::F32(vec![1.0, 2.0])), b], &[])
    };
    let error = add.compute(with(3)).await.unwrap_err();
    assert!(
        matches!(&error, NnError::Runtime { graph, message } if graph == "sample" && message.contains("Add"))
    );
    let found = add.compute(with(2)).await;
    assert_eq!(found, Ok(vec![named("sum", &[2], Elements::F32(vec![2.0, 3.0]))]));
}

#[tokio::test]
async fn a_queue_without_room_refuses_every_call() {
    let file = model_file(&support::onnx::counter());
    // The first load also initialises the runtime.
    load(file.path()).unwrap();
    let options = GraphOptions { max_queue: 0, ..GraphOptions::default() };
    let graph = Graph::load("full", file.path(), &options).unwrap();
    assert_eq!(graph.compute(count_to(1, minute())).await, Err(NnError::QueueFull));
}

#[tokio::test]
async fn inputs_over_the_limit_are_refused() {
    let file = model_file(&support::onnx::identity(7));
    load(file.path()).unwrap();
    let options = GraphOptions { max_elements: 4, ..GraphOptions::default() };
    let graph = Graph::load("small", file.path(), &options).unwrap();
    let rows =
        |rows: u32| request(vec![named("", &[rows, 2], Elements::S64(vec![0; rows as usize * 2]))], &[]);
    assert!(graph.compute(rows(2)).await.is_ok());
    assert_eq!(graph.compute(rows(3)).await, Err(NnError::TooLarge { found: 6, limit: 4 }));
}

#[test]
fn a_file_that_is_no_model_does_not_load() {
    let counter = support::onnx::counter();
    let truncated = &counter[..counter.len() / 2];
    for (what, bytes) in [("nothing", &b""[..]), ("text", b"no model"), ("half a model", truncated)] {
        match made(bytes).map(|_| ()) {
            Err(NnError::Load { graph, message, .. }) => {
                assert_eq!(graph, "sample");
                assert!(!message.is_empty());
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    let missing = load(std::path::Path::new("no/such/model.onnx")).map(|_| ()).unwrap_err();
    let text = missing.to_string();
    assert!(text.starts_with("cannot load graph `sample` from `no/such/model.onnx`: "), "{text}");
}

#[test]
fn a_name_that_is_no_thread_name_loads() {
    let file = model_file(&support::onnx::identity(1));
    load(file.path()).unwrap();
    let graph = Graph::load("zero\0byte", file.path(), &GraphOptions::default()).unwrap();
    assert_eq!(graph.name(), "zero\0byte");
}
