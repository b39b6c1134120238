//! What is refused, with modules small enough to be written by hand. What becomes a component is tested on the sample
//! models, which are made by this code.

use wit_component::StringEncoding;
use wit_parser::Resolve;

use super::*;

/// `(module (func (export "run")))`.
const RUNS: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x07\x01\x03run\0\0\x0a\x04\x01\x02\0\x0b";

fn with_metadata(core: &[u8], wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut core = core.to_vec();
    wit_component::embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
    core
}

fn refusal(core: &[u8]) -> String {
    encode(core, Path::new("guest.wasm")).unwrap_err().to_string()
}

#[test]
fn a_component_that_mlhost_cannot_call_is_refused_with_what_it_exports() {
    let runs = with_metadata(RUNS, "package a:b; world w { export run: func(); }");
    let text = refusal(&runs);
    assert!(text.contains("does not export `mlhost:guest/predictor@0.1.0`; it exports `run`"), "{text}");
    let nothing = with_metadata(CORE_PREAMBLE, "package a:b; world w { }");
    assert!(refusal(&nothing).contains("it exports nothing"), "{}", refusal(&nothing));
}

#[test]
fn a_module_that_lacks_what_its_metadata_promises_is_refused() {
    let text = refusal(&with_metadata(CORE_PREAMBLE, "package a:b; world w { export run: func(); }"));
    assert!(text.contains("cannot encode `guest.wasm` as a component") && text.contains("run"), "{text}");
}

/// Found by `fuzz/run.sh guest`: a code section that ends behind the file's end was taken at its word.
#[test]
fn a_module_that_ends_within_its_code_is_broken_and_no_panic() {
    for end in CORE_PREAMBLE.len()..RUNS.len() {
        let text = refusal(&RUNS[..end]);
        assert!(
            text.contains("is broken") || text.contains("carries no component metadata"),
            "{end}: {text}"
        );
    }
}

#[test]
fn what_is_no_core_module_of_a_guest_is_told_apart() {
    for (bytes, expected) in [
        (CORE_PREAMBLE, "carries no component metadata"),
        (b"\0asm\x0d\0\x01\0", "is a component already"),
        (b"\0asm\x01\0\0\0\xff", "is broken"),
        (b"#!/bin/sh", "is not a WebAssembly module"),
        (b"", "is not a WebAssembly module"),
    ] {
        let text = refusal(bytes);
        assert!(text.contains(expected), "{text}");
    }
}
