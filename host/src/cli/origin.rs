//! Where `mlhost serve` has its model from, as far as another version can come from there: the flags, asked again.
//!
//! Made by `serve`, handed to [`crate::reload`]. Of a model URI the registry says what it points at; files in place are told
//! apart by their sizes and times of change.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use std::{fs, io};

use mlhost_registry::{ModelUri, Pinned, Registry};
use serde_json::{Map, Value};

use super::args::SourceArgs;
use super::model;
use super::model_uri::{self, Brought};
use crate::config::LimitsAllowed;
use crate::deployment::Version;
use crate::model_source::ModelSource;
use crate::reload::Origin;

/// Files that are looked at; a model has fewer, and looking at more every second would be felt.
const MOST_FILES: usize = 10_000;

/// The model that the flags name.
pub(super) struct Named {
    source: SourceArgs,
    place: Place,
    /// Media types that the component takes as they come, besides its bundle's; in lower case.
    accept: Vec<String>,
    allowed: LimitsAllowed,
    /// What the operator puts in place of entries of the model's own configuration.
    model_config: Map<String, Value>,
    /// What the operator calls it.
    name: Option<String>,
}

/// How the model is looked for.
enum Place {
    /// By paths alone: no client is set up.
    Here(Vec<PathBuf>),
    Registry(Box<Registry>, ModelUri),
}

/// What the flags point at now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    pinned: Option<Pinned>,
    /// Where its files are on this machine; none before they are fetched, which a version that never changes needs once.
    directory: Option<PathBuf>,
    /// A hash of the files' paths, sizes and times of change; of what is in the cache none is made.
    stamp: Option<u64>,
}

// === impl Named ===

impl Named {
    pub(super) fn new(
        source: SourceArgs,
        accept: &[String],
        allowed: LimitsAllowed,
        model_config: Map<String, Value>,
    ) -> anyhow::Result<Self> {
        let uri = source.model_uri.as_deref().map(model_uri::parse).transpose()?;
        let place = match uri {
            Some(ModelUri::Local(directory)) => Place::Here(vec![directory]),
            Some(uri) => Place::Registry(Box::new(model_uri::registry()?), uri),
            None => {
                let named = source.parts.model.iter().chain(&source.parts.artifact);
                Place::Here(source.component.iter().chain(named.map(|named| &named.path)).cloned().collect())
            }
        };
        let accept = accept.iter().map(|accept| accept.to_ascii_lowercase()).collect();
        Ok(Self { source, place, accept, allowed, model_config, name: None })
    }

    /// The same under another name, where there is one.
    pub(super) fn called(self, name: Option<String>) -> Self {
        Self { name, ..self }
    }
}

impl Origin for Named {
    type Target = Target;

    async fn look(&self) -> anyhow::Result<Target> {
        let (registry, uri) = match &self.place {
            Place::Here(roots) => {
                return Ok(Target { pinned: None, directory: None, stamp: Some(stamp(roots)) });
            }
            Place::Registry(registry, uri) => (registry, uri),
        };
        let pinned = model_uri::resolve(registry, uri).await?;
        if let Some(directory) = pinned.local() {
            let stamp = Some(stamp(&[directory.to_owned()]));
            return Ok(Target { pinned: Some(pinned), directory: None, stamp });
        }
        // A folder of a bucket has no version: only its files tell, and where they lie in the cache tells which they are.
        let directory = match pinned.is_immutable() {
            true => None,
            false => Some(model_uri::fetch(registry, &pinned).await?.directory),
        };
        Ok(Target { pinned: Some(pinned), directory, stamp: None })
    }

    fn version(&self, target: &Target) -> Version {
        let SourceArgs { model_uri, component, parts } = &self.source;
        let path = component.as_ref().or(parts.model.first().map(|model| &model.path));
        let uri = model_uri.clone().or(path.map(|path| path.display().to_string()));
        let number = target.pinned.as_ref().and_then(|pinned| pinned.version);
        Version { uri: uri.unwrap_or_default(), number: number.map(|number| number.to_string()) }
    }

    async fn read(&self, target: &Target) -> anyhow::Result<ModelSource> {
        let mut source = match (&self.place, &target.pinned) {
            (Place::Registry(registry, _), Some(pinned)) => {
                let brought = match &target.directory {
                    Some(directory) => Brought { directory: directory.clone(), name: pinned.name.clone() },
                    None => model_uri::fetch(registry, pinned).await?,
                };
                model::from_brought(brought, &self.allowed)?
            }
            _ => model::source(&self.source, &self.allowed)?,
        };
        source.override_model_config(self.model_config.clone());
        source.interface.raw_media_types.extend(self.accept.iter().cloned());
        if let Some(name) = &self.name {
            source.name.clone_from(name);
        }
        Ok(source)
    }
}

/// What changes when any of these files does, or any in these directories. What cannot be looked at is as good as not there:
/// whoever reads it says why.
fn stamp(roots: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut files = 0;
    for root in roots {
        let outcome = add(&mut hasher, root, &mut files);
        outcome.err().map(|error| error.kind()).hash(&mut hasher);
    }
    hasher.finish()
}

fn add(hasher: &mut DefaultHasher, path: &Path, files: &mut usize) -> io::Result<()> {
    *files += 1;
    if *files > MOST_FILES {
        return Ok(());
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
        let now = || stamp(std::slice::from_ref(&root));
        let first = now();
        assert_eq!(now(), first);
        fs::write(&file, "ab").unwrap();
        let second = now();
        assert_ne!(second, first);
        fs::write(root.join("more"), "").unwrap();
        assert_ne!(now(), second);
        assert_ne!(stamp(&[root.join("none")]), stamp(&[root.join("more")]));
    }
}
