//! The guest boundary: components around wasm-smith's modules, samples with damaged bytes, and a puppet that calls the host
//! with whatever its input holds. The modules are made by `fuzz/smith`, a program of its own, because wasm-smith would have all
//! of wasmtime compiled once more; those under `fuzz/smith/kept` are always tried. Whatever a guest is, loading and calling it ends in time, in an answer that holds together or an error;
//! nothing panics.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use mlhost_nn::{Graph, GraphOptions, Graphs};
use mlhost_sandbox::{Engine, EngineOptions, Guest, GuestSource, Limits, SandboxError, WasiGrants};
use mlhost_wire::values::{Blob, Call, Input, Output, Param, Value};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use super::memory::memory;
use super::random::Random;
use super::seeds_for_a_time;
use crate::running::{models, root};

/// The folder of the modules that `fuzz/run.sh` had made.
const MODULES: &str = "MLHOST_FUZZ_MODULES";
/// For one call, and for loading but for compiling.
const PATIENCE: Duration = Duration::from_millis(200);
/// What one seed may take at most: compiling twice, `load-context`, its calls. Far more than it takes on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);
/// For a call that is to succeed on a busy machine.
const SOON: Duration = Duration::from_secs(30);
const MEMORY: usize = 8 << 20;
/// What the guest may hand to the host.
const DATA: usize = 1 << 20;
/// Calls of the puppet for one seed: they cost as little as the others' compiling costs much.
const PUPPET_CALLS: usize = 200;

/// Panics anywhere in the process, tasks of the runtime among them.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// What guests are made from, and where they run.
struct Border {
    engine: Engine,
    graphs: Graphs,
    runtime: tokio::runtime::Runtime,
    /// Core modules of real guests.
    shapes: Vec<Vec<u8>>,
    components: Vec<Vec<u8>>,
    puppet: Arc<Guest>,
    /// wasm-smith's.
    modules: Vec<Vec<u8>>,
}

// === impl Border ===

impl Border {
    fn new(modules: &Path) -> Self {
        static COUNTING: Once = Once::new();
        COUNTING.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if info.location().is_some_and(|place| !place.file().contains("tests/it/")) {
                    PANICS.fetch_add(1, Ordering::Relaxed);
                }
                usual(info);
            }));
        });
        let library = std::env::var_os("ORT_DYLIB_PATH").expect("`cargo xtask test` sets ORT_DYLIB_PATH");
        mlhost_nn::initialize(Path::new(&library)).unwrap();
        let graph = models().join("iris/iris.onnx");
        let graphs = Graphs::new(vec![Graph::load("iris", &graph, &GraphOptions::default()).unwrap()]);
        let options = EngineOptions { instances: 8, max_memory_bytes: MEMORY, scan: true, code_cache: None };
        let engine = Engine::new(&options).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let component = |name: &str| std::fs::read(models().join(name).join("component.wasm")).unwrap();
        let components: Vec<_> = ["iris", "echo", "describe", "hostile/huge_list"].map(component).into();
        let shapes = components.iter().map(|component| core_module(component)).collect();
        let puppet = encode(wat::parse_str(include_str!("puppet.wat")).unwrap()).unwrap();
        let puppet = runtime.block_on(load(&engine, &graphs, &puppet)).unwrap();
        Self { engine, graphs, runtime, shapes, components, puppet, modules: files_of(modules) }
    }

    /// Loads what `seed` makes, and calls it. Answers how many inputs that was.
    fn cross(&self, seed: u64) -> usize {
        let begun = Instant::now();
        let mut random = Random::new(seed);
        let calls = match random.below(4) {
            0 if !self.modules.is_empty() => self.try_component(&mut random, |border, random| {
                let module = random.below(border.modules.len());
                encode(border.modules[module].clone())
            }),
            0 | 1 => self.try_component(&mut random, |border, random| {
                let whole = random.below(border.components.len());
                Some(random.damaged(&border.components[whole]))
            }),
            2 => self.try_component(&mut random, |border, random| {
                let whole = random.below(border.shapes.len());
                encode(random.damaged(&border.shapes[whole]))
            }),
            _ => self.pull_strings(&mut random),
        };
        let panics = PANICS.load(Ordering::Relaxed);
        assert_eq!(panics, 0, "seed {seed}: the host panicked");
        assert!(begun.elapsed() < LONGEST, "seed {seed} took {:?}", begun.elapsed());
        calls
    }

    fn try_component(
        &self,
        random: &mut Random,
        make: impl Fn(&Self, &mut Random) -> Option<Vec<u8>>,
    ) -> usize {
        let Some(component) = make(self, random) else { return 0 };
        self.runtime.block_on(async {
            match load(&self.engine, &self.graphs, &component).await {
                Ok(guest) => {
                    for _ in 0..3 {
                        let content = memory(random);
                        call(&guest, content).await;
                    }
                    4
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    1
                }
            }
        })
    }

    fn pull_strings(&self, random: &mut Random) -> usize {
        self.runtime.block_on(async {
            for _ in 0..PUPPET_CALLS {
                call(&self.puppet, memory(random)).await;
            }
        });
        PUPPET_CALLS
    }
}

