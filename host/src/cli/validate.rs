//! `mlhost validate`: all that is wrong with a model directory, or with what a model URI names, as a table or JSON.

use super::args::{LogFormat, PartArgs, ValidateArgs};
use super::{log, model, model_uri, output};
use crate::config::{self, ServerConfig};
use crate::model_source::ModelSource;
use crate::validate::{Loading, Severity, validate};

pub(super) fn run(args: &ValidateArgs) -> anyhow::Result<()> {
    let environment = config::process_environment;
    log::start(LogFormat::Plain, "error", &environment)?;
    let parts = PartArgs { onnxruntime: args.onnxruntime.clone(), ..PartArgs::default() };
    let runtime = |source: &ModelSource| model::load_runtime(&parts, source);
    let loading = Loading { runtime: &runtime, time: ServerConfig::from_environment(&environment)?.timeout };
    // What is no URI is validated as a directory, which may be missing.
    let remote = model_uri::bring_remote(&args.directory)?;
    let directory = remote.map_or_else(|| args.directory.clone(), |brought| brought.directory);
    let report = model::runtime()?.block_on(validate(&directory, loading));
    if args.json {
        output::line(serde_json::to_string_pretty(&report)?)?;
    } else {
        output::text(&report)?;
    }
    let errors = report.count(Severity::Error);
    anyhow::ensure!(report.valid, "`{}` cannot be served: {errors} to mend", args.directory.display());
    Ok(())
}
