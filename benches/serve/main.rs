//! Whole servers under the same load, in one run and in turn: mlhost, the same model by hand without a sandbox, and the
//! Python servers that people would take instead.
//!
//! `cargo bench --bench serve [-- FLAGS]`, `-- --help` lists them; `benches/README.md` says how to read what it prints.
//! Needs wrk and a fetched ONNX Runtime. Everything it starts listens on this machine alone and is stopped at its end.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a benchmark is for")]

mod contender;
#[path = "../machine.rs"]
mod machine;
mod native;
mod report;
#[path = "../server_process.rs"]
mod server_process;
#[path = "../table.rs"]
mod table;
mod texts;
mod wrk;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;

use crate::contender::{Contender, agree, one_of_each, question};
use crate::report::{Cost, Line, Pair, Report, Round};
use crate::server_process::{Question, ServerProcess, free_port, mlhost, onnxruntime};
use crate::table::Style;
use crate::wrk::Load;

// The native handler must allocate as `host/src/main.rs` does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seconds of load before the first round: code is paged in, pools fill.
const WARM_UP: u32 = 1;

/// Whole servers under the same load.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench serve --")]
struct Flags {
    /// Who competes
    #[arg(long, value_delimiter = ',', default_value = "mlhost,native,fastapi,mlflow")]
    servers: Vec<Contender>,
    /// Flowers in a request
    #[arg(long, value_delimiter = ',', default_value = "1,100")]
    rows: Vec<usize>,
    /// Connections at one time
    #[arg(long, value_delimiter = ',', default_value = "1,32")]
    connections: Vec<u32>,
    /// Of load in each round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Rounds of each load, all servers in turn in each
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Starts of each server for the cold start
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    starts: u32,
    /// Leave out the texts for MiniLM
    #[arg(long)]
    no_texts: bool,
    /// Write every round to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print tables as they go into benches/README.md
    #[arg(long)]
    markdown: bool,
    /// `cargo bench` says so
    #[arg(long, hide = true)]
    bench: bool,
}

/// A server that is up, and what it is sent.
struct Competitor {
    name: String,
    process: ServerProcess,
    idle_mib: f64,
    starts: Vec<f64>,
}

/// A load for several servers, each with bodies of its own.
struct Contest<'a> {
    content: String,
    connections: u32,
    bodies: &'a [Vec<String>],
}

