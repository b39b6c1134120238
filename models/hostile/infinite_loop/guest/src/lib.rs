//! Attack: never answers.
//!
//! Must end in `deadline`: the host interrupts the loop and keeps the thread for other calls.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};

struct InfiniteLoop;

impl Predictor for InfiniteLoop {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, _input: Input, _params: Params) -> Result<Output, Error> {
        loop {
            std::hint::spin_loop();
        }
    }
}

mlhost_guest::export!(InfiniteLoop);
