//! What a fresh sandbox for every call costs: a guest's `predict` beside the same Rust function called natively.
//!
//! `cargo bench --bench sandbox`. Two guests: `echo` only crosses the border and back, `iris` scales, runs a real graph
//! and names the classes; where `mlhost build` made `models/iris-python/component.wasm`, the same in Python beside it. Native means the same crate, compiled for this machine, with the same graph behind it. The
//! last lines are the ratios of this run, the figures to quote: machines are noisy, ratios less so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use criterion::{Criterion, criterion_group};
use echo_guest::Echo;
use iris_guest::Iris;
use mlhost_guest::{
    Input as GuestInput, Params, Predictor, Table as GuestTable, Tensor as GuestTensor, testing,
};
use mlhost_nn::{ComputeRequest, Graph, GraphOptions, Graphs};
use mlhost_sandbox::{Engine, EngineOptions, Guest, GuestSource, Limits, WasiGrants};
use mlhost_wire::values::{Call, Column, ColumnData, Elements, Input, NamedTensor, Table, Tensor};
use tokio::runtime::Runtime;

const COLUMNS: [&str; 4] = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
/// Flowers in millimetres, in the order of the columns.
const FLOWERS: [[f64; 4]; 3] = [[51.0, 35.0, 14.0, 2.0], [64.0, 32.0, 45.0, 15.0], [63.0, 33.0, 60.0, 25.0]];
const ROWS: [usize; 2] = [1, 100];
const PATIENCE: Duration = Duration::from_secs(60);
/// Too large to be committed.
const PYTHON: &str = "models/iris-python/component.wasm";

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

fn cells(rows: usize, column: usize) -> Vec<f64> {
    (0..rows).map(|row| FLOWERS[row % FLOWERS.len()][column]).collect()
}

/// The call as the host has it after a decode.
fn call(rows: usize) -> Call {
    let column = |(index, name): (usize, &&str)| Column {
        name: (*name).to_owned(),
        data: ColumnData::F64(cells(rows, index)),
        validity: None,
    };
    let columns = COLUMNS.iter().enumerate().map(column).collect();
    Call { input: Input::Table(Table { columns, rows }), params: Vec::new() }
}

/// The same as a guest has it.
fn guest_input(rows: usize) -> GuestInput {
    let table = COLUMNS
        .iter()
        .enumerate()
        .fold(GuestTable::builder(), |table, (index, name)| table.f64(*name, cells(rows, index)));
    GuestInput::Table(table.build().unwrap())
}

fn load(runtime: &Runtime, engine: &Engine, sample: &str, graphs: Graphs) -> Arc<Guest> {
    let folder = models().join(sample);
    let component = fs::read(folder.join("component.wasm")).unwrap();
    let labels = fs::read(folder.join("labels.txt")).map(|labels| ("labels".to_owned(), labels));
    let source = GuestSource {
        name: sample,
        component: &component,
        graphs,
        artifacts: labels.into_iter().collect::<BTreeMap<_, _>>(),
        model_config: "{}".to_owned(),
        grants: WasiGrants::default(),
        limits: Limits::default(),
    };
    runtime.block_on(Guest::load(engine, source, PATIENCE)).unwrap()
}

fn compute(runtime: &Runtime, graph: &Graph, inputs: Vec<NamedTensor>) -> Vec<NamedTensor> {
    let deadline = Instant::now() + PATIENCE;
    runtime.block_on(graph.compute(ComputeRequest { inputs, outputs: Vec::new(), deadline })).unwrap()
}

/// Puts the real graph behind the native guest's imports.
fn register(runtime: &Arc<Runtime>, graph: &Graph) {
    let (runtime, graph) = (Arc::clone(runtime), graph.clone());
    testing::artifact("labels", fs::read(models().join("iris/labels.txt")).unwrap());
    testing::graph("iris", move |inputs| {
        let input = inputs.get("input")?;
        let shape = input.shape().iter().map(|size| u32::try_from(*size).unwrap()).collect();
        let tensor = Tensor { shape, elements: Elements::F32(input.as_f32()?.to_vec()) };
        let outputs = compute(&runtime, &graph, vec![NamedTensor { name: "input".to_owned(), tensor }]);
        outputs
            .into_iter()
            .map(|named| {
                let shape: Vec<usize> = named.tensor.shape.iter().map(|size| *size as usize).collect();
                let tensor = match named.tensor.elements {
                    Elements::S64(values) => GuestTensor::s64(shape, values),
                    Elements::F32(values) => GuestTensor::f32(shape, values),
                    other => unreachable!("the graph has no {}", other.element_type()),
                };
                Ok((named.name, tensor?))
            })
            .collect()
    });
}

