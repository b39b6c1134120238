//! Attack: calls itself without end.
//!
//! Must end in `guest_exhausted`: the stack that overflows is the sandbox's, not the host's. The frames keep nothing
//! in linear memory, whose own stack would otherwise run into its guard first and look like any other trap.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};

struct DeepRecursion;

impl Predictor for DeepRecursion {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, input: Input, _params: Params) -> Result<Output, Error> {
        let rows = input.into_table()?.rows() as u64;
        Ok(Output::Json(down(rows).to_string()))
    }
}

/// What is done with the result cannot be done before the call, so that no compiler makes a loop of it.
#[inline(never)]
#[expect(unconditional_recursion, reason = "the attack")]
fn down(depth: u64) -> u64 {
    down(depth.wrapping_add(1)).rotate_left(7) ^ depth.wrapping_mul(3)
}

mlhost_guest::export!(DeepRecursion);
