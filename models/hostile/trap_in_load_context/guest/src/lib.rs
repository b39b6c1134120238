//! Attack: traps while it is loaded.
//!
//! Must end in `guest_trapped` when the model is loaded: the server says so and does not start.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};

struct TrapInLoadContext;

impl Predictor for TrapInLoadContext {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        std::process::abort()
    }

    fn predict(&self, _input: Input, _params: Params) -> Result<Output, Error> {
        Ok(Output::Json("null".to_owned()))
    }
}

mlhost_guest::export!(TrapInLoadContext);
