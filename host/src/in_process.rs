//! A model in this process: from its URI to an [`App`] that can be called, without a server.
//!
//! Called by the commands that take a model (`cli::model`) and by the Python package. Whoever calls brings the asynchronous
//! runtime. ONNX Runtime is loaded once a process, and never unloaded.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mlhost_bundle::Bundle;
use mlhost_registry::Silent;
use mlhost_sandbox::{Engine, EngineOptions};

use crate::app::App;
use crate::config::{self, LimitsAllowed};
use crate::model_source::ModelSource;
use crate::model_uri::{self, Brought};
use crate::onnxruntime;

/// The folder of compiled code in the cache folder.
const CODE_FOLDER: &str = "code";

/// Sandboxes over the calls that may be in a model: one that is still to be dropped, the spare, and one to load in.
const MORE_SANDBOXES: u32 = 4;

/// What a model is loaded with, for whoever has no command line.
#[derive(Clone, Debug)]
pub struct Loading {
    /// What the bundle may have.
    pub allowed: LimitsAllowed,
    /// ONNX Runtime's library; looked for where it is not named.
    pub onnxruntime: Option<PathBuf>,
    /// How many calls may be in the model at one time.
    pub calls: u32,
    /// What loading and one call may take.
    pub time: Duration,
    /// Keep no compiled code on disk, and use none.
    pub no_code_cache: bool,
    /// In place of values of the model's configuration, over what the environment says.
    pub model_config: serde_json::Map<String, serde_json::Value>,
}

// === impl Loading ===

impl Loading {
    /// Loads what a directory's path or a model URI names. A registered model has its registered name.
    ///
    /// # Errors
    ///
    /// Says what cannot be had or does not load, with a hint where there is something to do.
    pub async fn load(self, uri: &str) -> anyhow::Result<App> {
        let environment = config::process_environment;
        let brought = model_uri::bring(model_uri::parse(uri)?, &Silent).await?;
        let mut source = open(brought, &self.allowed)?;
        source.override_model_config(config::model_config_overrides(&environment)?);
        source.override_model_config(self.model_config);
        load_runtime(self.onnxruntime.as_deref(), None, &source)?;
        let name = source.name.clone();
        let engine = EngineOptions {
            instances: self.calls.saturating_add(MORE_SANDBOXES),
            max_memory_bytes: source.limits.memory_bytes,
            scan: false,
            code_cache: code_cache(self.no_code_cache),
        };
        load(source, &engine, self.time)
            .await
            .map_err(|error| error.context(format!("cannot load model `{name}`")))
    }
}

/// Reads a model on this machine.
///
/// # Errors
///
/// Says what is wrong with the directory, with a hint where there is something to do.
pub fn open(brought: Brought, allowed: &LimitsAllowed) -> anyhow::Result<ModelSource> {
    let opened =
        Bundle::open(&brought.directory).and_then(|bundle| ModelSource::from_bundle(&bundle, allowed));
    let mut source = opened.map_err(|error| {
        let hint = error.hint();
        let error = anyhow::Error::new(error);
        match hint {
            Some(hint) => anyhow::anyhow!("{error}\nhint: {hint}"),
            None => error,
        }
    })?;
    source.name = brought.name.unwrap_or(source.name);
    Ok(source)
}

/// Loads ONNX Runtime, from the file that was named or from one of its usual places. A model without a graph does without,
/// unless the library was asked for by name.
///
/// # Errors
///
/// Where it is nowhere, or is no library that can be used.
pub fn load_runtime(
    named: Option<&Path>,
    executable_directory: Option<&Path>,
    source: &ModelSource,
) -> anyhow::Result<()> {
    if source.graphs.is_empty() && named.is_none() {
        return Ok(());
    }
    let environment = config::process_environment;
    let variable: Option<OsString> = environment("ORT_DYLIB_PATH");
    let found = onnxruntime::locate(&onnxruntime::Places {
        flag: named,
        variable: variable.as_deref(),
        executable_directory,
        cache_directory: config::cache_dir(&environment).as_deref(),
    })?;
    mlhost_nn::initialize(&found.path)?;
    tracing::debug!(path = %found.path.display(), from = %found.from, "ONNX Runtime loaded");
    Ok(())
}

/// Loads a model into an engine of its own.
///
/// # Errors
///
/// Says which part does not load and why.
pub async fn load(source: ModelSource, engine: &EngineOptions, most: Duration) -> anyhow::Result<App> {
    let engine = Engine::new(engine)?;
    let patience = source.time_within(most);
    Ok(App::load(source, &engine, patience).await?)
}

/// Where compiled code is kept; `None` where the operator wants none kept, or the environment names no place.
#[must_use]
pub fn code_cache(ruled_out: bool) -> Option<PathBuf> {
    if ruled_out {
        return None;
    }
    let folder = config::cache_dir(&config::process_environment).map(|cache| cache.join(CODE_FOLDER));
    if folder.is_none() {
        tracing::warn!(
            "there is no folder for compiled code, which is compiled at every start: set MLHOST_CACHE_DIR, \
             XDG_CACHE_HOME or HOME"
        );
    }
    folder
}
