//! Attack: answers a row of `x` = 0 like any model, and never answers anything else.
//!
//! Must end in `deadline`, as `infinite_loop` does. Two kinds of call in one guest, so that one server has callers who spin
//! beside callers who do not: `cargo bench --bench load -- fairness` measures what the second wait for the first.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};

struct SpinOnRequest;

impl Predictor for SpinOnRequest {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, input: Input, _params: Params) -> Result<Output, Error> {
        let table = input.into_table()?;
        if table.numbers("x")?.iter().all(|x| *x == 0.0) {
            return Ok(table.into());
        }
        loop {
            std::hint::spin_loop();
        }
    }
}

mlhost_guest::export!(SpinOnRequest);
