//! Where `mlhost serve` has its model from, as far as another version can come from there: the flags, asked again.
//!
//! Made by `serve`, handed to [`crate::reload`]. Files in place are told apart by their sizes and times of change.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use std::{fs, io};

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::args::SourceArgs;
use super::model;
use crate::config::LimitsAllowed;
use crate::deployment::Version;
use crate::model_source::ModelSource;
use crate::reload::Origin;

/// Files of a directory that are looked at; more are a mistake, and looking at them every second another.
const MOST_FILES: usize = 10_000;

/// The model that the flags name.
pub(super) struct Named {
    pub(super) source: SourceArgs,
    /// Media types that the component takes as they come, besides its bundle's.
    pub(super) accept: Vec<String>,
    pub(super) allowed: LimitsAllowed,
    /// What the operator puts in place of entries of the model's own configuration.
    pub(super) model_config: Map<String, Value>,
}

/// What the flags point at now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Files of this machine; a hash of their paths, sizes and times of change.
    Files(u64),
}

// === impl Named ===

impl Origin for Named {
    type Target = Target;

    async fn look(&self) -> anyhow::Result<Target> {
        let SourceArgs { model_uri, component, parts } = &self.source;
        let named = parts.model.iter().chain(&parts.artifact).map(|named| &named.path);
        let roots: Vec<&PathBuf> = model_uri.iter().chain(component).chain(named).collect();
        Ok(Target::Files(stamp(&roots)?))
    }

    fn version(&self, _target: &Target) -> Version {
        let SourceArgs { model_uri, component, parts } = &self.source;
        let path = model_uri.as_ref().or(component.as_ref()).or(parts.model.first().map(|model| &model.path));
        let uri = path.map(|path| path.display().to_string()).unwrap_or_default();
        Version { uri, number: None }
    }

    async fn read(&self, _target: &Target) -> anyhow::Result<ModelSource> {
        let mut source = model::source(&self.source, &self.allowed)?;
        source.override_model_config(self.model_config.clone());
        let accept = self.accept.iter().map(|accept| accept.to_ascii_lowercase());
        source.interface.raw_media_types.extend(accept);
        Ok(source)
    }
}

/// What changes when any of these files does, or any in these directories.
fn stamp(roots: &[&PathBuf]) -> anyhow::Result<u64> {
    let mut hasher = DefaultHasher::new();
    let mut files = 0;
    for root in roots {
        add(&mut hasher, root, &mut files).with_context(|| format!("cannot look at `{}`", root.display()))?;
    }
    Ok(hasher.finish())
}

fn add(hasher: &mut DefaultHasher, path: &Path, files: &mut usize) -> io::Result<()> {
    *files += 1;
    if *files > MOST_FILES {
        return Err(io::Error::other(format!("more than {MOST_FILES} files")));
    }
    path.hash(hasher);
    // A link's target: what a deployment changes is often just where a link points.
    path.canonicalize()?.hash(hasher);
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        metadata.len().hash(hasher);
        metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().hash(hasher);
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| add(hasher, entry, files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_any_file_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("model");
        fs::create_dir(&root).unwrap();
        let file = root.join("MLmodel");
        fs::write(&file, "a").unwrap();
        let now = || stamp(&[&root]).unwrap();
        let first = now();
        assert_eq!(now(), first);
        fs::write(&file, "ab").unwrap();
        let second = now();
        assert_ne!(second, first);
        fs::write(root.join("more"), "").unwrap();
        assert_ne!(now(), second);
        assert!(stamp(&[&root.join("none")]).is_err());
    }
}
