//! What the server says of its models: the admin port's `/health`, as JSON.
//!
//! Called by `serve::admin`. Reads the catalog and changes nothing; says nothing of a refused version that only the log may
//! know.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::deployment::{Absent, Deployment, Release};

/// Every model, its versions, those that are known and not ready, and how looking for others went.
pub(crate) fn health(catalog: &Catalog, ready: bool) -> Value {
    let models: Vec<_> = catalog.models().iter().map(|(name, deployment)| model(name, deployment)).collect();
    json!({"status": if ready { "ready" } else { "draining" }, "models": models})
}

fn model(name: &str, deployment: &Arc<Deployment>) -> Value {
    let (served, history) = (deployment.served(), deployment.history());
    let (taken, refused) = deployment.counts();
    json!({
        "name": name,
        "versions": served.releases().iter().map(|release| version(release)).collect::<Vec<_>>(),
        "absent": served.absent().iter().map(absent).collect::<Vec<_>>(),
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
    })
}

fn version(release: &Release) -> Value {
    let Release { app, version, since, .. } = release;
    json!({
        "version": version.number,
        "uri": version.uri,
        "since": since.to_string(),
        "sandboxed": app.is_sandboxed(),
    })
}

fn absent(absent: &Absent) -> Value {
    json!({"version": absent.version, "state": absent.state.name(), "reason": absent.reason})
}
