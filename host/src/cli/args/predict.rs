//! What `mlhost predict` takes: `mlflow models predict`'s flags.

use std::path::PathBuf;
use std::time::Duration;

use mlhost_wire::dialect::mlflow::Compat;

use super::{PythonArgs, SourceArgs};
use crate::config;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PredictArgs {
    #[command(flatten)]
    pub(in crate::cli) source: SourceArgs,
    /// File to predict on: a request's body [default: standard input]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) input_path: Option<PathBuf>,
    /// File to write the answer to, as JSON [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output_path: Option<PathBuf>,
    /// What the input is: `json`, `csv`, `parquet`, or a media type that the component takes as it comes
    #[arg(short = 't', long, value_name = "TYPE", default_value = "json", value_parser = parse_content_type)]
    pub(in crate::cli) content_type: String,
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