fn sandbox(criterion: &mut Criterion) {
    let library = std::env::var("ORT_DYLIB_PATH")
        .expect("set ORT_DYLIB_PATH to the library that `mlhost fetch-runtime` names");
    mlhost_nn::initialize(Path::new(&library)).unwrap();
    let runtime = Arc::new(Runtime::new().unwrap());
    let engine = Engine::new(&EngineOptions::default()).unwrap();
    let reset = Engine::new(&EngineOptions { scan: false, ..EngineOptions::default() }).unwrap();
    println!("sandboxes are cleaned by {:?}; beside it, always by reset", engine.cleaning());
    let graph = Graph::load("iris", &models().join("iris/iris.onnx"), &GraphOptions::default()).unwrap();
    register(&runtime, &graph);
    let echo = load(&runtime, &engine, "echo", Graphs::new(Vec::new()));
    let echo_reset = load(&runtime, &reset, "echo", Graphs::new(Vec::new()));
    let graphs = Graphs::new(vec![graph]);
    let iris = load(&runtime, &engine, "iris", graphs.clone());
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PYTHON).is_file();
    let python = python.then(|| load(&runtime, &engine, "iris-python", graphs));
    if python.is_none() {
        println!("LEFT OUT: iris in Python; `mlhost build models/iris-python/guest -o {PYTHON}` makes it");
    }
    let native_iris = Iris::load_context(&testing::context("{}")).unwrap();

    for rows in ROWS {
        let (call, input) = (call(rows), guest_input(rows));
        let sandboxed = |guest: &Arc<Guest>| {
            let deadline = Instant::now() + PATIENCE;
            black_box(runtime.block_on(guest.predict(black_box(&call), deadline)).unwrap())
        };
        let mut group = criterion.benchmark_group(format!("echo, {rows} rows"));
        group.bench_function("native", |bencher| {
            bencher.iter(|| Echo.predict(black_box(input.clone()), Params::default()).unwrap());
        });
        group.bench_function("sandboxed", |bencher| bencher.iter(|| sandboxed(&echo)));
        group.bench_function("sandboxed, reset", |bencher| bencher.iter(|| sandboxed(&echo_reset)));
        group.finish();
        let mut group = criterion.benchmark_group(format!("iris, {rows} rows"));
        group.bench_function("native", |bencher| {
            bencher.iter(|| native_iris.predict(black_box(input.clone()), Params::default()).unwrap());
        });
        group.bench_function("sandboxed", |bencher| bencher.iter(|| sandboxed(&iris)));
        if let Some(python) = &python {
            group.bench_function("in Python", |bencher| bencher.iter(|| sandboxed(python)));
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = sandbox
}

/// The median of a benchmark in nanoseconds, from what criterion wrote since `start`; what an earlier run left is not
/// of this run.
fn median(start: SystemTime, group: &str, function: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let estimates = target.join("criterion").join(group).join(function).join("new/estimates.json");
    fs::metadata(&estimates).ok()?.modified().ok().filter(|written| *written >= start)?;
    let estimates: serde_json::Value = serde_json::from_slice(&fs::read(estimates).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

fn main() {
    let start = SystemTime::now();
    benches();
    Criterion::default().configure_from_args().final_summary();
    println!("\nmedians                native  sandboxed  difference  ratio");
    for rows in ROWS {
        for guest in ["echo", "iris"] {
            let group = format!("{guest}, {rows} rows");
            // Absent where the run was filtered, or only compiled.
            let (Some(native), Some(sandboxed)) =
                (median(start, &group, "native"), median(start, &group, "sandboxed"))
            else {
                continue;
            };
            println!(
                "{group:<16} {:>9.2} us {:>7.2} us {:>8.2} us {:>6.2}",
                native / 1e3,
                sandboxed / 1e3,
                (sandboxed - native) / 1e3,
                sandboxed / native
            );
            if let Some(python) = median(start, &group, "in Python") {
                println!("{:<26} {:>10.2} us {:>22.2}", "  in Python", python / 1e3, python / native);
            }
        }
    }
}
