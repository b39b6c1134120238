//! Faults on purpose: what an operator meets one day, met here first. Each ends in a clear message or in nothing worse than
//! less speed, and nothing half-written is ever loaded. `docs/faults.md` is the table of them.
//!
//! What needs a file system of its own or another user is in `tests/faults/run.sh`.

mod clock;
mod corrupt;
mod deprived;
mod full;
mod killed;
mod outputs;
mod slow_server;
mod table;
mod unusable;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Longer than any refusal takes on a busy machine.
const SOON: Duration = Duration::from_secs(90);

/// Runs a command to its end and answers its exit status and what it said; panics where a signal ended it, which no input may
/// do, or where it takes long.
fn refusal(command: &mut Command) -> (i32, String) {
    let begun = Instant::now();
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert!(begun.elapsed() < SOON, "{command:?} took {:?}", begun.elapsed());
    assert!(!said.contains("panicked"), "{command:?}: {said}");
    let code = status.code().unwrap_or_else(|| panic!("{command:?} ended by {status}: {said}"));
    (code, said)
}

/// What `mlhost serve` says of a model that it refuses.
fn serve_refuses(command: &mut Command) -> String {
    let (code, said) = refusal(command);
    assert_eq!(code, 1, "{said}");
    said
}
