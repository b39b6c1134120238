//! `mlhost serve --repository`, and SageMaker's multi-model endpoints: a loader made from the flags.
//!
//! Called by `cli::serve` where there is not just one model.

use std::sync::Arc;

use mlhost_bundle::Batching;
use serde_json::{Map, Value};

use super::args::{NamedPath, PartArgs, ServeArgs};
use super::loading::Loading;
use super::model;
use crate::catalog::Catalog;
use crate::config::{DEFAULT_MAX_MEMORY_BYTES, LimitsAllowed, ServerConfig};
use crate::loader::{Loader, Mode, Read, Settings};
use crate::repository::{self, OwnLimits, Repository};

/// What a graph by itself is called among its model's graphs, of which it is the only one.
const GRAPH_NAME: &str = "model";

/// Models from a repository, or from wherever clients say.
pub(super) struct Several {
    pub(super) catalog: Arc<Catalog>,
    pub(super) loader: Loader,
    pub(super) loading: Loading,
}

// === impl Several ===

impl Several {
    /// Loads what is to be served from the start.
    ///
    /// # Errors
    ///
    /// Where a model cannot be loaded and `--skip-broken` does not leave it out.
    pub(super) async fn load(
        args: &ServeArgs,
        config: &ServerConfig,
        (allowed, model_config): (LimitsAllowed, Map<String, Value>),
    ) -> anyhow::Result<Self> {
        let flags = &args.repository;
        let most_memory = allowed.memory_bytes.unwrap_or(DEFAULT_MAX_MEMORY_BYTES);
        // Models that come later may ask for as much as any.
        let loading = Loading::new(args, config, usize::try_from(most_memory).unwrap_or(usize::MAX))?;
        let (mut loader, catalog) = Loader::new(Settings {
            repository: flags.repository.clone().map(Repository::new),
            mode: if flags.repository.is_some() { flags.mode()? } else { Mode::Explicit },
            first: flags.load_model.clone(),
            memory_bytes: flags.model_memory,
            read: reading(allowed, model_config),
            load: loading.clone().function(),
        });
        let faults = loader.load_first().await?;
        anyhow::ensure!(
            faults.is_empty() || flags.skip_broken,
            "{} of the repository's models cannot be served as they are:\n{}\nhint: what was wrong in full is above; \
             `--skip-broken` serves the others",
            faults.len(),
            faults.iter().map(|fault| format!("- {}", fault.public)).collect::<Vec<_>>().join("\n")
        );
        Ok(Self { catalog, loader, loading })
    }
}

/// Reads a model directory within what the server's flags and the model's own rules allow.
fn reading(allowed: LimitsAllowed, model_config: Map<String, Value>) -> Read {
    Box::new(move |directory, limits| {
        let allowed = within(&allowed, limits);
        let mut source = match repository::only_graph(directory) {
            Some(path) => {
                let graph = NamedPath { name: GRAPH_NAME.to_owned(), path };
                model::from_parts(None, &PartArgs { model: vec![graph], ..PartArgs::default() }, &allowed)?
            }
            None => model::from_bundle(directory, &allowed)?,
        };
        source.override_model_config(model_config.clone());
        source.time = limits.time.or(source.time);
        source.concurrency = limits.requests.or(source.concurrency);
        Ok(source)
    })
}

/// Flags count more than a model's rules, and these more than what its bundle asks for.
fn within(allowed: &LimitsAllowed, limits: &OwnLimits) -> LimitsAllowed {
    let memory_bytes = match (allowed.memory_bytes, limits.memory_bytes) {
        (Some(most), Some(own)) => Some(most.min(own)),
        (None, Some(own)) => Some(own.min(DEFAULT_MAX_MEMORY_BYTES)),
        (most, None) => most,
    };
    let batching = &allowed.batching;
    LimitsAllowed {
        memory_bytes,
        batching: Batching {
            max_rows: batching.max_rows.or(limits.batch_rows),
            max_delay: batching.max_delay.or(limits.batch_delay),
            ..*batching
        },
        ..allowed.clone()
    }
}
