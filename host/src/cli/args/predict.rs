//! What `mlhost predict` takes: `mlflow models predict`'s flags, and those of files of rows.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use mlhost_tables::format::Format;
use mlhost_wire::dialect::mlflow::Compat;

use super::{PythonArgs, SourceArgs};
use crate::config;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PredictArgs {
    #[command(flatten)]
    pub(in crate::cli) source: SourceArgs,
    /// File, folder, pattern or URL to predict on: rows of CSV, JSON Lines, Parquet or Arrow by its name, or with `-t` one request's
    /// body; can be repeated [default: standard input]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) input_path: Vec<String>,
    /// File to write the predictions to, in the format of its name, or with `-t` the answer as JSON [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output_path: Option<String>,
    /// The input is one request's body: `json`, `csv`, `parquet`, or a media type that the component takes as it comes
    /// [default: json, where no file of rows is named]
    #[arg(short = 't', long, value_name = "TYPE", value_parser = parse_content_type)]
    pub(in crate::cli) content_type: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) rows: RowsArgs,
    /// Time for the prediction, such as `500ms` [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = config::parse_timeout)]
    pub(in crate::cli) timeout: Option<Duration>,
    /// How close to MLflow to be: `strict` repeats what destroys data or answers what is no JSON [default: sane]
    #[arg(long, value_name = "sane|strict", value_parser = config::parse_compat)]
    pub(in crate::cli) mlflow_compat: Option<Compat>,
    /// Keep no compiled code on disk, and use none
    #[arg(long)]
    pub(in crate::cli) no_code_cache: bool,
    #[command(flatten)]
    pub(in crate::cli) python: PythonArgs,
    /// MLflow would install these packages
    #[arg(short = 'r', long, value_name = "PACKAGES")]
    pub(in crate::cli) pip_requirements_override: Option<String>,
    /// MLflow would set this variable; a sandbox sees those that bundle and `--allow` grant
    #[arg(long, value_name = "NAME=VALUE")]
    pub(in crate::cli) env: Vec<String>,
}

/// Flags of files of rows.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Files of rows")]
pub(in crate::cli) struct RowsArgs {
    /// What the input is written in, where its name does not say
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    pub(in crate::cli) input_format: Option<Format>,
    /// What to write, where the output's name does not say: `csv`, `jsonl`, `parquet`, `arrow` or `arrows` [default: as the input]
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    pub(in crate::cli) output_format: Option<Format>,
    /// Input columns to write before the predictions
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(in crate::cli) columns: Vec<String>,
    /// Parameters of the model, a JSON object
    #[arg(long, value_name = "JSON")]
    pub(in crate::cli) params: Option<String>,
    /// What becomes of a row that is refused [default: fail]
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(in crate::cli) on_error: Option<OnErrorArg>,
    /// File that names each refused row and why, as JSON Lines [default: the output's name with `.rejects.jsonl`]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) rejects: Option<PathBuf>,
    /// Go on where an earlier run for the same output ended
    #[arg(long)]
    pub(in crate::cli) resume: bool,
    /// Rows of one call [default: 8192]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(in crate::cli) batch_rows: Option<u32>,
    /// Threads that predict [default: one for each core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(in crate::cli) workers: Option<u16>,
    /// Say what was done as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What becomes of a row that the signature or the model refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum OnErrorArg {
    /// The run ends there
    Fail,
    /// It is left out
    Skip,
    /// Its predictions are null
    Null,
}

// === impl RowsArgs ===

impl RowsArgs {
    /// The first flag that was given and means nothing for a single request.
    pub(in crate::cli) fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--input-format", self.input_format.is_some()),
            ("--output-format", self.output_format.is_some()),
            ("--columns", !self.columns.is_empty()),
            ("--params", self.params.is_some()),
            ("--on-error", self.on_error.is_some()),
            ("--rejects", self.rejects.is_some()),
            ("--resume", self.resume),
            ("--batch-rows", self.batch_rows.is_some()),
            ("--workers", self.workers.is_some()),
            ("--json", self.json),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }
}

fn parse_format(text: &str) -> Result<Format, String> {
    Format::named(text).ok_or_else(|| {
        let known: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("write one of {}", known.join(", "))
    })
}

/// MLflow's word for a media type, or one as it is written in a header.
fn parse_content_type(text: &str) -> Result<String, String> {
    match text {
        "json" => Ok("application/json".to_owned()),
        "csv" => Ok("text/csv".to_owned()),
        "parquet" => Ok("application/vnd.apache.parquet".to_owned()),
        _ if text.contains('/') => Ok(text.to_owned()),
        _ => Err("write `json`, `csv`, `parquet`, or a media type such as `image/png`".to_owned()),
    }
}
