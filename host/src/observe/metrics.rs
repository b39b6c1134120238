//! `/metrics`: everything that is counted, as OpenMetrics or as Prometheus's classic text.
//!
//! Asked by `serve::admin`. Every name stands in [`catalogue`]; labels are those of models that are served, never a caller's
//! words. Reads what others count, when it is asked for.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

use crate::catalog::Catalog;
use crate::observe::Telemetry;
use crate::readiness::Readiness;

pub mod catalogue;
mod collect;
mod process;
mod retired;

use collect::Collected;

/// The media type of OpenMetrics' text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How full the server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Requests in models, and how many there may be.
    pub requests: (usize, usize),
    /// Bytes of request bodies in memory, and how many there may be.
    pub bodies: (usize, usize),
    /// Connections at one time that there may be.
    pub max_connections: usize,
}

/// What the metrics are read from.
pub struct Sources {
    /// Models and their releases.
    pub catalog: Arc<Catalog>,
    /// What the server counts.
    pub telemetry: Arc<Telemetry>,
    /// Whether it wants requests.
    pub readiness: Readiness,
    /// How full it is.
    pub occupancy: Box<dyn Fn() -> Occupancy + Send + Sync>,
}

/// Everything that has metrics.
pub struct Metrics {
    registry: Registry,
}

// === impl Metrics ===

impl Metrics {
    /// Reads `sources` whenever it is asked.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Collected::new(sources)));
        Self { registry }
    }

    /// The media type and the text for a client that accepts this: OpenMetrics where it is named, else the classic text.
    ///
    /// # Errors
    ///
    /// Where a metric cannot be written, which is a defect.
    pub fn encode(&self, accept: Option<&str>) -> Result<(&'static str, String), fmt::Error> {
        let mut body = String::new();
        if accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
            text::encode(&mut body, &self.registry)?;
            return Ok((OPEN_METRICS, body));
        }
        prometheus_text::encode(&mut body, &self.registry)?;
        Ok((prometheus_text::CONTENT_TYPE, body))
    }
}
