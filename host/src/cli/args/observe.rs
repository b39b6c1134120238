//! What `mlhost serve` takes about who may see what of it.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::{self, ConfigError, Environment, ObserveConfig, Ratio, SampleConfig};

/// The most bytes of sampled requests, unless the operator says otherwise.
const SAMPLE_BYTES: u64 = 1 << 30;

/// Metrics, traces, logs and samples.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Observability (docs/observability.md)")]
pub(in crate::cli) struct ObserveArgs {
    /// Where to serve metrics, probes, build information and the log's filter: a port of this machine alone, or an
    /// address with its port [default: nowhere]
    #[arg(long, value_name = "[HOST:]PORT", value_parser = config::parse_admin_address)]
    pub(in crate::cli) admin_address: Option<SocketAddr>,
    /// Write a line for every request to the log
    #[arg(long)]
    pub(in crate::cli) access_log: bool,
    /// Say in every answer how long its stages took, as the header `Server-Timing`
    #[arg(long)]
    pub(in crate::cli) server_timing: bool,
    /// Part of the requests to trace whose callers have not decided, in place of OTEL_TRACES_SAMPLER; traces are sent
    /// where OTEL_EXPORTER_OTLP_ENDPOINT names a collector
    #[arg(long, value_name = "0..1", value_parser = config::parse_ratio)]
    pub(in crate::cli) trace_ratio: Option<Ratio>,
    /// File to write some requests and their answers to, as JSON lines; with a name such as `samples.parquet`, Parquet
    /// files beside it, `samples-TIME-NUMBER.parquet`
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) sample_log: Option<PathBuf>,
    /// Part of the requests to write to it [default: 0.01]
    #[arg(long, value_name = "0..1", value_parser = config::parse_ratio, requires = "sample_log")]
    pub(in crate::cli) sample_rate: Option<Ratio>,
    /// Most bytes of it, the files before it included [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = config::parse_bytes, requires = "sample_log")]
    pub(in crate::cli) sample_log_max: Option<u64>,
}

// === impl ObserveArgs ===

impl ObserveArgs {
    /// What is observed, of flags and environment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a variable that cannot be used.
    pub(in crate::cli) fn config(&self, environment: Environment<'_>) -> Result<ObserveConfig, ConfigError> {
        let (admin, access_log) = config::admin_from_environment(environment)?;
        let mut traces = config::traces_from_environment(environment)?;
        if let Some((traces, ratio)) = traces.as_mut().zip(self.trace_ratio) {
            traces.sampler = config::TraceSampler { parent_based: true, ratio };
        }
        let samples = self.sample_log.clone().map(|path| SampleConfig {
            path,
            rate: self.sample_rate.unwrap_or_else(config::default_sample_rate),
            max_bytes: self.sample_log_max.unwrap_or(SAMPLE_BYTES),
        });
        Ok(ObserveConfig {
            admin: self.admin_address.or(admin),
            access_log: self.access_log || access_log,
            server_timing: self.server_timing,
            traces,
            samples,
        })
    }
}
