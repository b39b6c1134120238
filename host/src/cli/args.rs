//! What can be typed: clap's types and nothing else. `config.rs` says what it means.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use mlhost_bundle::Grant;
use mlhost_sandbox::Target;
use mlhost_wire::dialect::mlflow::Compat;

use crate::config;

mod access;
mod connections;
mod grpc;
mod mlflow_shim;
mod observe;
mod package;
mod platform;
mod predict;
mod python;
mod repository;
mod tls;
mod token;

pub(super) use access::AccessArgs;
pub(super) use connections::ConnectionArgs;
pub(super) use mlflow_shim::MlflowShimArgs;
pub(super) use observe::ObserveArgs;
pub(super) use package::{PackageArgs, ValidateArgs};
pub(super) use platform::PlatformArgs;
pub(super) use predict::{OnErrorArg, PredictArgs};
pub(super) use python::{PythonArgs, note};
pub(super) use repository::RepositoryArgs;
pub(super) use tls::TlsArgs;
pub(super) use token::{EntryArgs, TokenArgs, TokenCommand};

/// Serve ONNX models together with your own code in Wasm sandboxes.
#[derive(Debug, Parser)]
#[command(name = "mlhost", version, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve a model over the protocols of MLflow, KServe, SageMaker and others
    #[command(disable_help_flag = true)]
    Serve(Box<ServeArgs>),
    /// Predict on files of rows, or on one request as `mlflow models predict` does
    Predict(Box<PredictArgs>),
    /// Write a model directory from a graph, or from a component and what belongs to it
    Package(Box<PackageArgs>),
    /// Say all that is wrong with a model directory
    Validate(ValidateArgs),
    /// Compile a guest to a component
    Build(BuildArgs),
    /// Compile a model's component to machine code in advance, for an image that starts without compiling
    Compile(Box<CompileArgs>),
    /// Say what a component imports, exports and would be granted, and where its calls start
    Inspect(Box<InspectArgs>),
    /// Write a `uvicorn` that has `mlflow models serve` serve with mlhost
    MlflowShim(MlflowShimArgs),
    /// Make keys for `serve --auth-file`
    Token(TokenArgs),
    /// Fetch the ONNX Runtime library into the cache, by pip
    FetchRuntime,
}

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Media type that the component takes as it comes, such as `image/*`; can be repeated
    #[arg(long, value_name = "TYPE", conflicts_with = "model_uri")]
    pub(super) accept: Vec<String>,
    #[command(flatten)]
    pub(super) platform: PlatformArgs,

    /// Address to listen on [default: 127.0.0.1]
    #[arg(short = 'h', long, value_parser = config::parse_host)]
    pub(super) host: Option<IpAddr>,
    /// Port to listen on, 0 for any [default: 5000]
    // KServe gives its serving runtimes `--http_port`.
    #[arg(short, long, alias = "http_port")]
    pub(super) port: Option<u16>,
    #[command(flatten)]
    pub(super) grpc: grpc::GrpcArgs,
    /// Threads that serve requests [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=config::MAX_WORKERS as i64))]
    pub(super) workers: Option<u32>,
    /// Time for one request, such as `500ms` [default: 60s]
    #[arg(short, long, value_name = "TIME", value_parser = config::parse_timeout)]
    pub(super) timeout: Option<Duration>,
    /// How close to MLflow to be: `strict` repeats what destroys data or answers what is no JSON [default: sane]
    #[arg(long, value_name = "sane|strict", value_parser = config::parse_compat)]
    pub(super) mlflow_compat: Option<Compat>,
    /// Largest request body [default: 16MiB]
    #[arg(long, value_name = "SIZE", value_parser = config::parse_bytes)]
    pub(super) max_body: Option<u64>,
    /// Requests in the model at one time; more are answered 503 at once [default: 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) max_requests: Option<u32>,
    /// Connections at one time; more wait to be accepted [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) max_connections: Option<u32>,

    /// Most rows that calls are joined to for one run of a graph, 1 joins nothing [default: 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_batch_rows: Option<u32>,
    /// Most elements of all inputs of one run [default: 1048576]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_batch_elements: Option<u64>,
    /// How long a call may wait for others to be joined with [default: 0, it never waits]
    #[arg(long, value_name = "TIME", value_parser = config::parse_delay)]
    pub(super) max_batch_delay: Option<Duration>,
    /// Calls that may wait for a graph; more are answered 503 at once [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) max_queue: Option<u32>,

    /// Threads that one run of a graph may use [default: one for each core where its weights have 1 MiB or more, else one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=config::MAX_WORKERS as i64))]
    pub(super) intra_op_threads: Option<u32>,

    /// Keep no compiled code on disk, and use none
    #[arg(long)]
    pub(super) no_code_cache: bool,
    /// Never find a sandbox's dirty pages by a scan, even where no page can be swapped out
    #[arg(long)]
    pub(super) no_pagemap_scan: bool,
    /// How often to look for another version of the model, such as `30s`, and take it without a failed request; SIGHUP
    /// looks at once, with or without it
    #[arg(long, value_name = "TIME", value_parser = config::parse_timeout)]
    pub(super) watch: Option<Duration>,
    /// Do not try the model with its own example before serving it
    #[arg(long)]
    pub(super) no_warm_up: bool,
    /// How the ready line and the log are written
    #[arg(long, value_enum)]
    pub(super) log_format: Option<LogFormat>,
    #[command(flatten)]
    pub(super) repository: RepositoryArgs,
    #[command(flatten)]
    pub(super) observe: ObserveArgs,
    #[command(flatten)]
    pub(super) tls: TlsArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
    #[command(flatten)]
    pub(super) connections: ConnectionArgs,
    #[command(flatten)]
    pub(super) python: PythonArgs,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    pub(super) help: Option<bool>,
}

