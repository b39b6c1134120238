//! `mlhost predict` on files of rows: from flags to a [`Plan`], and what is said at its end.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use mlhost_tables::error::TableError;
use mlhost_tables::format::{Format, Packing};
use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::fault::FaultKind;
use sha2::{Digest as _, Sha256};

use super::super::args::{OnErrorArg, PredictArgs};
use super::super::{Defect, model, output};
use super::files::{self, Found};
use super::remote::Upload;
use super::shown::{Shown, grouped};
use crate::batch::{self, BatchError, Checkpoint, Destination, Done, OnError, Plan};
use crate::config::{self, ServerConfig};
use crate::stamp::Stamp;

/// What a run did, for machines.
#[derive(serde::Serialize)]
struct Summary<'a> {
    rows: u64,
    rejected: u64,
    seconds: f64,
    output: Option<&'a str>,
    rejects: Option<String>,
}

/// Whether rows of files are meant, and not one request's body.
pub(super) fn are_meant(args: &PredictArgs) -> anyhow::Result<bool> {
    let flag = args.rows.given();
    if args.content_type.is_some() {
        if let Some(flag) = flag {
            anyhow::bail!(
                "`-t` says that the input is one request's body, and `{flag}` is for files of rows\n\
                 hint: leave out one of them"
            );
        }
        return Ok(false);
    }
    let speaks = |name: &String| files::speaks_for_itself(name) || name.contains(['*', '?']);
    Ok(flag.is_some() || args.input_path.len() > 1 || args.input_path.iter().any(speaks))
}

pub(super) fn run(args: &PredictArgs) -> anyhow::Result<()> {
    let environment = config::process_environment;
    let found = files::find(&args.input_path, args.rows.input_format)?;
    let (format, packing) = written_in(args, &found)?;
    let named = args.output_path.as_deref().filter(|path| *path != "-");
    let upload = named.filter(|path| path.contains("://")).map(Upload::new).transpose()?;
    let output = upload.as_ref().map(|upload| upload.path.clone()).or_else(|| named.map(PathBuf::from));
    refuse_own_input(output.as_deref(), &found)?;
    let workers = args
        .rows
        .workers
        .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let parts = &args.source.parts;
    let mut source = model::source(&args.source, &model::allowed(parts))?;
    source.override_model_config(config::model_config_overrides(&environment)?);
    let server = ServerConfig::from_environment(&environment)?;
    let time = source.time_within(args.timeout.unwrap_or(server.timeout));
    let params = Mlflow::default().params(args.rows.params.as_deref(), &source.interface);
    let params =
        params.map_err(|fault| anyhow::anyhow!("{}\nhint: `--params` is a JSON object", fault.public))?;
    let identity = identity(args, &found, &source);
    let resume = resumed(args, output.as_deref(), &identity)?;
    model::load_runtime(parts, &source)?;
    let name = source.name.clone();
    let sandboxes = u32::try_from(workers).unwrap_or(u32::MAX).saturating_mul(2).max(4);
    let app = model::runtime()?
        .block_on(model::load_alone(source, args.no_code_cache, time, sandboxes))
        .with_context(|| format!("cannot load model `{name}`"))?;
    let rejects = rejects(args, output.as_deref());
    let lengths: Option<u64> = found.inputs.iter().map(|input| input.length).sum();
    let shown = Shown::new(lengths);
    let before = resume.as_ref().map(|checkpoint| checkpoint.done.rows);
    let plan = Plan {
        inputs: found.inputs,
        output: match &output {
            Some(path) => Destination::File(path.clone()),
            None => Destination::Stream(Box::new(io::BufWriter::new(io::stdout()))),
        },
        format,
        packing,
        columns: args.rows.columns.clone(),
        params,
        rows: args.rows.batch_rows.map_or(batch::ROWS, |rows| rows as usize),
        time,
        workers,
        on_error: match args.rows.on_error {
            None | Some(OnErrorArg::Fail) => OnError::Fail,
            Some(OnErrorArg::Skip) => OnError::Skip,
            Some(OnErrorArg::Null) => OnError::Null,
        },
        rejects: rejects.clone(),
        resume,
        identity,
    };
    let begin = Instant::now();
    let outcome = batch::run(&app, plan, &shown);
    shown.end();
    match outcome {
        Ok(done) => {
            upload.as_ref().map_or(Ok(()), Upload::send)?;
            said(args, &done, Ran { before, begin, rejects: rejects.filter(|path| path.exists()) })
        }
        Err(BatchError::Table(TableError::Write { source, .. }))
            if output.is_none() && source.kind() == io::ErrorKind::BrokenPipe =>
        {
            // Who reads has seen enough.
            Ok(())
        }
        Err(error) => Err(failed(&error, output.as_deref())),
    }
}

