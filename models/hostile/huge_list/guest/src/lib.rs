//! Attack: answers with a list that lies outside its memory.
//!
//! Must end in `guest_trapped`: the host checks pointer and length before it reads or allocates anything. Written
//! against the canonical ABI, because no safe code can answer with such a list.
#![cfg(target_family = "wasm")]

#[allow(dead_code, clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../guest-sdk/wit", world: "model", generate_all });
}

/// A `result<output, failure>`: ok, tensors, and a list with more elements than memory has bytes.
#[repr(C, align(8))]
struct Answer {
    result: u32,
    output: u32,
    pointer: u32,
    length: u32,
    rest: [u32; 2],
}

static LOADED: Answer = Answer { result: 0, output: 0, pointer: 0, length: 0, rest: [0; 2] };
static ANSWER: Answer = Answer { result: 0, output: 1, pointer: 16, length: u32::MAX, rest: [0; 2] };

// SAFETY: names and signatures are those of the canonical ABI for the world `model`; each name is defined once.
#[unsafe(export_name = "mlhost:guest/predictor@0.1.0#load-context")]
extern "C" fn load_context(_config: u32, _config_len: u32, _names: u32, _names_len: u32) -> *const Answer {
    wit_bindgen::rt::maybe_link_cabi_realloc();
    &raw const LOADED
}

// SAFETY: as above. The input is a variant of five flat values, the parameters are a list.
#[unsafe(export_name = "mlhost:guest/predictor@0.1.0#predict")]
#[expect(clippy::too_many_arguments, reason = "the canonical ABI's")]
extern "C" fn predict(_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32) -> *const Answer {
    &raw const ANSWER
}