struct Run<'a> {
    flags: &'a Flags,
    onnxruntime: PathBuf,
    /// For wrk's scripts and bodies.
    folder: &'a Path,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let outcome = match arguments.get(1..) {
        Some([native, port, directory]) if native == "native" => native::run(port, Path::new(directory)),
        _ => measure(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> anyhow::Result<()> {
    let flags = Flags::parse();
    wrk::check()?;
    let folder = tempfile::tempdir()?;
    let typed: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let mut report = Report {
        machine: machine::describe(),
        command: format!("cargo bench --bench serve -- {}", typed.join(" "))
            .trim_end_matches(" -- ")
            .to_owned(),
        ..Report::default()
    };
    let run = Run { flags: &flags, onnxruntime: onnxruntime()?, folder: folder.path() };
    run.flowers(&mut report)?;
    if !flags.no_texts {
        run.texts(&mut report)?;
    }
    println!("{}", report.write(if flags.markdown { Style::Markdown } else { Style::Text }));
    if let Some(file) = &flags.json {
        std::fs::write(file, format!("{:#}\n", report.json()))?;
    }
    Ok(())
}

// === impl Run ===

impl Run<'_> {
    /// The iris model, on everyone who is there.
    fn flowers(&self, report: &mut Report) -> anyhow::Result<()> {
        let (mut present, mut competitors, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for contender in self.flags.servers.iter().copied() {
            if let Some(missing) = contender.missing() {
                eprintln!("!!! {missing}");
                report.missing.push(missing);
                continue;
            }
            let body = one_of_each(contender);
            let command = |port| contender.command(port, &self.onnxruntime);
            let competitor = self.start(contender.name(), command, &question(&body))?;
            answers.push((contender, competitor.process.ask(&question(&body))?.body));
            present.push(contender);
            competitors.push(competitor);
        }
        agree(&answers)?;
        for rows in self.flags.rows.iter().copied() {
            let bodies: Vec<_> = present.iter().map(|contender| vec![contender.body(rows)]).collect();
            for connections in self.flags.connections.iter().copied() {
                let content = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
                let lines = self.compete(&competitors, &Contest { content, connections, bodies: &bodies })?;
                report.lines.extend(lines);
            }
        }
        report.costs.extend(competitors.iter().map(Competitor::cost));
        let mlhost = Contender::Mlhost.name();
        let others = [Contender::Native, Contender::Fastapi, Contender::Mlflow].map(Contender::name);
        report.pairs.extend(others.map(|under| Pair { over: mlhost.to_owned(), under: under.to_owned() }));
        Ok(())
    }

    /// Texts for MiniLM, with calls joined and without.
    fn texts(&self, report: &mut Report) -> anyhow::Result<()> {
        let Some(bundle) = texts::bundle() else {
            let missing = "MiniLM is NOT in this table: no target/models/minilm".to_owned();
            eprintln!("!!! {missing}");
            report.missing.push(missing);
            return Ok(());
        };
        texts::check(&bundle)?;
        let bodies = texts::bodies();
        let mut competitors = Vec::new();
        for (name, flags) in [("minilm joined", &[][..]), ("minilm unjoined", &["--max-batch-rows", "1"])] {
            let command = |port: u16| {
                let mut command = mlhost();
                command.arg("serve").arg("-m").arg(&bundle).args(["--port", &port.to_string()]).args(flags);
                command.env("ORT_DYLIB_PATH", &self.onnxruntime);
                Ok(command)
            };
            competitors.push(self.start(name, command, &question(&bodies[0]))?);
        }
        let everyones = vec![bodies; competitors.len()];
        let content = "16 tokens".to_owned();
        let lines = self.compete(&competitors, &Contest { content, connections: 32, bodies: &everyones })?;
        report.lines.extend(lines);
        report.costs.extend(competitors.iter().map(Competitor::cost));
        report.pairs.push(Pair { over: "minilm joined".to_owned(), under: "minilm unjoined".to_owned() });
        Ok(())
    }

    /// Starts a server as often as the cold start wants, and leaves the last one up. One start before that is not
    /// counted: it fills caches, mlhost's own and the system's.
    fn start(
        &self,
        name: &str,
        command: impl Fn(u16) -> anyhow::Result<Command>,
        question: &Question<'_>,
    ) -> anyhow::Result<Competitor> {
        eprintln!("starting {name}");
        let start = || {
            let port = free_port()?;
            ServerProcess::start(command(port)?, port, question)
        };
        let mut starts = Vec::new();
        let (mut process, _) = start()?;
        for _ in 0..self.flags.starts {
            drop(process);
            let (next, took) = start()?;
            starts.push(took.as_secs_f64() * 1e3);
            process = next;
        }
        Ok(Competitor { name: name.to_owned(), idle_mib: process.resident_mib(), process, starts })
    }

    fn compete(&self, competitors: &[Competitor], contest: &Contest<'_>) -> anyhow::Result<Vec<Line>> {
        eprintln!("{}, {} connections", contest.content, contest.connections);
        let line = |competitor: &Competitor| Line {
            server: competitor.name.clone(),
            content: contest.content.clone(),
            connections: contest.connections,
            rounds: Vec::new(),
        };
        let mut lines: Vec<Line> = competitors.iter().map(line).collect();
        for round in 0..=self.flags.rounds {
            for ((competitor, bodies), line) in competitors.iter().zip(contest.bodies).zip(&mut lines) {
                let seconds = if round == 0 { WARM_UP } else { self.flags.seconds };
                let load = Load {
                    url: &competitor.process.url(),
                    bodies,
                    connections: contest.connections,
                    seconds,
                };
                let measured = self.round(competitor, &load)?;
                if round > 0 {
                    line.rounds.push(measured);
                }
            }
        }
        Ok(lines)
    }

    fn round(&self, competitor: &Competitor, load: &Load<'_>) -> anyhow::Result<Round> {
        let before = competitor.process.cpu_seconds();
        let seen = wrk::run(load, self.folder)?;
        let spent = competitor.process.cpu_seconds() - before;
        Ok(Round {
            requests_per_second: seen.requests as f64 / seen.seconds,
            p50_microseconds: seen.p50_microseconds,
            p99_microseconds: seen.p99_microseconds,
            cpu_microseconds: spent * 1e6 / seen.requests.max(1) as f64,
            errors: seen.errors,
        })
    }
}

// === impl Competitor ===

impl Competitor {
    fn cost(&self) -> Cost {
        Cost {
            server: self.name.clone(),
            idle_mib: self.idle_mib,
            peak_mib: self.process.peak_mib(),
            starts: self.starts.clone(),
        }
    }
}
