//! Graphs with damaged files: whatever ONNX Runtime makes of one, loading and running it ends in an answer or an error, and
//! the process lives. ONNX Runtime is native code, so this runs in a process of its own, which says what it is about to try.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mlhost_nn::{ComputeRequest, Graph, GraphOptions};
use mlhost_wire::values::{ElementType, Elements, NamedTensor, Packed, Tensor};

use super::random::Random;
use super::seeds_for_a_time;
use crate::running::{models, root};

/// The seeds that a process is to try, `FIRST..END`; set for that process alone.
const SEEDS: &str = "MLHOST_FUZZ_SEEDS";
/// Seeds for one process.
const LOT: u64 = 2000;
/// For one run of a graph; a damaged one may loop.
const PATIENCE: Duration = Duration::from_secs(2);
/// Axes whose size is free get one of these.
const SIZES: [u32; 4] = [1, 2, 0, 3];
/// Inputs of damaged graphs may say that they are huge.
const MOST_ELEMENTS: u64 = 1 << 16;

fn graphs() -> Vec<Vec<u8>> {
    let samples = ["iris/iris.onnx", "titanic/titanic_mixed.onnx", "digits/digits_mlp.onnx"];
    let samples = samples.map(|file| models().join(file));
    let others = ["iris_zipmap.onnx", "sentiment_tfidf_c_locale.onnx"];
    let others = others.map(|file| root().join("host/nn/tests/models").join(file));
    samples.iter().chain(&others).map(|path| fs::read(path).unwrap()).collect()
}

/// The damaged graph that `seed` makes.
fn damaged(whole: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    // The small ones more often: more of their bytes mean something.
    let which = random.below(whole.len() + 3) % whole.len();
    random.damaged(&whole[which])
}

/// Loads and runs one file. What becomes of it is nobody's business but that it ends.
fn attempt(runtime: &tokio::runtime::Runtime, path: &Path, random: &mut Random) {
    let Ok(graph) = Graph::load("damaged", path, &GraphOptions::default()) else { return };
    let inputs: Option<Vec<NamedTensor>> = graph
        .info()
        .inputs
        .iter()
        .map(|port| {
            let shape: Vec<u32> = port.shape.iter().map(|axis| axis.unwrap_or(random.of(&SIZES))).collect();
            let count = shape.iter().map(|axis| u64::from(*axis)).fold(1, u64::saturating_mul);
            let count = usize::try_from(count).ok().filter(|count| *count as u64 <= MOST_ELEMENTS)?;
            let tensor = Tensor { shape, elements: elements(port.element_type, count) };
            Some(NamedTensor { name: port.name.clone(), tensor })
        })
        .collect();
    let Some(inputs) = inputs else { return };
    let request = ComputeRequest { inputs, outputs: Vec::new(), deadline: Instant::now() + PATIENCE };
    if let Ok(outputs) = runtime.block_on(graph.compute(request)) {
        for named in outputs {
            named.tensor.check(&named.name).unwrap();
        }
    }
}

fn elements(element_type: ElementType, count: usize) -> Elements {
    match element_type {
        ElementType::Boolean => Elements::Boolean(vec![1; count]),
        ElementType::Bf16 => Elements::Bf16(vec![0x3f80; count]),
        ElementType::F16 => Elements::F16(vec![0x3c00; count]),
        ElementType::F32 => Elements::F32(vec![1.5; count]),
        ElementType::F64 => Elements::F64(vec![1.5; count]),
        ElementType::S8 => Elements::S8(vec![1; count]),
        ElementType::S16 => Elements::S16(vec![1; count]),
        ElementType::S32 => Elements::S32(vec![1; count]),
        ElementType::S64 => Elements::S64(vec![1; count]),
        ElementType::U8 => Elements::U8(vec![1; count]),
        ElementType::U16 => Elements::U16(vec![1; count]),
        ElementType::U32 => Elements::U32(vec![1; count]),
        ElementType::U64 => Elements::U64(vec![1; count]),
        ElementType::Text => Elements::Text((0..count).map(|_| "a").collect::<Packed>()),
    }
}

/// What a process that tried a lot of seeds did.
struct Outcome {
    tried: u64,
    /// The seed that it did not survive, and how it ended.
    lost: Option<(u64, String)>,
}

/// Tries the seeds in a process of its own.
fn lot(first: u64, end: u64) -> Outcome {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "fuzzed::onnx::one_lot_of_seeds"])
        .env(SEEDS, format!("{first}..{end}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut last = None;
    let mut tried = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        if let Some(seed) = line.strip_prefix("seed ").and_then(|seed| seed.parse().ok()) {
            last = Some(seed);
            tried += 1;
        }
    }
    let status = child.wait().unwrap();
    let lost = if status.success() { None } else { Some((last.unwrap_or(first), status.to_string())) };
    Outcome { tried, lost }
}

/// Not a test but the process that `lot` starts.
#[test]
#[ignore = "started by the other tests here"]
fn one_lot_of_seeds() {
    let seeds = std::env::var(SEEDS).expect("the other tests here set it");
    let (first, end) = seeds.split_once("..").unwrap();
    let library = std::env::var_os("ORT_DYLIB_PATH").expect("`cargo xtask test` sets ORT_DYLIB_PATH");
    mlhost_nn::initialize(Path::new(&library)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let whole = graphs();
    for seed in first.parse().unwrap()..end.parse().unwrap() {
        fs::write(&path, damaged(&whole, seed)).unwrap();
        println!("seed {seed}");
        attempt(&runtime, &path, &mut Random::new(seed));
    }
}

#[test]
fn a_damaged_graph_is_refused_or_runs_and_the_process_lives() {
    let outcome = lot(0, 300);
    assert!(outcome.lost.is_none(), "seed {:?}", outcome.lost);
    assert_eq!(outcome.tried, 300);
}

#[test]
#[ignore = "runs as long as `fuzz/run.sh onnx SECONDS` says"]
fn for_a_time() {
    let mut seeds = seeds_for_a_time();
    let mut executions = 0;
    let mut ends = BTreeSet::new();
    let mut lost: Vec<PathBuf> = Vec::new();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-onnx");
    fs::create_dir_all(&folder).unwrap();
    let whole = graphs();
    // A seed of the time: each lot begins where the last one ended.
    let Some(mut next) = seeds.next() else { return };
    while seeds.next().is_some() {
        let outcome = lot(next, next + LOT);
        executions += outcome.tried;
        next += LOT;
        if let Some((seed, end)) = outcome.lost {
            let path = folder.join(format!("{seed}.onnx"));
            fs::write(&path, damaged(&whole, seed)).unwrap();
            println!("seed {seed}: {end}; kept as {}", path.display());
            ends.insert(end);
            lost.push(path);
            next = seed + 1;
        }
    }
    println!("executions: {executions}");
    assert!(lost.is_empty(), "{} files ended the process: {ends:?}; {lost:?}", lost.len());
}
