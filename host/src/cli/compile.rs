//! `mlhost compile`: a model's component to machine code in advance, as a code cache that an image carries.
//!
//! `load-context` runs here; the server that finds the folder compiles nothing. For any machine of the architecture.

use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use mlhost_sandbox::{Engine, EngineOptions, Precompile, Precompiled, Start, Target, precompile};
use serde::Serialize;

use super::args::{CompileArgs, LogFormat};
use super::{log, model, output};
use crate::config::{self, ServerConfig};

/// `load-context` needs one; the others are for what a dropped one leaves to be cleaned.
const SANDBOXES: u32 = 4;

/// What was done, for people and as JSON.
#[derive(Serialize)]
struct Report {
    model: String,
    target: &'static str,
    folder: PathBuf,
    start: &'static str,
    /// Why a server runs `load-context` itself.
    load_context_at_start: Option<String>,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    code_of: &'static str,
    bytes: usize,
    file: String,
}

pub(super) fn run(args: &CompileArgs) -> anyhow::Result<()> {
    let environment = config::process_environment;
    log::start(LogFormat::Plain, "warn", &environment)?;
    let parts = &args.source.parts;
    let mut source = model::source(&args.source, &model::allowed(parts))?;
    let name = source.name.clone();
    let Some(component) = source.component.take() else {
        anyhow::bail!(
            "model `{name}` has no component: its graph is served as it is, and there is no code to compile\n\
             hint: an image needs nothing but the model directory for it"
        );
    };
    model::load_runtime(parts, &source)?;
    let timeout = ServerConfig::from_environment(&environment)?.timeout;
    let options =
        Precompile { target: args.target, folder: &args.output, patience: source.time_within(timeout) };
    let compiled = model::runtime()?.block_on(async {
        let engine = Engine::new(&EngineOptions {
            instances: SANDBOXES,
            max_memory_bytes: source.limits.memory_bytes,
            scan: false,
            code_cache: model::code_cache(false),
        })?;
        let graphs = source.open_graphs()?;
        let compiled = precompile(&engine, source.guest(&component, graphs), options).await?;
        anyhow::Ok(compiled)
    });
    let compiled = compiled.with_context(|| format!("cannot compile model `{name}`"))?;
    let report = Report::new(name, args, compiled);
    if args.json {
        output::line(serde_json::to_string_pretty(&report)?)?;
    } else {
        output::text(&report)?;
    }
    Ok(())
}

// === impl Report ===

impl Report {
    fn new(model: String, args: &CompileArgs, compiled: Precompiled) -> Self {
        let entries = compiled.entries.into_iter().map(|entry| Entry {
            code_of: entry.what,
            bytes: entry.bytes,
            file: entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        });
        Self {
            model,
            target: args.target.name(),
            folder: args.output.clone(),
            start: match compiled.start {
                Start::Snapshot => "snapshot",
                Start::LoadContext(_) => "load_context",
            },
            load_context_at_start: compiled.runs_again,
            entries: entries.collect(),
        }
    }

    fn cpu(&self) -> &'static str {
        if self.target == Target::X86_64.name() { "x86-64-v2 or later" } else { "Armv8-A or later" }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model   {}", self.model)?;
        writeln!(f, "target  {}, {}", self.target, self.cpu())?;
        match (&self.load_context_at_start, self.start) {
            (None, _) => writeln!(f, "start   snapshot; load-context ran here and runs nowhere else")?,
            (Some(reason), "snapshot") => {
                writeln!(f, "start   snapshot; load-context runs at each server's start: {reason}")?;
                writeln!(f, "        a server compiles where it leaves something else behind than here")?;
            }
            (Some(reason), _) => writeln!(f, "start   load-context for every call: {reason}")?,
        }
        writeln!(f, "folder  {}", self.folder.display())?;
        writeln!(f, "\n{:<10} {:>10}  file", "code of", "bytes")?;
        for entry in &self.entries {
            writeln!(f, "{:<10} {:>10}  {}", entry.code_of, entry.bytes, entry.file)?;
        }
        writeln!(
            f,
            "\nput it into an image as the folder `code` of its MLHOST_CACHE_DIR, owned by who runs mlhost"
        )
    }
}
