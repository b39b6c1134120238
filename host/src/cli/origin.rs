//! Where `mlhost serve` has its model from, as far as another version can come from there: the flags, asked again.
//!
//! Made by `serve`, handed to [`crate::reload`]. Of a model URI the registry says what it points at; files in place are told
//! apart by their sizes and times of change.

use std::path::PathBuf;

use mlhost_registry::{ModelUri, Pinned, Registry};
use serde_json::{Map, Value};

use super::args::SourceArgs;
use super::model;
use super::model_uri::{self, Brought};
use crate::config::LimitsAllowed;
use crate::deployment::Version;
use crate::model_source::ModelSource;
use crate::reload::Origin;
use crate::stamp::Stamp;

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
    /// How the files look; of what is in the cache none is taken.
    stamp: Option<Stamp>,
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
                return Ok(Target { pinned: None, directory: None, stamp: Some(Stamp::of(roots)) });
            }
            Place::Registry(registry, uri) => (registry, uri),
        };
        let pinned = model_uri::resolve(registry, uri).await?;
        if let Some(directory) = pinned.local() {
            let stamp = Some(Stamp::of(&[directory.to_owned()]));
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
