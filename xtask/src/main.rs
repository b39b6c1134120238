//! The project's own automation: `cargo xtask demo`, `test`, `guests`, `models`.
//!
//! Called by people and by `.ci/run`. Installs nothing system-wide: what it fetches lands under the target directory or
//! in the cache folder. Knows nothing of mlhost's inside; it runs the same commands that a person would.

mod demo;
mod guests;
mod models;
mod process;
mod python;
mod scripts;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  demo [--port N]      fetch ONNX Runtime, build, serve the iris sample, print a request to try
  test [--only STEP]   everything that CI runs; steps: fmt, clippy, doc, test, demo, guests, rebuild, python,
                       minilm, differential, clients, uris, follow, protocols, convert, wheel,
                       engines, faults, fuzz, deny
  guests               rebuild every component under models/ from its source
  models               fetch the graphs that are too large to be committed, print the folder of each bundle
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["demo"] => demo::run("5000"),
        ["demo", "--port", port] => demo::run(port),
        ["test"] => test::run(None),
        ["test", "--only", step] => test::run(Some(step)),
        ["guests"] => guests::rebuild_in_place(),
        ["models"] => models::fetch(),
        _ => return usage(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            process::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    process::say(USAGE);
    ExitCode::from(2)
}
