//! Attack: logs without end, with lines that forge others and would drive a terminal.
//!
//! Must end in `deadline`: what is over the call's log budget is dropped and counted, and the loop is interrupted like
//! any other.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor, log};

struct LogFlood;

impl Predictor for LogFlood {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, _input: Input, _params: Params) -> Result<Output, Error> {
        let forged =
            format!("flood\n1970-01-01T00:00:00Z ERROR mlhost: forged \u{1b}[2J{}", "x".repeat(4096));
        loop {
            log::error!("{forged}");
        }
    }
}

mlhost_guest::export!(LogFlood);
