//! `-m`: a directory of this machine as it is, or a model URI made one. People see how far a download is.
//!
//! Called by `model` and by whatever watches a model. A local path sets up nothing: no client, no runtime, no cache.

use std::path::Path;

use mlhost_registry::{ModelUri, Pinned, Registry};

use super::model;
use super::progress::Shown;

pub(super) use crate::model_uri::{Brought, parse, registry, resolve};

/// The directory that `uri` names, downloaded where it is elsewhere. Blocks: for commands without a runtime of their own.
pub(super) fn bring(uri: &str) -> anyhow::Result<Brought> {
    match parse(uri)? {
        ModelUri::Local(directory) => Ok(Brought { directory, name: None }),
        uri => model::runtime()?.block_on(crate::model_uri::bring(uri, &Shown::new())),
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

/// Its files on this machine.
pub(super) async fn fetch(registry: &Registry, pinned: &Pinned) -> anyhow::Result<Brought> {
    crate::model_uri::fetch(registry, pinned, &Shown::new()).await
}
