//! From flags to a model that can be loaded: what the commands that take a model have in common.
//!
//! Reads the files that flags or the bundle name, wherever `model_uri` has brought them from; the rest is
//! [`crate::in_process`]'s, which loads without a command line, too.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use mlhost_bundle::Batching;
use mlhost_sandbox::EngineOptions;
use mlhost_wire::dialect::Interface;

use super::Defect;
use super::args::{PartArgs, SourceArgs};
use super::model_uri::{self, Brought};
use crate::app::App;
use crate::config::{self, LimitsAllowed};
use crate::in_process;
use crate::model_source::{GraphFile, ModelSource};

pub(super) use crate::in_process::code_cache;

/// What the operator allows.
pub(super) fn allowed(parts: &PartArgs) -> LimitsAllowed {
    LimitsAllowed {
        memory_bytes: parts.max_memory,
        data_bytes: parts.max_data,
        grants: parts.allow.clone(),
        batching: Batching::default(),
        intra_op_threads: None,
    }
}

/// Reads the model that the flags name.
pub(super) fn source(args: &SourceArgs, allowed: &LimitsAllowed) -> anyhow::Result<ModelSource> {
    match &args.model_uri {
        Some(uri) => from_uri(uri, allowed),
        None if args.component.is_none() && args.parts.model.is_empty() => {
            anyhow::bail!(
                "which model?\nhint: `-m` names its directory or URI, `--component` and `--model` its parts"
            )
        }
        None => from_parts(args.component.as_deref(), &args.parts, allowed),
    }
}

/// Reads the model that a directory's path or a model URI names. A registered model has its registered name.
pub(super) fn from_uri(uri: &str, allowed: &LimitsAllowed) -> anyhow::Result<ModelSource> {
    from_brought(model_uri::bring(uri)?, allowed)
}

/// Reads a model that a model URI named.
pub(super) fn from_brought(brought: Brought, allowed: &LimitsAllowed) -> anyhow::Result<ModelSource> {
    in_process::open(brought, allowed)
}

/// Reads a model directory.
pub(super) fn from_bundle(directory: &Path, allowed: &LimitsAllowed) -> anyhow::Result<ModelSource> {
    in_process::open(Brought { directory: directory.to_owned(), name: None }, allowed)
}

/// Reads single files.
pub(super) fn from_parts(
    component: Option<&Path>,
    parts: &PartArgs,
    allowed: &LimitsAllowed,
) -> anyhow::Result<ModelSource> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()));
    let mut artifacts = BTreeMap::new();
    for artifact in &parts.artifact {
        artifacts.insert(artifact.name.clone(), read(&artifact.path)?);
    }
    let named = parts.model.first().map(|model| model.name.clone());
    let stem = component.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    Ok(ModelSource {
        name: named.or(stem).unwrap_or_else(|| "model".to_owned()),
        component: component.map(read).transpose()?,
        graphs: parts
            .model
            .iter()
            .map(|model| GraphFile {
                name: model.name.clone(),
                path: model.path.clone(),
                options: allowed.graph_options(&Batching::default()),
            })
            .collect(),
        artifacts,
        interface: Interface::default(),
        model_config: "{}".to_owned(),
        example: None,
        grants: config::resolve_grants(&allowed.grants),
        limits: allowed.limits("model", &mlhost_bundle::Limits::default()),
        time: None,
        concurrency: None,
    })
}

/// Loads ONNX Runtime. A model without a graph does without, unless the library was asked for by name.
pub(super) fn load_runtime(parts: &PartArgs, source: &ModelSource) -> anyhow::Result<()> {
    let executable = std::env::current_exe().ok();
    in_process::load_runtime(
        parts.onnxruntime.as_deref(),
        executable.as_deref().and_then(Path::parent),
        source,
    )
}

/// Loads a model without a server, for a command that makes so many sandboxes at a time.
pub(super) async fn load_alone(
    source: ModelSource,
    no_code_cache: bool,
    most: Duration,
    sandboxes: u32,
) -> anyhow::Result<App> {
    let engine = EngineOptions {
        instances: sandboxes,
        max_memory_bytes: source.limits.memory_bytes,
        scan: false,
        code_cache: code_cache(no_code_cache),
    };
    in_process::load(source, &engine, most).await
}

/// What loads, accepts connections and waits for signals; requests have threads of their own.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| Defect(format!("cannot start the asynchronous runtime: {error}")))?)
}
