//! No attack: says that the caller is at fault.
//!
//! Must end in `guest_rejected`, with the message in the answer.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};

struct Reject;

impl Predictor for Reject {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, _input: Input, _params: Params) -> Result<Output, Error> {
        Err(Error::rejected("no input is good enough for this model"))
    }
}

mlhost_guest::export!(Reject);
