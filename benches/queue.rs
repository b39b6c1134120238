//! What the queue before a graph costs one caller, and what joining gains or costs thirty-two: a real session behind it.
//!
//! `cargo bench --bench queue [-- FILTER]`; needs ORT_DYLIB_PATH. The iris graph takes a few microseconds for a run, so its
//! figures are the queue's own; magika's takes milliseconds, so its figures say whether joining pays for a graph that fills
//! a core by itself. A round is one call of each caller, all at one time; throughput is in calls.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use mlhost_nn::{Batching, ComputeRequest, Graph, GraphOptions};
use mlhost_wire::values::{Elements, NamedTensor, Tensor};
use tokio::runtime::Runtime;

const CALLERS: [usize; 2] = [1, 32];
const PATIENCE: Duration = Duration::from_secs(60);
/// Tokens of a file that magika looks at.
const MAGIKA_WIDTH: usize = 2048;

/// A graph and what its callers send.
struct Model {
    name: &'static str,
    file: &'static str,
    input: NamedTensor,
}

fn models() -> [Model; 2] {
    let named = |name: &str, width: usize, elements| NamedTensor {
        name: name.to_owned(),
        tensor: Tensor { shape: vec![1, width as u32], elements },
    };
    let tokens = (0..MAGIKA_WIDTH).map(|index| (index % 256) as i32).collect();
    [
        Model {
            name: "iris",
            file: "iris/iris.onnx",
            input: named("input", 4, Elements::F32(vec![5.1, 3.5, 1.4, 0.2])),
        },
        Model {
            name: "magika",
            file: "magika/magika_v3_3.onnx",
            input: named("bytes", MAGIKA_WIDTH, Elements::S32(tokens)),
        },
    ]
}

async fn round(graph: &Graph, input: &NamedTensor, callers: usize) {
    let deadline = Instant::now() + PATIENCE;
    let call =
        |_| graph.compute(ComputeRequest { inputs: vec![input.clone()], outputs: Vec::new(), deadline });
    for answer in join_all((0..callers).map(call)).await {
        answer.unwrap();
    }
}

fn queue(criterion: &mut Criterion) {
    let library = std::env::var("ORT_DYLIB_PATH")
        .expect("set ORT_DYLIB_PATH to the library that `mlhost fetch-runtime` names");
    mlhost_nn::initialize(Path::new(&library)).unwrap();
    let runtime = Runtime::new().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    for Model { name, file, input } in models() {
        let load = |max_rows| {
            let batching = Batching { max_rows, ..Batching::default() };
            Graph::load(name, &folder.join(file), &GraphOptions { batching, ..GraphOptions::default() })
                .unwrap()
        };
        let mut group = criterion.benchmark_group(name);
        for (how, graph) in [("joined", load(Batching::default().max_rows)), ("unjoined", load(1))] {
            for callers in CALLERS {
                group.throughput(Throughput::Elements(callers as u64));
                group.bench_function(BenchmarkId::new(how, callers), |bencher| {
                    bencher.iter(|| runtime.block_on(round(&graph, &input, callers)));
                });
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).sample_size(20);
    targets = queue
}
criterion_main!(benches);
