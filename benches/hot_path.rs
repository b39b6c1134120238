//! A request's path in one process and without HTTP, stage by stage: what `benches/instructions.sh` counts under valgrind.
//!
//! `hot_path STAGE COUNT` runs one stage a few times to warm up and then so often with valgrind counting: neither loading
//! nor compiling is in the figure. `cargo bench --bench hot_path` times every stage instead, as a check that they all still
//! run. One iris flower a request; sandboxes are cleaned by reset, since valgrind knows no PAGEMAP_SCAN.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a benchmark is for")]

#[path = "serve/native.rs"]
#[allow(dead_code, reason = "its HTTP server is another benchmark's")]
mod native;
#[path = "server_process.rs"]
mod server_process;

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mlhost_bundle::Bundle;
use mlhost_nn::{ComputeRequest, Graph, GraphOptions, Graphs};
use mlhost_sandbox::{Engine, EngineOptions, Guest, GuestSource, Limits, WasiGrants};
use mlhost_wire::dialect::mlflow::{Envelope, Mlflow};
use mlhost_wire::dialect::{Dialect as _, Interface, Request};
use mlhost_wire::values::{Call, Elements, NamedTensor, Reply, Tensor};
use tokio::runtime::Runtime;

use crate::native::Iris;
use crate::server_process::onnxruntime;

// What the server allocates with is part of what a request costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BODY: &str = "{\"dataframe_split\": {\"columns\": [\"sepal_length\", \"sepal_width\", \"petal_length\", \
                    \"petal_width\"], \"data\": [[51.0, 35.0, 14.0, 2.0]]}}";
/// Long enough for a guest that is compiled under valgrind.
const PATIENCE: Duration = Duration::from_secs(600);
/// Of a stage that is timed, and as many before it to warm up.
const TIMED: u32 = 2000;
/// Before valgrind counts: pools and caches have filled by then.
const WARM_UP: u32 = 50;

