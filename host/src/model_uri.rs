//! A model URI made a directory of this machine: parsed, resolved, downloaded.
//!
//! Called by `cli::model_uri`, which shows people how far a download is, and by [`crate::in_process`]. A local path sets up
//! nothing: no client, no cache. Has no runtime of its own.

use std::path::{Path, PathBuf};

use mlhost_registry::{ModelUri, Pinned, Progress, Registry, RegistryError};

use crate::config;

/// A model on this machine.
#[derive(Debug)]
pub struct Brought {
    /// Its directory.
    pub directory: PathBuf,
    /// The registered model's name, where it is one.
    pub name: Option<String>,
}

/// The directory that `uri` names, downloaded where it is elsewhere.
///
/// # Errors
///
/// Where it is no URI, or what it names cannot be had; with a hint.
pub async fn bring(uri: ModelUri, progress: &dyn Progress) -> anyhow::Result<Brought> {
    match uri {
        ModelUri::Local(directory) => Ok(Brought { directory, name: None }),
        uri => {
            let registry = registry()?;
            let pinned = resolve(&registry, &uri).await?;
            fetch(&registry, &pinned, progress).await
        }
    }
}

/// Reads what `-m` was given.
///
/// # Errors
///
/// Where it is no URI; with what was probably meant.
pub fn parse(uri: &str) -> anyhow::Result<ModelUri> {
    uri.parse().map_err(with_hint)
}

/// The registry that the environment names. Asks nobody yet.
///
/// # Errors
///
/// Names the variable that cannot be used.
pub fn registry() -> anyhow::Result<Registry> {
    let settings = config::registry_settings(&config::process_environment)?;
    Registry::new(settings, Path::new(".")).map_err(with_hint)
}

/// What `uri` points at now.
///
/// # Errors
///
/// Where the registry does not know it, or cannot be reached.
pub async fn resolve(registry: &Registry, uri: &ModelUri) -> anyhow::Result<Pinned> {
    registry.resolve(uri).await.map_err(with_hint)
}

/// Its files on this machine.
///
/// # Errors
///
/// Where they cannot be downloaded.
pub async fn fetch(registry: &Registry, pinned: &Pinned, progress: &dyn Progress) -> anyhow::Result<Brought> {
    let folder = registry.fetch(pinned, progress).await.map_err(with_hint)?;
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
