//! Load that does not wait for the server: overload, fairness between guests, slow clients, a long run.
//!
//! `cargo bench --bench load -- SCENARIO [FLAGS]`; `benches/README.md` says what each proves. Each prints what it saw and a
//! verdict against its bar, and the exit code is 1 where the bar was missed. Servers are started here, on this machine's
//! own address, and stopped at the end; every load is bounded in time.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a benchmark is for")]

mod connection;
mod fairness;
mod generator;
#[path = "../machine.rs"]
mod machine;
mod observations;
mod overload;
#[path = "../server_process.rs"]
mod server_process;
mod slow;
mod soak;
#[path = "../table.rs"]
mod table;
mod verdict;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::server_process::{Question, ServerProcess, free_port, mlhost, onnxruntime, root};
use crate::verdict::Verdict;

/// Load that does not wait for the server.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench load --")]
struct Flags {
    #[command(subcommand)]
    scenario: Option<Scenario>,
    /// `cargo bench` says so
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Twice and five times the requests that the server can answer
    Overload(overload::Flags),
    /// Guests that spin, and what becomes of the others
    Fairness(fairness::Flags),
    /// A thousand clients that take their time
    Slow(slow::Flags),
    /// A million requests, and what they leave behind
    Soak(soak::Flags),
}

fn main() -> ExitCode {
    let Some(scenario) = Flags::parse().scenario else {
        say("nothing was run: name a scenario, as in `cargo bench --bench load -- overload`");
        return ExitCode::SUCCESS;
    };
    println!("{}", machine::describe());
    let outcome = match &scenario {
        Scenario::Overload(flags) => overload::run(flags),
        Scenario::Fairness(flags) => fairness::run(flags),
        Scenario::Slow(flags) => slow::run(flags),
        Scenario::Soak(flags) => soak::run(flags),
    };
    match outcome.map(Verdict::say) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line for the person in front.
fn say(line: &str) {
    eprintln!("{line}");
}

/// `mlhost serve` of a sample, with flags and with the environment's word on workers where there is one.
fn serve(
    sample: &str,
    flags: &[String],
    workers: Option<u32>,
    question: &Question<'_>,
) -> anyhow::Result<ServerProcess> {
    let port = free_port()?;
    let mut command = mlhost();
    command.arg("serve").arg("-m").arg(root().join("models").join(sample));
    command.args(["--port", &port.to_string()]).args(flags).env("ORT_DYLIB_PATH", onnxruntime()?);
    if let Some(workers) = workers {
        // Read by tokio, whose multi-threaded runtime the server is.
        command.env("TOKIO_WORKER_THREADS", workers.to_string());
    }
    ServerProcess::start(command, port, question).map(|(server, _)| server)
}

/// A time as it goes into a table, in milliseconds.
fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}