/// A stage and what is in it.
const STAGES: [(&str, &str); 6] = [
    ("decode", "the body's bytes to a call"),
    ("encode", "a reply to the answer's bytes"),
    ("graph", "a tensor through the queue and ONNX Runtime"),
    ("echo", "a sandbox that gives back what it got: what the walls cost"),
    ("native", "decode, the model's code in plain Rust with its graph, encode"),
    ("sandboxed", "decode, the model's code in a fresh sandbox with its graph, encode"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let outcome = match arguments.as_slice() {
        [] => time_all(),
        [stage, count] => count.parse().context("COUNT is a number").and_then(|count| run(stage, count)),
        _ => Err(anyhow::anyhow!("usage: hot_path [STAGE COUNT]")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn time_all() -> anyhow::Result<()> {
    let place = Place::new()?;
    for (name, what) in STAGES {
        let stage = place.stage(name)?;
        place.repeat(&stage, TIMED)?;
        let start = Instant::now();
        place.repeat(&stage, TIMED)?;
        println!("{name:<10} {:>8.2} us  {what}", start.elapsed().as_secs_f64() * 1e6 / f64::from(TIMED));
    }
    Ok(())
}

fn run(stage: &str, count: u32) -> anyhow::Result<()> {
    let place = Place::new()?;
    let stage = place.stage(stage)?;
    place.repeat(&stage, WARM_UP)?;
    valgrind(CALLGRIND_START);
    let outcome = place.repeat(&stage, count);
    valgrind(CALLGRIND_STOP);
    outcome
}

/// callgrind.h: the requests of the tool `CT`.
const CALLGRIND_START: u64 = CALLGRIND + 4;
const CALLGRIND_STOP: u64 = CALLGRIND + 5;
const CALLGRIND: u64 = (b'C' as u64) << 24 | (b'T' as u64) << 16;

/// Asks valgrind for something; nothing happens where the program does not run under it. valgrind.h: the rotations add
/// up to none, no compiler writes them, and `rax` points at the request and its five arguments.
#[cfg(target_arch = "x86_64")]
fn valgrind(request: u64) {
    let request = [request, 0, 0, 0, 0, 0];
    // SAFETY: no register changes but the two that are named, and no memory but what valgrind reads of `request`.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") request.as_ptr(), inout("rdx") 0u64 => _, options(nostack)
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn valgrind(_request: u64) {}

/// A stage with all that it needs, loaded.
enum Stage {
    Decode,
    Encode(Reply),
    Graph(Graph, Vec<NamedTensor>),
    Echo(Arc<Guest>, Call),
    Native(Iris),
    Sandboxed(Arc<Guest>),
}

/// Where stages run.
struct Place {
    runtime: Runtime,
    bundle: Bundle,
    interface: Interface,
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

fn request() -> Request<'static> {
    Request { content_type: Some("application/json"), body: black_box(BODY.as_bytes()) }
}

// === impl Place ===

impl Place {
    fn new() -> anyhow::Result<Self> {
        mlhost_nn::initialize(&onnxruntime()?)?;
        let bundle = Bundle::open(&models().join("iris"))?;
        // One thread for tasks: what others would spin for is not the request's.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, interface: bundle.interface.clone(), bundle })
    }

    fn stage(&self, name: &str) -> anyhow::Result<Stage> {
        Ok(match name {
            "decode" => Stage::Decode,
            "encode" => {
                let iris = Iris::open(&self.bundle.directory)?;
                let call = self.decode()?;
                Stage::Encode(self.runtime.block_on(iris.predict(&call, Instant::now() + PATIENCE))?)
            }
            "graph" => {
                let elements = Elements::F32(vec![5.1, 3.5, 1.4, 0.2]);
                let tensor = Tensor { shape: vec![1, 4], elements };
                Stage::Graph(self.graph()?, vec![NamedTensor { name: "input".to_owned(), tensor }])
            }
            "echo" => Stage::Echo(self.guest("echo", Graphs::new(Vec::new()))?, self.decode()?),
            "native" => Stage::Native(Iris::open(&self.bundle.directory)?),
            "sandboxed" => Stage::Sandboxed(self.guest("iris", Graphs::new(vec![self.graph()?]))?),
            other => {
                let known = STAGES.map(|(name, _)| name).join(", ");
                bail!("there is no stage `{other}`; the stages are {known}")
            }
        })
    }

    fn repeat(&self, stage: &Stage, count: u32) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            for _ in 0..count {
                self.once(stage).await?;
            }
            Ok(())
        })
    }

    async fn once(&self, stage: &Stage) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        match stage {
            Stage::Decode => drop(black_box(self.decode()?)),
            Stage::Encode(reply) => encode(reply.clone())?,
            Stage::Graph(graph, inputs) => {
                let request = ComputeRequest { inputs: inputs.clone(), outputs: Vec::new(), deadline };
                drop(black_box(graph.compute(request).await?));
            }
            Stage::Echo(guest, call) => drop(black_box(guest.predict(call, deadline).await?)),
            Stage::Native(iris) => encode(iris.predict(&self.decode()?, deadline).await?)?,
            Stage::Sandboxed(guest) => encode(guest.predict(&self.decode()?, deadline).await?)?,
        }
        Ok(())
    }

    fn decode(&self) -> anyhow::Result<Call> {
        let decoded = Mlflow::default().decode(request(), &self.interface);
        decoded.map(|decoded| decoded.call).map_err(|fault| anyhow::anyhow!(fault.public))
    }

    fn graph(&self) -> anyhow::Result<Graph> {
        Ok(Graph::load("iris", &models().join("iris/iris.onnx"), &GraphOptions::default())?)
    }

    fn guest(&self, sample: &str, graphs: Graphs) -> anyhow::Result<Arc<Guest>> {
        // Small, so that valgrind can keep an account of the address space.
        let options =
            EngineOptions { instances: 4, max_memory_bytes: 64 << 20, scan: false, code_cache: None };
        let engine = Engine::new(&options)?;
        let component = fs::read(models().join(sample).join("component.wasm"))?;
        let source = GuestSource {
            name: sample,
            component: &component,
            graphs,
            artifacts: self.bundle.read_artifacts()?.into_iter().collect::<BTreeMap<_, _>>(),
            model_config: "{}".to_owned(),
            grants: WasiGrants::default(),
            limits: Limits::default(),
        };
        Ok(self.runtime.block_on(Guest::load(&engine, source, PATIENCE))?)
    }
}

fn encode(reply: Reply) -> anyhow::Result<()> {
    let answer = Mlflow::default().encode(reply, Envelope::Predictions);
    drop(black_box(answer.map_err(|fault| anyhow::anyhow!(fault.public))?));
    Ok(())
}
