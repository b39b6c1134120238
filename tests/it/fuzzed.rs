//! Inputs that nobody wrote: what the fuzz targets once found, components and graphs that are made or damaged at random.
//!
//! Every `cargo test` runs a fixed number of each; `fuzz/run.sh guest SECONDS` and `onnx` run the tests `for_a_time`, from
//! another seed each time. A failure names its seed, which makes the same input again.

mod guest;
mod memory;
mod onnx;
mod random;
mod regressions;

use std::time::{Duration, Instant};

/// How long `fuzz/run.sh` wants a test to run.
const SECONDS: &str = "MLHOST_FUZZ_SECONDS";

/// Until the time that `fuzz/run.sh` gives is over, seeds from a place that no earlier run had.
fn seeds_for_a_time() -> impl Iterator<Item = u64> {
    let seconds = std::env::var(SECONDS).unwrap_or_else(|_| panic!("`fuzz/run.sh` sets {SECONDS}"));
    let end = Instant::now() + Duration::from_secs(seconds.parse().unwrap());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let first = u64::try_from(now.as_micros()).unwrap() << 8;
    (first..).take_while(move |_| Instant::now() < end)
}
