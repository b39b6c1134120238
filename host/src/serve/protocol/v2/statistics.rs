//! Triton's statistics extension (`docs/protocol/extension_statistics.md`): what each version of each model has done.
//!
//! Called by `protocol::v2`. The numbers are `observe::statistics`'; there is no cache of responses, so nothing ever hit one.

use std::sync::Arc;

use mlhost_wire::dialect::Answer;
use mlhost_wire::fault::Fault;
use serde_json::{Value as Json, json};

use crate::deployment::Release;
use crate::observe::statistics::{SizeTally, Snapshot, Tally};
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;

/// The answer to `GET /v2/models/{model}/stats`.
pub(super) fn of_model(service: &Service, exchange: &Exchange<'_>) -> Result<Answer, Fault> {
    let deployment = service.model(exchange)?;
    let releases = match exchange.version.as_deref() {
        Some(version) => vec![deployment.version(Some(version))?],
        // All of its versions.
        None => deployment.served().releases().to_vec(),
    };
    Ok(answer(&releases))
}

/// The answer to `GET /v2/models/stats`.
pub(super) fn of_all(service: &Service, exchange: &Exchange<'_>) -> Answer {
    let models = service.models(exchange);
    let releases = models.iter().flat_map(|(_, deployment)| deployment.served().releases().to_vec());
    let releases: Vec<Arc<Release>> = releases.collect();
    answer(&releases)
}

fn answer(releases: &[Arc<Release>]) -> Answer {
    let statistics: Vec<Json> = releases.iter().map(|release| statistics(release)).collect();
    Answer::json(200, json!({ "model_stats": statistics }).to_string().into_bytes())
}

fn statistics(release: &Release) -> Json {
    let snapshot = release.snapshot();
    let Snapshot { success, fail, queue, compute_input, compute_infer, compute_output, .. } = snapshot;
    let none = Tally::default();
    json!({
        "name": release.app.name,
        "version": release.version.name(),
        "last_inference": snapshot.last_inference,
        "inference_count": snapshot.inference_count,
        "execution_count": snapshot.execution_count,
        "inference_stats": {
            "success": tally(success),
            "fail": tally(fail),
            "queue": tally(queue),
            "compute_input": tally(compute_input),
            "compute_infer": tally(compute_infer),
            "compute_output": tally(compute_output),
            "cache_hit": tally(none),
            "cache_miss": tally(none),
        },
        "response_stats": {},
        "batch_stats": snapshot.batches.iter().map(batch).collect::<Vec<_>>(),
        "memory_usage": [],
    })
}

/// A run's inputs and outputs are lent to it and not copied: they take no time of their own.
fn batch(size: &SizeTally) -> Json {
    let nothing = Tally { count: size.compute_infer.count, nanoseconds: 0 };
    json!({
        "batch_size": size.size,
        "compute_input": tally(nothing),
        "compute_infer": tally(size.compute_infer),
        "compute_output": tally(nothing),
    })
}

fn tally(tally: Tally) -> Json {
    json!({ "count": tally.count, "ns": tally.nanoseconds })
}
