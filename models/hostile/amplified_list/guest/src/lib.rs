//! Attack: answers with 40,000 tensors whose elements are all the same megabyte.
//!
//! Must end in `guest_exhausted`: an answer of 1.5 MB would make the host copy 40 GB. Written against the canonical
//! ABI, because safe code would have to own every copy.
#![cfg(target_family = "wasm")]

#[allow(dead_code, clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../guest-sdk/wit", world: "model", generate_all });
}

const COUNT: usize = 40_000;
const SHARED: usize = 1 << 20;

/// The position of `u8` among the cases of `elements`.
const ELEMENTS_U8: u32 = 9;

/// A `named-tensor` without a name: the shape and the elements are lists, pointer first.
#[repr(C)]
#[derive(Clone)]
struct NamedTensor {
    name: [u32; 2],
    shape: [u32; 2],
    elements: u32,
    data: [u32; 2],
    rest: [u32; 2],
}

/// A `result<output, failure>`.
#[repr(C, align(8))]
struct Answer {
    result: u32,
    output: u32,
    tensors: [u32; 2],
    rest: [u32; 2],
}

static LOADED: Answer = Answer { result: 0, output: 0, tensors: [0; 2], rest: [0; 2] };

fn list<T>(values: &[T]) -> [u32; 2] {
    [values.as_ptr().addr() as u32, values.len() as u32]
}

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
    // Leaked, because the host reads them after the return.
    let shared: &[u8] = vec![0; SHARED].leak();
    let shape: &[u32] = vec![SHARED as u32].leak();
    let tensor = NamedTensor {
        name: [shared.as_ptr().addr() as u32, 0],
        shape: list(shape),
        elements: ELEMENTS_U8,
        data: list(shared),
        rest: [0; 2],
    };
    let tensors: &[NamedTensor] = vec![tensor; COUNT].leak();
    Box::leak(Box::new(Answer { result: 0, output: 1, tensors: list(tensors), rest: [0; 2] }))
}
