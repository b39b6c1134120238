//! Attack: panics in `predict`.
//!
//! Must end in `guest_trapped`, with the panic's place and message in the log and not in the answer.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};

struct Panic;

impl Predictor for Panic {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    #[expect(clippy::panic, reason = "the attack")]
    fn predict(&self, _input: Input, _params: Params) -> Result<Output, Error> {
        panic!("the attack panics")
    }
}

mlhost_guest::export!(Panic);
