//! `-m`: a directory of this machine as it is, or a model URI made one.
//!
//! Called by `model` and by whatever watches a model. A local path sets up nothing: no client, no runtime, no cache.

use std::path::{Path, PathBuf};

use mlhost_registry::{ModelUri, Pinned, Registry, RegistryError};

use super::model;
use super::progress::Shown;
use crate::config;

/// A model on this machine.
#[derive(Debug)]
pub(super) struct Brought {
    pub(super) directory: PathBuf,
    /// The registered model's name, where it is one.
    pub(super) name: Option<String>,
}

/// The directory that `uri` names, downloaded where it is elsewhere. Blocks: for commands without a runtime of their own.
pub(super) fn bring(uri: &str) -> anyhow::Result<Brought> {
    match parse(uri)? {
        ModelUri::Local(directory) => Ok(Brought { directory, name: None }),
        uri => model::runtime()?.block_on(async {
            let registry = registry()?;
            let pinned = resolve(&registry, &uri).await?;
            fetch(&registry, &pinned).await
        }),
    }
}

/// The same, for what may be a path as well: none where it is one. What is there is a path, whatever it looks like.
pub(super) fn bring_remote(path: &Path) -> anyhow::Result<Option<Brought>> {
    let Some(text) = path.to_str().filter(|_| !path.exists()) else { return Ok(None) };
    match parse(text)? {
        ModelUri::Local(path) if !path.is_dir() => Ok(None),
        _ => bring(text).map(Some),
    }
}

/// Reads what `-m` was given.
pub(super) fn parse(uri: &str) -> anyhow::Result<ModelUri> {
    uri.parse().map_err(with_hint)
}

/// The registry that the environment names. Asks nobody yet.
pub(super) fn registry() -> anyhow::Result<Registry> {
    let settings = config::registry_settings(&config::process_environment)?;
    Registry::new(settings, Path::new(".")).map_err(with_hint)
}

/// What `uri` points at now.
pub(super) async fn resolve(registry: &Registry, uri: &ModelUri) -> anyhow::Result<Pinned> {
    registry.resolve(uri).await.map_err(with_hint)
}

/// Its files on this machine. People see how far it is.
pub(super) async fn fetch(registry: &Registry, pinned: &Pinned) -> anyhow::Result<Brought> {
    let folder = registry.fetch(pinned, &Shown::new()).await.map_err(with_hint)?;
    let directory = folder.path.display();
    if folder.cached {
        tracing::debug!(model = %pinned, %directory, "the model was on this machine already");
    } else {
        tracing::info!(model = %pinned, %directory, "the model was downloaded");
    }
    Ok(Brought { directory: folder.path, name: pinned.name.clone() })
}

fn with_hint(error: RegistryError) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error}\nhint: {hint}"),
        None => error.into(),
    }
}
