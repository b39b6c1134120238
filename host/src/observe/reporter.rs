//! What operators asked to be told of each request, besides counts: log lines, traces, samples, a header.
//!
//! Made by `cli::serve` from its configuration before anything listens; `serve::report` goes by it. All of it is off by
//! default.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::samples::Samples;
use super::telemetry::Telemetry;
use super::traces::{CollectorError, Traces};
use crate::config::ObserveConfig;

/// Who is told of each request.
#[derive(Default)]
pub struct Reporter {
    /// Whether every request has its line in the log.
    pub access_log: bool,
    /// Whether answers say how long each stage took.
    pub server_timing: bool,
    /// Where traces go.
    pub traces: Option<Traces>,
    /// Where samples go.
    pub samples: Option<Samples>,
}

/// What cannot be observed.
#[derive(Debug, thiserror::Error)]
pub enum ReporterError {
    /// Traces.
    #[error(
        "cannot send traces: {0}\nhint: OTEL_EXPORTER_OTLP_ENDPOINT is a URL such as `http://collector:4318`"
    )]
    Traces(#[from] CollectorError),
    /// Samples.
    #[error("cannot write samples to `{}`: {error}\nhint: `--sample-log` names a file in a folder that is there", path.display())]
    Samples {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        error: io::Error,
    },
}

// === impl Reporter ===

impl Reporter {
    /// Opens and starts what the configuration asks for; drops are counted in `telemetry`.
    ///
    /// # Errors
    ///
    /// [`ReporterError`] says which of it cannot be had.
    pub fn start(config: &ObserveConfig, telemetry: &Arc<Telemetry>) -> Result<Self, ReporterError> {
        let traces = config.traces.as_ref();
        let traces = traces.map(|traces| Traces::start(traces, Arc::clone(telemetry))).transpose()?;
        let samples = config.samples.as_ref().map(|samples| {
            Samples::start(samples, Arc::clone(telemetry))
                .map_err(|error| ReporterError::Samples { path: samples.path.clone(), error })
        });
        Ok(Self {
            access_log: config.access_log,
            server_timing: config.server_timing,
            traces,
            samples: samples.transpose()?,
        })
    }

    /// Sends and writes what is left: once, at the process's end.
    pub fn flush(&self) {
        if let Some(traces) = &self.traces {
            traces.flush();
        }
        if let Some(samples) = &self.samples {
            samples.flush();
        }
    }

    /// Whether this request is to be written down.
    #[must_use]
    pub fn samples_this(&self) -> bool {
        self.samples.as_ref().is_some_and(Samples::picks)
    }

    /// Whether requests are called by a name of ours where their callers give none.
    #[must_use]
    pub fn names_requests(&self) -> bool {
        self.access_log || self.traces.is_some() || self.samples.is_some()
    }
}
