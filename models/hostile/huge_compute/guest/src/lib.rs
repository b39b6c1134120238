//! Attack: hands `compute` 40,000 inputs whose elements are all the same megabyte.
//!
//! Must end in `guest_exhausted`: an argument of 1.5 MB would make the host copy 40 GB before it looks at a graph.
//! Calls the import by the canonical ABI, because safe code would have to own every copy.
#![cfg(target_family = "wasm")]

#[allow(dead_code, clippy::all)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../guest-sdk/wit", world: "model", generate_all });
}

use bindings::exports::mlhost::guest::predictor::{Context, Failure, Guest, Input, Output, Param};

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

#[link(wasm_import_module = "mlhost:nn/graphs@0.1.0")]
unsafe extern "C" {
    /// `graph`, `inputs` and `outputs` as pointers and lengths, then where the result goes.
    #[link_name = "compute"]
    fn compute(graph: u32, len: u32, inputs: u32, len: u32, outputs: u32, len: u32, result: *mut [u32; 8]);
}

struct HugeCompute;

impl Guest for HugeCompute {
    fn load_context(_context: Context) -> Result<(), Failure> {
        Ok(())
    }

    fn predict(_input: Input, _params: Vec<Param>) -> Result<Output, Failure> {
        let (shared, shape) = (vec![0u8; SHARED], [SHARED as u32]);
        let address = |pointer: *const u8| pointer.addr() as u32;
        let tensor = NamedTensor {
            name: [address(shared.as_ptr()), 0],
            shape: [address(shape.as_ptr().cast()), 1],
            elements: ELEMENTS_U8,
            data: [address(shared.as_ptr()), SHARED as u32],
            rest: [0; 2],
        };
        let inputs = vec![tensor; COUNT];
        let mut result = [0; 8];
        // SAFETY: every pointer is to live memory of at least its length, and `result` holds a
        // `result<list<named-tensor>, error>`.
        unsafe {
            compute(4, 0, address(inputs.as_ptr().cast()), COUNT as u32, 4, 0, &raw mut result);
        }
        Err(Failure::Failed("the host took 40 GB".to_owned()))
    }
}

bindings::export!(HugeCompute with_types_in bindings);
