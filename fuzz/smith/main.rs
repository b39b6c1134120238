//! `mlhost-smith COMPONENT FOLDER FIRST COUNT` writes `FOLDER/SEED.wasm` for each of COUNT seeds: core modules whose imports and
//! exports are those of the component's own code, and whose code is wasm-smith's. Called by `fuzz/run.sh`; what it writes is
//! read by `tests/it/fuzzed/guest.rs`.

use std::path::Path;
use std::{env, fs};

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};
use wasmparser::{Parser, Payload};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [component, folder, first, count] = arguments.as_slice() else {
        panic!("usage: mlhost-smith COMPONENT FOLDER FIRST COUNT");
    };
    let shape = core_module(&fs::read(component).expect("a component"));
    let (first, count): (u64, u64) = (first.parse().expect("a number"), count.parse().expect("a number"));
    fs::create_dir_all(folder).expect("a folder");
    let seeds = (first..).filter_map(|seed| module(&shape, seed).map(|module| (seed, module)));
    for (seed, module) in seeds.take(usize::try_from(count).expect("a count")) {
        fs::write(Path::new(folder).join(format!("{seed:06}.wasm")), module).expect("a file");
    }
}

/// What is made of a seed, where its bytes are enough for a module.
fn module(shape: &[u8], seed: u64) -> Option<Vec<u8>> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes: Vec<u8> = (0..512 + seed % 30_000)
        .map(|_| {
            // Marsaglia's xorshift64.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect();
    let config = Config {
        module_shape: Some(shape.to_vec()),
        // What a guest's code is compiled with: nothing that wasmtime leaves off here.
        gc_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        memory64_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        shared_everything_threads_enabled: false,
        tail_call_enabled: true,
        max_memory32_bytes: 64 << 16,
        allow_start_export: false,
        ..Config::default()
    };
    Module::new(config, &mut Unstructured::new(&bytes)).ok().map(|module| module.to_bytes())
}

/// The first module of a component: the guest's own code.
fn core_module(component: &[u8]) -> Vec<u8> {
    let sections = Parser::new(0).parse_all(component).map(|payload| payload.expect("a component"));
    let mut modules = sections.filter_map(|payload| match payload {
        Payload::ModuleSection { unchecked_range, .. } => component.get(unchecked_range),
        _ => None,
    });
    modules.next().expect("a module in it").to_vec()
}
