//! How every model that `mlhost serve` serves is made ready, whether there is one or there are many.
//!
//! Used by `cli::serve` and `cli::repository`. A model that was saved with an example has answered it before it is served.

use std::time::Duration;

use anyhow::Context as _;
use mlhost_sandbox::{Engine, EngineOptions};
use mlhost_wire::dialect::mlflow::Mlflow;

use super::args::{PartArgs, ServeArgs};
use super::model;
use crate::app::App;
use crate::config::ServerConfig;
use crate::model_source::ModelSource;
use crate::reload::Load;
use crate::warm_up::warm_up;

/// Sandboxes over the requests that may be in the model, among them the one that is still to be dropped and the spare:
/// the pool's own limit is the last line, never the first.
const MORE_SANDBOXES: u32 = 8;

/// How every version of a model is made ready to be served.
#[derive(Clone)]
pub(super) struct Loading {
    engine: Engine,
    parts: PartArgs,
    /// For one request, and so for `load-context`.
    patience: Duration,
    /// How a model has to answer its own example first, where it has to.
    warm_up: Option<Mlflow>,
}

// === impl Loading ===

impl Loading {
    /// With sandboxes of so much memory.
    pub(super) fn new(
        args: &ServeArgs,
        config: &ServerConfig,
        max_memory_bytes: usize,
    ) -> anyhow::Result<Self> {
        let engine = Engine::new(&EngineOptions {
            instances: u32::try_from(config.max_requests).unwrap_or(u32::MAX).saturating_add(MORE_SANDBOXES),
            max_memory_bytes,
            scan: !args.no_pagemap_scan,
            code_cache: model::code_cache(args.no_code_cache),
        })?;
        Ok(Self {
            engine,
            parts: args.source.parts.clone(),
            patience: config.timeout,
            warm_up: (!args.no_warm_up).then_some(Mlflow { compat: config.compat }),
        })
    }

    /// What sandboxes are made in.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The same as a function, for whoever loads later.
    pub(super) fn function(self) -> Load {
        Box::new(move |source| {
            let loading = self.clone();
            Box::pin(async move { loading.load(source).await })
        })
    }

    pub(super) async fn load(&self, source: ModelSource) -> anyhow::Result<App> {
        model::load_runtime(&self.parts, &source)?;
        let name = source.name.clone();
        let patience = source.time_within(self.patience);
        let example = self.warm_up.zip(source.example.clone());
        let app = App::load(source, &self.engine, patience)
            .await
            .with_context(|| format!("cannot load model `{name}`"))?;
        if let Some((dialect, example)) = example {
            warm_up(&app, dialect, &example, patience)
                .await
                .with_context(|| format!("model `{name}` is not ready to be served"))?;
        }
        Ok(app)
    }
}