/// What is written, and how it is packed.
fn written_in(args: &PredictArgs, found: &Found) -> anyhow::Result<(Format, Packing)> {
    let by_name = args.output_path.as_deref().and_then(Format::of_name);
    if let Some(said) = args.rows.output_format {
        let packing =
            by_name.filter(|(format, _)| *format == said).map_or(Packing::Plain, |(_, packing)| packing);
        return Ok((said, packing));
    }
    if let Some(found) = by_name {
        return Ok(found);
    }
    match &args.output_path {
        Some(path) if path != "-" => anyhow::bail!(
            "what is to be written into `{path}`?\nhint: its name, or `--output-format`, says it: csv, jsonl, parquet, \
             arrow or arrows; with `-t` the input is one request's body, and its answer JSON"
        ),
        // As the input; what can be written to a pipe, and read from one.
        _ => {
            let format = found.inputs.first().map_or(Format::Csv, |input| input.format);
            Ok((if format == Format::Arrow { Format::ArrowStream } else { format }, Packing::Plain))
        }
    }
}

/// A file is not written over while it is read.
fn refuse_own_input(output: Option<&Path>, found: &Found) -> anyhow::Result<()> {
    let Some(output) = output.and_then(|path| path.canonicalize().ok()) else { return Ok(()) };
    for input in &found.inputs {
        let same = Path::new(&input.name).canonicalize().is_ok_and(|path| path == output);
        anyhow::ensure!(!same, "`{}` is the input, too\nhint: write to another file", output.display());
    }
    Ok(())
}

