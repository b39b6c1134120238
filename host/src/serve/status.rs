//! What the server says of itself: `/health?detail` as JSON, `/metrics` as OpenMetrics text.
//!
//! Called by `serve::handler`. Reads the deployment and changes nothing; says nothing of a refused version that only the log
//! may know.

use std::fmt;
use std::sync::Arc;

use mlhost_wire::dialect::Answer;
use mlhost_wire::fault::Fault;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use serde_json::json;

use crate::catalog::Catalog;
use crate::deployment::{Deployment, Release};
use crate::fault;

/// The media type of `/metrics`.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What `/metrics` shows, read when it is asked for.
struct OfCatalog(Arc<Catalog>);

/// Everything that has metrics.
pub(crate) fn registry(catalog: &Arc<Catalog>) -> Registry {
    let mut registry = Registry::with_prefix("mlhost");
    registry.register_collector(Box::new(OfCatalog(Arc::clone(catalog))));
    registry
}

/// The answer to `GET /metrics`.
///
/// # Errors
///
/// A fault of our own, where a metric cannot be written.
pub(crate) fn metrics(registry: &Registry) -> Result<Answer, Fault> {
    let mut body = String::new();
    text::encode(&mut body, registry).map_err(|error| fault::internal(format!("metrics: {error}")))?;
    Ok(Answer {
        status: 200,
        content_type: Some(OPEN_METRICS.to_owned()),
        headers: Vec::new(),
        body: body.into(),
    })
}

/// The answer to `GET /health?detail`.
///
/// # Errors
///
/// Where no version of the model is ready.
pub(crate) fn health(deployment: &Deployment) -> Result<Answer, Fault> {
    let Release { app, version, since, .. } = &*deployment.version(None)?;
    let history = deployment.history();
    let (taken, refused) = deployment.counts();
    let detail = json!({
        "status": "ready",
        "model": {
            "name": app.name,
            "uri": version.uri,
            "version": version.number,
            "since": since.to_string(),
            "sandboxed": app.is_sandboxed(),
        },
        "reload": {
            "watch_seconds": deployment.watch().map(|every| every.as_secs_f64()),
            "last_look": history.last.map(|at| at.to_string()),
            "taken": taken,
            "refused": refused,
            "last_refusal": history.refusal.map(|refusal| json!({
                "version": refusal.version,
                "reason": refusal.reason,
                "at": refusal.at.to_string(),
            })),
        },
    });
    let body = format!("{detail:#}\n").into_bytes();
    Ok(Answer::json(200, body))
}

// === impl OfCatalog ===

impl fmt::Debug for OfCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfCatalog")
    }
}

impl Collector for OfCatalog {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Self(catalog) = self;
        let models = catalog.models();
        let releases: Vec<_> = models
            .iter()
            .flat_map(|(name, deployment)| {
                deployment.served().releases().to_vec().into_iter().map(move |release| {
                    let version = release.version.number.clone().unwrap_or_default();
                    ([("model", name.clone()), ("version", version)], release)
                })
            })
            .collect();

        let help = "The version of the model that is served";
        let mut family = encoder.encode_descriptor("model_version", help, None, MetricType::Gauge)?;
        for (labels, _) in &releases {
            ConstGauge::new(1_i64).encode(family.encode_family(labels)?)?;
        }

        let help = "When the version that is served was taken";
        let unit = Unit::Seconds;
        let mut family =
            encoder.encode_descriptor("model_version_since", help, Some(&unit), MetricType::Gauge)?;
        for (labels, release) in &releases {
            ConstGauge::new(release.since.as_second()).encode(family.encode_family(labels)?)?;
        }

        let help = "Versions that took over";
        let mut family = encoder.encode_descriptor("reloads_taken", help, None, MetricType::Counter)?;
        for (name, deployment) in &models {
            let (taken, _) = deployment.counts();
            ConstCounter::new(taken).encode(family.encode_family(&[("model", name.clone())])?)?;
        }

        let help = "Looks for a version that ended in none or one that cannot be served";
        let mut family = encoder.encode_descriptor("reloads_refused", help, None, MetricType::Counter)?;
        for (name, deployment) in &models {
            let (_, refused) = deployment.counts();
            ConstCounter::new(refused).encode(family.encode_family(&[("model", name.clone())])?)?;
        }
        Ok(())
    }
}
