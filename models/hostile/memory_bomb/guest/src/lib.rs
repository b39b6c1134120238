//! Attack: asks for more memory until it gets none.
//!
//! Must end in `guest_exhausted`: growth past the call's budget is refused, and the trap after it is told apart from
//! others.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};

const STEP: usize = 1 << 20;

struct MemoryBomb;

impl Predictor for MemoryBomb {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, _input: Input, _params: Params) -> Result<Output, Error> {
        let mut hoard: Vec<Vec<u8>> = Vec::new();
        loop {
            hoard.push(vec![0xa5; STEP]);
            std::hint::black_box(&hoard);
        }
    }
}

mlhost_guest::export!(MemoryBomb);