// === impl ServeArgs ===

impl ServeArgs {
    /// What `mlhost serve` followed by `words` is.
    pub(super) fn typed(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let words = ["mlhost".into(), "serve".into()].into_iter().chain(words);
        match Args::try_parse_from(words)?.command {
            Command::Serve(args) => Ok(*args),
            _ => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
        }
    }
}

/// A bundle by `-m`, or its parts by `--component` and `--model`; and what it may use.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct SourceArgs {
    /// Model directory, or model URI such as `models:/iris@champion`, `runs:/ID/model` or `s3://bucket/model`
    // KServe gives its serving runtimes `--model_dir`.
    #[arg(short = 'm', long = "model-uri", alias = "model_dir", value_name = "URI", conflicts_with_all = ["component", "model", "artifact"])]
    pub(super) model_uri: Option<String>,
    /// Component with your own code; without it the graph is served as it is
    #[arg(long, value_name = "FILE")]
    pub(super) component: Option<PathBuf>,
    #[command(flatten)]
    pub(super) parts: PartArgs,
}

/// What a model consists of besides its component, and what it may use.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct PartArgs {
    /// ONNX graph, under its file's stem or the name given; can be repeated
    #[arg(long, value_name = "[NAME=]FILE", value_parser = parse_named_path)]
    pub(super) model: Vec<NamedPath>,
    /// File that the component may read as an artifact; can be repeated
    #[arg(long, value_name = "[NAME=]FILE", value_parser = parse_named_path)]
    pub(super) artifact: Vec<NamedPath>,
    /// Grant that the bundle asks for, such as `env:TZ`; can be repeated
    #[arg(long, value_name = "GRANT", value_parser = config::parse_grant)]
    pub(super) allow: Vec<Grant>,
    /// Most memory of one request's sandbox [default: 64MiB, or what the bundle asks for up to 512MiB]
    #[arg(long, value_name = "SIZE", value_parser = config::parse_bytes)]
    pub(super) max_memory: Option<u64>,
    /// Most bytes that a sandbox may hand to the host at one time [default: 32MiB, or what the bundle asks for]
    #[arg(long, value_name = "SIZE", value_parser = config::parse_bytes)]
    pub(super) max_data: Option<u64>,
    /// ONNX Runtime library [default: ORT_DYLIB_PATH, beside this binary, or the cache]
    #[arg(long, value_name = "FILE")]
    pub(super) onnxruntime: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct BuildArgs {
    /// Cargo package of the guest, a model in Python (`model.py` or its folder), or a core module to encode
    pub(super) path: PathBuf,
    /// Where to write the component
    #[arg(short, long, default_value = "model.wasm")]
    pub(super) output: PathBuf,
    /// Say nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct CompileArgs {
    /// Architecture of the machines that are to run it
    #[arg(long, value_parser = parse_target, value_name = "x86_64|aarch64")]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Where to write: becomes the folder `code` in the image's MLHOST_CACHE_DIR
    #[arg(short, long, value_name = "FOLDER")]
    pub(super) output: PathBuf,
    /// Write JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct InspectArgs {
    /// Component to look into, or a model directory or model URI, which is loaded as `serve` loads it
    pub(super) path: PathBuf,
    /// Load the component, too, and say where each call starts: load-context runs in a sandbox (always so for a model
    /// directory, and with `--model` or `--artifact`)
    #[arg(long)]
    pub(super) start: bool,
    #[command(flatten)]
    pub(super) parts: PartArgs,
    /// Keep no compiled code on disk, and use none
    #[arg(long)]
    pub(super) no_code_cache: bool,
    /// Write JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// One line for people
    #[default]
    Plain,
    /// One JSON object a line
    Json,
}

