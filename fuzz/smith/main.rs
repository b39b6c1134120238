//! `mlhost-smith COMPONENT FOLDER FIRST COUNT` writes `FOLDER/SEED.wasm` for each of COUNT seeds: core modules whose imports and
//! exports are those of the component's own code, and whose code is wasm-smith's, but for `load-context`, which succeeds, and
//! `cabi_realloc`, which gives memory: without them no call would get as far as `predict`. Called by `fuzz/run.sh`; what it writes is
//! read by `tests/it/fuzzed/guest.rs`.

use std::path::Path;
use std::{env, fs};

use arbitrary::Unstructured;
use wasm_encoder::{CodeSection, Function, Instruction, MemArg, RawSection, ValType};
use wasm_smith::{Config, Module};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

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
    let module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    Some(with_a_beginning(&module.to_bytes()))
}

/// The module with two functions' code put in place of wasm-smith's.
fn with_a_beginning(module: &[u8]) -> Vec<u8> {
    let (mut imported, mut load_context, mut realloc, mut pages) = (0, None, None, 0);
    let payloads: Vec<Payload<'_>> = Parser::new(0).parse_all(module).map(|it| it.expect("a module")).collect();
    for payload in &payloads {
        match payload {
            Payload::ImportSection(imports) => {
                let imports = imports.clone().into_imports().map(|import| import.expect("an import"));
                imported = imports.filter(|import| matches!(import.ty, TypeRef::Func(_))).count();
            }
            Payload::MemorySection(memories) => {
                pages = memories.clone().into_iter().next().map_or(0, |memory| memory.expect("a memory").initial);
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone().into_iter().map(|export| export.expect("an export")) {
                    match export.name {
                        name if export.kind == ExternalKind::Func && name.ends_with("load-context") => {
                            load_context = Some(export.index as usize);
                        }
                        "cabi_realloc" => realloc = Some(export.index as usize),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    // The end of memory: where the next free byte is kept, and zeros, which are `ok`.
    let end = i32::try_from((pages * 65536).saturating_sub(64)).unwrap_or(i32::MAX - 64);
    let mut encoded = wasm_encoder::Module::new();
    let mut code = CodeSection::new();
    for payload in &payloads {
        match payload {
            Payload::CodeSectionStart { .. } => {}
            Payload::CodeSectionEntry(body) => {
                let index = Some(imported + code.len() as usize);
                if index == load_context {
                    code.function(&function(&[Instruction::I32Const(end + 16), Instruction::End], &[]));
                } else if index == realloc {
                    code.function(&allocator(end));
                } else {
                    code.raw(body.as_bytes());
                }
            }
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    if id > 10 && !code.is_empty() {
                        encoded.section(&std::mem::take(&mut code));
                    }
                    encoded.section(&RawSection { id, data: &module[range] });
                }
            }
        }
    }
    if !code.is_empty() {
        encoded.section(&code);
    }
    encoded.finish()
}

fn function(instructions: &[Instruction<'_>], locals: &[(u32, ValType)]) -> Function {
    let mut function = Function::new(locals.iter().copied());
    for instruction in instructions {
        function.instruction(instruction);
    }
    function
}

/// Gives what was not given before, from 4096 on.
fn allocator(end: i32) -> Function {
    use Instruction::{Else, I32Add, I32And, I32Const, I32Eqz, I32Load, I32Store, I32Sub, If, LocalGet, LocalSet};
    let at = || MemArg { offset: 0, align: 2, memory_index: 0 };
    function(
        &[
            I32Const(end),
            I32Load(at()),
            I32Eqz,
            If(wasm_encoder::BlockType::Result(ValType::I32)),
            I32Const(4096),
            Else,
            I32Const(end),
            I32Load(at()),
            Instruction::End,
            LocalGet(2),
            I32Add,
            I32Const(1),
            I32Sub,
            I32Const(0),
            LocalGet(2),
            I32Sub,
            I32And,
            LocalSet(4),
            I32Const(end),
            LocalGet(4),
            LocalGet(3),
            I32Add,
            I32Store(at()),
            LocalGet(4),
            Instruction::End,
        ],
        &[(1, ValType::I32)],
    )
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