async fn load(engine: &Engine, graphs: &Graphs, component: &[u8]) -> Result<Arc<Guest>, SandboxError> {
    let source = GuestSource {
        name: "fuzzed",
        component,
        graphs: graphs.clone(),
        artifacts: [("labels".to_owned(), b"a\nb\nc\n".to_vec())].into(),
        model_config: "{}".to_owned(),
        grants: WasiGrants::default(),
        limits: Limits { memory_bytes: MEMORY, data_bytes: DATA, ..Limits::default() },
    };
    Guest::load(engine, source, PATIENCE).await
}

async fn call(guest: &Arc<Guest>, data: Vec<u8>) {
    let input = Input::Blob(Blob { content_type: "image/png".to_owned(), data });
    let params = vec![Param { name: "p".to_owned(), value: Value::Integer(1) }];
    let begun = Instant::now();
    match guest.predict(&Call { input, params }, begun + PATIENCE).await {
        Ok(reply) => holds_together(&reply.output),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    assert!(begun.elapsed() < LONGEST, "{:?}", begun.elapsed());
}

/// What a guest answered was checked, and is no more than it may hand over.
fn holds_together(output: &Output) {
    match output {
        Output::Table(table) => {
            table.check().unwrap();
            assert!(table.columns.len() <= DATA);
        }
        Output::Tensors(tensors) => tensors.iter().for_each(|named| named.tensor.check(&named.name).unwrap()),
        Output::Json(text) => assert!(text.len() <= DATA),
        Output::Blob(blob) => assert!(blob.data.len() + blob.content_type.len() <= DATA),
    }
}

/// A core module of a model's shape as a component, where it is one.
fn encode(mut core: Vec<u8>) -> Option<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("guest-sdk/wit")).unwrap();
    let world = resolve.select_world(&[package], Some("model")).unwrap();
    // wit-component takes the lengths of sections on trust, so that `mlhost build` looks first, too.
    wasmparser::Parser::new(0).parse_all(&core).try_for_each(|payload| payload.map(drop)).ok()?;
    wit_component::embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).ok()?;
    ComponentEncoder::default().module(&core).ok()?.encode().ok()
}

fn files_of(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// The first module of a component: the guest's own code.
fn core_module(component: &[u8]) -> Vec<u8> {
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        if let wasmparser::Payload::ModuleSection { unchecked_range, .. } = payload.unwrap() {
            return component[unchecked_range].to_vec();
        }
    }
    panic!("no module in it")
}

/// Modules of wasm-smith's that are kept.
fn kept() -> PathBuf {
    root().join("fuzz/smith/kept")
}

#[test]
fn whatever_a_guest_is_the_host_lives_and_ends_it_in_time() {
    let border = Border::new(&kept());
    let inputs: usize = (0..60).map(|seed| border.cross(seed)).sum();
    assert!(inputs > 1000, "only {inputs} inputs");
}

#[test]
fn every_kept_module_is_a_guest_and_ends_in_time() {
    let border = Border::new(&kept());
    assert!(border.modules.len() >= 16, "{}", border.modules.len());
    for (position, module) in border.modules.iter().enumerate() {
        let component = encode(module.clone()).unwrap_or_else(|| panic!("module {position} is no guest"));
        assert!(border.try_component(&mut Random::new(1), |_, _| Some(component.clone())) > 0);
    }
}

/// Found by `fuzz/run.sh guest`: a refusal without a word was a 400 without one.
#[test]
fn a_refusal_without_a_word_is_given_some() {
    let border = Border::new(&kept());
    // No calls; the answer is behind these two words: refused, with a text of no bytes.
    let words: [u32; 8] = [0, 65536 + 8, 1, 0, 65536, 0, 0, 0];
    let data = words.into_iter().flat_map(u32::to_le_bytes).collect();
    let input = Input::Blob(Blob { content_type: "image/png".to_owned(), data });
    let call = Call { input, params: Vec::new() };
    let answer = border.runtime.block_on(border.puppet.predict(&call, Instant::now() + SOON));
    assert!(
        matches!(&answer, Err(SandboxError::Rejected(said)) if said.contains("does not say why")),
        "{answer:?}"
    );
}

/// The puppet reaches what it is there for: otherwise all that it shows is that nothing was tried.
#[test]
fn the_puppet_answers_traps_and_calls_graphs() {
    let border = Border::new(&kept());
    let mut random = Random::new(7);
    let (mut answered, mut refused) = (0, 0);
    border.runtime.block_on(async {
        for _ in 0..3000 {
            let input = Input::Blob(Blob { content_type: "image/png".to_owned(), data: memory(&mut random) });
            let call = Call { input, params: Vec::new() };
            match border.puppet.predict(&call, Instant::now() + PATIENCE).await {
                Ok(_) => answered += 1,
                Err(_) => refused += 1,
            }
        }
    });
    assert!(answered > 300 && refused > 300, "{answered} answers, {refused} errors");
}

#[test]
#[ignore = "runs as long as `fuzz/run.sh guest SECONDS` says"]
fn for_a_time() {
    let modules = std::env::var_os(MODULES).unwrap_or_else(|| panic!("`fuzz/run.sh` sets {MODULES}"));
    let border = Border::new(Path::new(&modules));
    let mut executions = 0;
    for seed in seeds_for_a_time() {
        // Where the process itself ends, the last line says which seed it was.
        println!("seed: {seed}");
        executions += border.cross(seed);
    }
    println!("executions: {executions}");
}