/// A file, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedPath {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

fn parse_target(text: &str) -> Result<Target, String> {
    let target = Target::ALL.into_iter().find(|target| target.name() == text);
    target.ok_or_else(|| "code is compiled for `x86_64` or `aarch64`".to_owned())
}

fn parse_named_path(text: &str) -> Result<NamedPath, String> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) => (name.to_owned(), PathBuf::from(path)),
        None => {
            let path = PathBuf::from(text);
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            (stem, path)
        }
    };
    if name.is_empty() || path.as_os_str().is_empty() {
        return Err("write `FILE` or `NAME=FILE`".to_owned());
    }
    Ok(NamedPath { name, path })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn serve(args: &[&str]) -> Result<ServeArgs, clap::Error> {
        let args = ["mlhost", "serve"].into_iter().chain(args.iter().copied());
        match Args::try_parse_from(args)?.command {
            Command::Serve(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn minus_h_is_the_host_as_in_mlflow() {
        let args = serve(&["-m", "dir", "-h", "0.0.0.0", "-p", "0", "-t", "7"]).unwrap();
        assert_eq!(args.host.map(|host| host.to_string()), Some("0.0.0.0".into()));
        assert_eq!((args.port, args.timeout), (Some(0), Some(Duration::from_secs(7))));
    }

    #[test]
    fn mlflows_flags_for_python_environments_are_taken() {
        for manager in ["local", "virtualenv", "uv", "conda"] {
            let args =
                serve(&["-m", "dir", "--env-manager", manager, "--no-conda", "--install-mlflow"]).unwrap();
            assert!(args.python.flags().iter().all(|(_, given)| *given), "{manager}");
        }
        assert!(serve(&["-m", "dir", "--env-manager", "poetry"]).is_err());
        let unknown = serve(&["-m", "dir", "--env-manger", "local"]).unwrap_err().to_string();
        assert!(unknown.contains("--env-manager"), "{unknown}");
    }

    #[test]
    fn a_graph_is_called_by_its_stem_or_by_the_name_given() {
        let args = serve(&["--model", "a/iris.onnx", "--model", "other=b.onnx"]).unwrap();
        let names: Vec<_> = args.source.parts.model.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["iris", "other"]);
        assert!(serve(&["--model", "=x"]).is_err());
    }

    #[test]
    fn a_bundle_and_single_parts_exclude_each_other() {
        assert!(serve(&["-m", "dir", "--component", "c.wasm"]).is_err());
    }

    #[test]
    fn what_kserve_gives_its_serving_runtimes_is_taken() {
        let args = serve(&["--model_name=iris", "--model_dir=/mnt/models", "--http_port=8080"]).unwrap();
        assert_eq!(args.platform.model_name.as_deref(), Some("iris"));
        assert_eq!((args.source.model_uri.as_deref(), args.port), (Some("/mnt/models"), Some(8080)));
    }
}
