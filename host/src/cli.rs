//! The command line: which subcommand, and what its failure means to the shell.
//!
//! Called by `main`. Exit codes: 0 for success, 1 where the user's input is wrong, 2 for usage, 70 for a defect of
//! mlhost. Data goes to standard output, everything else to standard error; colour is never needed.

use std::process::ExitCode;

use clap::Parser as _;

mod args;
mod build;
mod compile;
mod door;
mod fetch_runtime;
mod file_limit;
mod inspect;
mod loading;
mod log;
mod mlflow_shim;
mod model;
mod model_uri;
mod observed;
mod origin;
mod output;
mod package;
mod platform;
mod predict;
mod progress;
mod ready;
mod repository;
mod serve;
mod token;
mod validate;

use args::{Args, Command};

/// BSD's `EX_SOFTWARE`.
const INTERNAL: u8 = 70;

/// A defect of mlhost, as opposed to something that its user can mend.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Defect(String);

/// Runs the command line to its end.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.command {
        Command::Serve(args) => serve::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Package(args) => package::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Build(args) => build::run(args),
        Command::Compile(args) => compile::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::MlflowShim(args) => mlflow_shim::run(&args),
        Command::Token(args) => token::run(&args),
        Command::FetchRuntime => fetch_runtime::run(),
    };
    log::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// `error:` and what was being done, from the outside in; hints stand at the end of the messages they belong to.
fn report(error: &anyhow::Error) -> ExitCode {
    output::error(format_args!("error: {error}"));
    for cause in error.chain().skip(1) {
        output::error(format_args!("  caused by: {cause}"));
    }
    if error.downcast_ref::<Defect>().is_some() { ExitCode::from(INTERNAL) } else { ExitCode::from(1) }
}