/// What tells this work from others: the files, the model, and the flags that change what is written.
fn identity(args: &PredictArgs, found: &Found, source: &crate::model_source::ModelSource) -> String {
    let mut hash = Sha256::new();
    hash.update(found.identity.as_bytes());
    hash.update(source.component.as_deref().unwrap_or_default());
    let graphs: Vec<_> = source.graphs.iter().map(|graph| graph.path.clone()).collect();
    let rows = &args.rows;
    let told = (Stamp::of(&graphs), &source.model_config, &source.artifacts, &rows.columns, &rows.params);
    hash.update(format!("{told:?} {:?} {:?}", rows.on_error, rows.output_format).as_bytes());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn resumed(args: &PredictArgs, output: Option<&Path>, identity: &str) -> anyhow::Result<Option<Checkpoint>> {
    let Some(output) = output else {
        anyhow::ensure!(
            !args.rows.resume,
            "`--resume` goes on with a file\nhint: `-o` names the one that an earlier run wrote to"
        );
        return Ok(None);
    };
    if !args.rows.resume {
        if Checkpoint::path(output).exists() {
            tracing::warn!(
                output = %output.display(),
                "what an earlier run left is written over: `--resume` goes on with it"
            );
        }
        return Ok(None);
    }
    let found = Checkpoint::read(output, identity).map_err(|error| failed(&error, None))?;
    match &found {
        Some(checkpoint) => tracing::info!(rows = checkpoint.done.rows, "going on with an earlier run"),
        None => tracing::info!("no earlier run left anything: beginning with the first row"),
    }
    Ok(found)
}

/// Where refused rows are told of.
fn rejects(args: &PredictArgs, output: Option<&Path>) -> Option<PathBuf> {
    if matches!(args.rows.on_error, None | Some(OnErrorArg::Fail)) {
        return None;
    }
    args.rows.rejects.clone().or_else(|| {
        let mut name = output?.file_name()?.to_owned();
        name.push(".rejects.jsonl");
        Some(output?.with_file_name(name))
    })
}

/// A run that came to its end.
struct Ran {
    /// Rows of an earlier run.
    before: Option<u64>,
    begin: Instant,
    rejects: Option<PathBuf>,
}

fn said(args: &PredictArgs, done: &Done, ran: Ran) -> anyhow::Result<()> {
    let Ran { before, begin, rejects } = ran;
    let seconds = begin.elapsed().as_secs_f64();
    let output_path = args.output_path.as_deref().filter(|path| *path != "-");
    let rejects = rejects.map(|path| path.display().to_string());
    if args.rows.json {
        let summary =
            Summary { rows: done.rows, rejected: done.rejected, seconds, output: output_path, rejects };
        let summary = serde_json::to_string(&summary)?;
        // Standard output is for the predictions where they go there.
        if output_path.is_some() {
            return output::line(summary);
        }
        output::error(summary);
        return Ok(());
    }
    let new = done.rows - before.unwrap_or(0);
    let rate = grouped((new as f64 / seconds.max(0.001)) as u64);
    let mut text = format!("{} rows in {seconds:.1} s ({rate} rows/s)", grouped(new));
    if let Some(before) = before.filter(|before| *before > 0) {
        text.push_str(&format!(", after {} of an earlier run", grouped(before)));
    }
    if done.rejected > 0 {
        text.push_str(&format!(", {} refused", grouped(done.rejected)));
        if let Some(rejects) = rejects {
            text.push_str(&format!(" (`{rejects}` says why)"));
        }
    }
    if let Some(path) = output_path {
        text.push_str(&format!(": `{path}`"));
    }
    output::error(text);
    Ok(())
}

/// What was wrong, what is left, and what to do.
fn failed(error: &BatchError, output: Option<&Path>) -> anyhow::Error {
    let hint = match error {
        BatchError::Fault(fault) if fault.kind == FaultKind::Internal => {
            return Defect(error.to_string()).into();
        }
        BatchError::Ended(_) => return Defect(error.to_string()).into(),
        BatchError::Refused(_, kind) => match kind {
            FaultKind::Deadline => "`--timeout` gives a call more time, `--batch-rows` fewer rows",
            FaultKind::BadInput | FaultKind::GuestRejected => {
                "`--on-error skip` leaves such rows out, `--on-error null` writes null for them"
            }
            _ => {
                "the model's own code or graph failed: `MLHOST_LOG=debug` has its log written; `--on-error skip` leaves such rows out"
            }
        },
        BatchError::Resume(_) => "without `--resume` the run begins anew, and what is left is written over",
        BatchError::Table(TableError::NoColumn { .. }) => "`--columns` names columns of the input",
        BatchError::Table(TableError::Answer(_) | TableError::Mixed(_)) => {
            "`-t` has the model answer a request, whose answer may be anything"
        }
        BatchError::Table(_) => "",
        BatchError::Fault(_) => {
            "the model's own code or graph failed: `MLHOST_LOG=debug` has its log written"
        }
    };
    let mut text = error.to_string();
    if !hint.is_empty() {
        text.push_str(&format!("\nhint: {hint}"));
    }
    if let Some(path) = output.filter(|path| Checkpoint::path(path).exists()) {
        text.push_str(&format!(
            "\nhint: what was predicted is kept: the same command with `--resume` goes on with `{}`",
            path.display()
        ));
    }
    anyhow::Error::msg(text)
}
