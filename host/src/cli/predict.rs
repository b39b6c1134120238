//! `mlhost predict`: files of rows ([`rows`]), or one request from a file and its answer to a file, as `mlflow models predict`.
//!
//! Nothing listens: the model is loaded and called in this process, in the sandbox that serves requests. What is written is
//! there as a whole or not at all.

mod files;
mod remote;
mod rows;
mod shown;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use mlhost_wire::dialect::Request;
use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::fault::FaultKind;

use super::args::{PredictArgs, note};
use super::{Defect, log, model, output};
use crate::config::{self, ServerConfig};
use crate::single_call::{CallError, answer};

/// For one call.
const SANDBOXES: u32 = 4;

/// What a request may be that is held in memory several times over.
const MAX_INPUT_BYTES: u64 = 1 << 30;

pub(super) fn run(args: &PredictArgs) -> anyhow::Result<()> {
    let environment = config::process_environment;
    let format = log::format(None, &environment)?;
    log::start(format, "info", &environment)?;
    let mut flags = args.python.flags().to_vec();
    flags.push(("--pip-requirements-override", args.pip_requirements_override.is_some()));
    flags.push(("--env", !args.env.is_empty()));
    note(&flags);
    if rows::are_meant(args)? {
        return rows::run(args);
    }
    request(args)
}

/// One request's body, as MLflow takes it.
fn request(args: &PredictArgs) -> anyhow::Result<()> {
    let environment = config::process_environment;
    let input_path = match args.input_path.as_slice() {
        [] => None,
        [path] => Some(Path::new(path)),
        _ => anyhow::bail!(
            "a request is one file's body\nhint: leave out `-t` to predict on the rows of several files"
        ),
    };
    let input = input(input_path)?;
    let parts = &args.source.parts;
    let mut source = model::source(&args.source, &model::allowed(parts))?;
    source.override_model_config(config::model_config_overrides(&environment)?);
    let server = ServerConfig::from_environment(&environment)?;
    let timeout = args.timeout.unwrap_or(server.timeout);
    let time = source.time_within(timeout);
    model::load_runtime(parts, &source)?;
    let name = source.name.clone();
    let content_type = args.content_type.as_deref().unwrap_or("application/json");
    let answered = model::runtime()?.block_on(async {
        let app = model::load_alone(source, args.no_code_cache, time, SANDBOXES)
            .await
            .with_context(|| format!("cannot load model `{name}`"))?;
        let request = Request { content_type: Some(content_type), body: &input };
        answer(&app, Mlflow { compat: args.mlflow_compat.unwrap_or(server.compat) }, request, time)
            .await
            .map_err(refused)
    })?;
    write(args.output_path.as_deref().map(Path::new), &answered.body)
}

/// What the server would have answered, and what to do.
fn refused(error: CallError) -> anyhow::Error {
    let CallError { step, fault } = error;
    let hint = match fault.kind {
        FaultKind::UnsupportedMedia => "`-t` says what the input is: `json`, `csv` or `parquet`",
        FaultKind::Deadline => "`--timeout` gives it more time",
        FaultKind::Internal => return Defect(format!("{}: {}", fault.public, fault.detail)).into(),
        FaultKind::GuestTrapped | FaultKind::GuestExhausted | FaultKind::Backend | FaultKind::Overloaded => {
            "the model's own code or graph failed: `MLHOST_LOG=debug` has its log written"
        }
        _ => {
            "the input is what `POST /invocations` takes, such as \
             `{\"dataframe_split\": {\"columns\": […], \"data\": [[…]]}}`, and fits the signature in MLmodel"
        }
    };
    let detail = if fault.detail.is_empty() { String::new() } else { format!("\n{}", fault.detail) };
    anyhow::anyhow!("{}{detail}\nhint: {hint}", fault.public).context(step.to_string())
}

fn input(path: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let mut input = Vec::new();
    let what = path.map_or_else(|| "standard input".to_owned(), |path| format!("`{}`", path.display()));
    let read = match path {
        Some(path) => {
            File::open(path).and_then(|file| file.take(MAX_INPUT_BYTES + 1).read_to_end(&mut input))
        }
        None => io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_end(&mut input),
    };
    read.with_context(|| format!("cannot read {what}"))?;
    anyhow::ensure!(
        input.len() as u64 <= MAX_INPUT_BYTES,
        "{what} has more than {MAX_INPUT_BYTES} bytes\nhint: predict on it in parts"
    );
    Ok(input)
}

/// To the file as a whole or not at all; what is no file, such as a pipe, is written to as it is.
fn write(path: Option<&Path>, answer: &[u8]) -> anyhow::Result<()> {
    let Some(path) = path else {
        return output::bytes(&[answer, b"\n"]);
    };
    let written = if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        File::options().write(true).open(path).and_then(|mut file| file.write_all(answer))
    } else {
        replace(path, answer)
    };
    written.with_context(|| format!("cannot write `{}`", path.display()))
}

fn replace(path: &Path, answer: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As the file would be if it were made directly: the process's mask decides.
    let permissions = fs::Permissions::from_mode(0o666);
    let mut file =
        tempfile::Builder::new().prefix(".mlhost-").permissions(permissions).tempfile_in(folder)?;
    file.write_all(answer)?;
    file.persist(path)?;
    Ok(())
}
