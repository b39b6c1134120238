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
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::deployment::{Deployment, Release};
use crate::fault;

/// The media type of `/metrics`.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What `/metrics` shows, read when it is asked for.
struct OfDeployment(Arc<Deployment>);

/// Everything that has metrics.
pub(crate) fn registry(deployment: &Arc<Deployment>) -> Registry {
    let mut registry = Registry::with_prefix("mlhost");
    registry.register_collector(Box::new(OfDeployment(Arc::clone(deployment))));
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
    Ok(Answer { status: 200, content_type: Some(OPEN_METRICS.to_owned()), body: body.into() })
}

/// The answer to `GET /health?detail`.
pub(crate) fn health(deployment: &Deployment) -> Answer {
    let Release { app, version, since, .. } = &*deployment.current();
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
    Answer { status: 200, content_type: Some("application/json".to_owned()), body }
}

// === impl OfDeployment ===

impl fmt::Debug for OfDeployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfDeployment")
    }
}

impl Collector for OfDeployment {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Self(deployment) = self;
        let release = deployment.current();
        let model = [("model", release.app.name.clone())];
        let labels = [
            ("model", release.app.name.clone()),
            ("version", release.version.number.clone().unwrap_or_default()),
        ];

        let served = ConstGauge::new(1_i64);
        let help = "The version of the model that is served";
        let mut family = encoder.encode_descriptor("model_version", help, None, served.metric_type())?;
        served.encode(family.encode_family(&labels)?)?;

        let since = ConstGauge::new(release.since.as_second());
        let help = "When the version that is served was taken";
        let unit = prometheus_client::registry::Unit::Seconds;
        let mut family =
            encoder.encode_descriptor("model_version_since", help, Some(&unit), since.metric_type())?;
        since.encode(family.encode_family(&labels)?)?;

        let (taken, refused) = deployment.counts();
        for (name, help, count) in [
            ("reloads_taken", "Versions that took over", taken),
            (
                "reloads_refused",
                "Looks for a version that ended in none or one that cannot be served",
                refused,
            ),
        ] {
            let count = ConstCounter::new(count);
            let mut family = encoder.encode_descriptor(name, help, None, count.metric_type())?;
            count.encode(family.encode_family(&model)?)?;
        }
        Ok(())
    }
}
