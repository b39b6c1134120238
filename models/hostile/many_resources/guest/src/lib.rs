//! Attack: makes `wasi:nn` tensors and never drops them.
//!
//! Must end in `guest_exhausted`: what the host holds for a call counts against its data budget. Uses the bindings
//! themselves, because the SDK drops what it makes.
#![cfg(target_family = "wasm")]

#[allow(clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../guest-sdk/wit", world: "model", generate_all });
}

use bindings::exports::mlhost::guest::predictor::{Context, Failure, Guest, Input, Output, Param};
use bindings::wasi::nn::tensor::{Tensor, TensorType};

/// So small that wasmtime's own limit on handles is reached before the budget of bytes, which `huge_compute` reaches.
const TENSOR: u32 = 1;

struct ManyResources;

impl Guest for ManyResources {
    fn load_context(_context: Context) -> Result<(), Failure> {
        Ok(())
    }

    fn predict(_input: Input, _params: Vec<Param>) -> Result<Output, Failure> {
        loop {
            std::mem::forget(Tensor::new(&[TENSOR], TensorType::U8, &[0; TENSOR as usize]));
        }
    }
}

bindings::export!(ManyResources with_types_in bindings);
