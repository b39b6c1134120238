//! From a model URI to a directory: what it points at now, and its files.
//!
//! The command line asks [`Registry::resolve`] once and [`Registry::fetch`] once; who watches an alias asks `resolve` again
//! and compares. What a URI with a version, a run or an identifier points at never changes, so that once it is downloaded its
//! files are never asked for again, and a server that cannot be reached does not keep it from being served. Everything else
//! is compared with what is there, and fails with its server.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::cache::Cache;
use crate::error::RegistryError;
use crate::fetching::{Fetching, off_thread};
use crate::http::Http;
use crate::location::{Location, Pointed, digest};
use crate::progress::Progress;
use crate::secret::printable;
use crate::settings::Settings;
use crate::source::Source;
use crate::store::{Place, Store, Version};
use crate::uri::{ModelUri, Which};

/// A version may be of a logged model, and that of nothing further.
const DEEPEST: usize = 4;

/// Finds and fetches models.
pub struct Registry {
    settings: Settings,
    /// MLflow's default place, where it is there.
    default: Option<Place>,
    http: Http,
}

/// What a model URI points at, at the time it was asked. Two are equal where they are the same model: an alias that moved
/// makes them differ, another alias of the same version does not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pinned {
    /// The registered model's name, where it is one.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<u64>,
    /// The aliases that point at that version.
    pub aliases: Vec<String>,
    /// The version's stage, where it has one.
    pub stage: Option<String>,
    location: Location,
    /// What its folder is called.
    label: String,
    /// Whether what is at the location never changes.
    immutable: bool,
    /// What the URI is called in the cache, where it always means the same.
    pin: Option<String>,
}

/// A model's directory on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFolder {
    /// The directory, with an `MLmodel` in it unless the URI named a local one.
    pub path: PathBuf,
    /// All files together, in bytes; none for a local directory, which is used as it is.
    pub bytes: Option<u64>,
    /// Whether nothing of it had to be downloaded.
    pub cached: bool,
}

// === impl Pinned ===

impl Pinned {
    fn at(location: Location) -> Self {
        Self {
            name: None,
            version: None,
            aliases: Vec::new(),
            stage: None,
            location,
            label: String::new(),
            immutable: false,
            pin: None,
        }
    }

    fn of(version: &Version, location: Location) -> Self {
        Self {
            name: Some(version.name.clone()),
            version: Some(version.number),
            aliases: version.aliases.clone(),
            stage: version.stage.clone().filter(|stage| stage != "None"),
            immutable: true,
            ..Self::at(location)
        }
    }

    /// Whether its files are the same for ever, so that fetching them again brings nothing new.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        self.immutable
    }

    /// The directory, where it is one of this machine: it is used in place.
    #[must_use]
    pub fn local(&self) -> Option<&Path> {
        match &self.location {
            Location::Local(path) => Some(path),
            _ => None,
        }
    }
}

impl PartialEq for Pinned {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.version, &self.location) == (&other.name, other.version, &other.location)
    }
}

impl Eq for Pinned {}

impl std::fmt::Display for Pinned {
    /// The name and version, and where the files are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.name, self.version) {
            (Some(name), Some(version)) => {
                write!(f, "version {version} of model `{}` at {}", printable(name), self.location)
            }
            _ => write!(f, "{}", self.location),
        }
    }
}

// === impl Registry ===

impl Registry {
    /// Asks nobody yet. `directory` is where `./mlruns` is looked for when the settings name no tracking server.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Setting`] where certificates or credentials cannot be used. An address that cannot be used is said
    /// by the first URI that needs it.
    pub fn new(settings: Settings, directory: &Path) -> Result<Self, RegistryError> {
        let servers: Vec<Url> = [&settings.tracking_uri, &settings.registry_uri]
            .into_iter()
            .flatten()
            .filter_map(|text| Place::of("", text).ok()?.server().cloned())
            .collect();
        let http = Http::new(&settings, &servers)?;
        Ok(Self { default: Place::default_in(directory), http, settings })
    }

    /// Where runs and logged models are.
    fn tracking_place(&self) -> Result<Place, RegistryError> {
        match self.settings.tracking_uri.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Place::of("MLFLOW_TRACKING_URI", text),
            None => self.default.clone().ok_or_else(nowhere),
        }
    }

    /// Where registered models are.
    fn models_place(&self) -> Result<Place, RegistryError> {
        match self.settings.registry_uri.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Place::of("MLFLOW_REGISTRY_URI", text),
            None => self.tracking_place(),
        }
    }

    fn tracking(&self) -> Result<Store<'_>, RegistryError> {
        Ok(self.tracking_place()?.store(&self.http))
    }

    /// The tracking server's address, where it is a server.
    fn server(&self) -> Option<Url> {
        self.tracking_place().ok()?.server().cloned()
    }

    /// What `uri` points at now. A few small questions to the server; nothing is downloaded.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] where there is no such model, or no server that could say so.
    pub async fn resolve(&self, uri: &ModelUri) -> Result<Pinned, RegistryError> {
        let pin = self.pin(uri);
        match self.pinned(uri).await {
            Ok(pinned) => Ok(Pinned { pin, label: uri.label(), ..pinned }),
            Err(error) if error.is_outage() => {
                let Some(pinned) = pin.and_then(|pin| self.cache().ok()?.recall::<Pinned>("pins", &pin))
                else {
                    return Err(error);
                };
                tracing::warn!(%uri, %error, "the server cannot say what this is; it is taken from the cache");
                Ok(pinned)
            }
            Err(error) => Err(error),
        }
    }

    /// What a URI that always means the same is called in the cache.
    fn pin(&self, uri: &ModelUri) -> Option<String> {
        let place = match uri {
            ModelUri::Registered { which: Which::Version(_), .. } => self.models_place().ok()?,
            ModelUri::Run { .. } | ModelUri::Logged { .. } => self.tracking_place().ok()?,
            _ => return None,
        };
        Some(digest(format!("{place} {uri}").as_bytes()))
    }

    async fn pinned(&self, uri: &ModelUri) -> Result<Pinned, RegistryError> {
        match uri {
            ModelUri::Local(path) => Ok(Pinned::at(Location::Local(path.clone()))),
            ModelUri::Bucket(address) => Ok(Pinned::at(Location::Bucket(address.expose().to_string()))),
            ModelUri::Archive(address) => Ok(Pinned::at(Location::Archive(address.expose().to_string()))),
            ModelUri::Artifacts { server, path } => {
                let tracking = self.tracking_place()?;
                Ok(Pinned::at(Location::proxied(server.as_deref(), path, tracking.server())?))
            }
            ModelUri::Logged { .. } | ModelUri::Run { .. } => {
                let location = self.follow(uri.clone()).await?;
                Ok(Pinned { immutable: true, ..Pinned::at(location) })
            }
            ModelUri::Registered { name, which, path } => {
                let place = self.models_place()?;
                let store = place.store(&self.http);
                let version = match which {
                    Which::Version(number) => store.version(name, *number).await?,
                    Which::Latest => store.latest(name, None).await?,
                    Which::Stage(stage) => store.latest(name, Some(stage)).await?,
                    Which::Alias(alias) => store.by_alias(name, alias).await?,
                };
                if let Some(status) = version.status.as_deref().filter(|status| *status != "READY") {
                    return Err(RegistryError::Answer {
                        server: format!("`{place}`"),
                        what: format!("the question for {uri}"),
                        problem: format!("version {} is not ready: {}", version.number, printable(status)),
                    });
                }
                let location = self.located(&version.source).await?.join(path)?;
                Ok(Pinned::of(&version, location))
            }
        }
    }

    /// The place that an artifact URI of the server's leads to in the end.
    async fn located(&self, text: &str) -> Result<Location, RegistryError> {
        match Location::of(text, self.server().as_ref())? {
            Pointed::At(location) => Ok(location),
            Pointed::To(uri) => self.follow(uri).await,
        }
    }

    /// The place that a run's or a logged model's URI leads to.
    async fn follow(&self, uri: ModelUri) -> Result<Location, RegistryError> {
        let mut next = uri;
        for _ in 0..DEEPEST {
            let (source, below) = match &next {
                ModelUri::Logged { id } => (self.tracking()?.logged_model(id).await?, String::new()),
                ModelUri::Run { run, path } => self.logged(run, path).await?,
                other => {
                    return Err(RegistryError::Uri {
                        uri: other.to_string(),
                        problem: "is what the server says a model is made of, and no place".to_owned(),
                        hint: "register the model from `runs:/` or `models:/m-ID`".to_owned(),
                    });
                }
            };
            match Location::of(&source, self.server().as_ref())? {
                Pointed::At(location) => return location.join(&below),
                Pointed::To(uri) => next = uri,
            }
        }
        Err(RegistryError::Answer {
            server: self.server().as_ref().map(crate::http::server).unwrap_or_default(),
            what: format!("the question for {next}"),
            problem: "one model URI leads to another, without end".to_owned(),
        })
    }

    /// Where the run's model `path` is, and what of the path is below that. From MLflow 3 on a model that a run logged is
    /// not among the run's artifacts; where both are there, MLflow takes the model.
    async fn logged(&self, run: &str, path: &str) -> Result<(String, String), RegistryError> {
        let store = self.tracking()?;
        let run = store.run(run).await?;
        let (name, below) = path.split_once('/').unwrap_or((path, ""));
        match store.logged_by(&run, name).await? {
            Some(model) => Ok((model, below.to_owned())),
            None => Ok((run.artifacts, path.to_owned())),
        }
    }

    fn cache(&self) -> Result<Cache, RegistryError> {
        match &self.settings.cache {
            Some(folder) => Cache::open(folder),
            None => Err(RegistryError::Setting {
                what: "the environment".to_owned(),
                problem: "names no folder to keep downloaded models in".to_owned(),
                hint: "set MLHOST_CACHE_DIR, XDG_CACHE_HOME or HOME".to_owned(),
            }),
        }
    }

    /// The model's files as a directory: a local one as it is, any other in the cache, every byte of it checked.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] where they cannot be had, or are not what they were announced as.
    pub async fn fetch(
        &self,
        pinned: &Pinned,
        progress: &dyn Progress,
    ) -> Result<ModelFolder, RegistryError> {
        if let Some(path) = pinned.local() {
            return Ok(ModelFolder { path: path.to_owned(), bytes: None, cached: true });
        }
        let cache = self.cache()?;
        let key = pinned.location.key();
        let _lock = cache.lock(&key).await?;
        let before = cache.manifest(&key);
        if let Some(manifest) = before.as_ref().filter(|_| pinned.immutable)
            && let Some(path) = off_thread({
                let (cache, manifest, label) = (cache.clone(), manifest.clone(), pinned.label.clone());
                move || Ok(cache.folder(&manifest, &label))
            })
            .await?
        {
            self.remember(&cache, pinned)?;
            return Ok(ModelFolder { path, bytes: Some(manifest.bytes()), cached: true });
        }
        let fetching = Fetching {
            source: &Source::open(&pinned.location, &self.http, &self.settings)?,
            cache: &cache,
            key: &key,
            before: before.as_ref(),
            settings: &self.settings,
            progress,
        };
        let manifest = match &pinned.location {
            Location::Archive(_) => fetching.unpacked().await?,
            _ => fetching.downloaded().await?,
        };
        if !manifest.has("MLmodel") {
            return Err(RegistryError::NotAModel {
                location: pinned.location.to_string(),
                found: manifest.top(),
            });
        }
        let path = off_thread({
            let (cache, manifest, label) = (cache.clone(), manifest.clone(), pinned.label.clone());
            move || cache.assemble(&manifest, &label)
        })
        .await?;
        let cached = before.as_ref().is_some_and(|before| before.id() == manifest.id());
        cache.remember("locations", &key, &manifest)?;
        self.remember(&cache, pinned)?;
        Ok(ModelFolder { path, bytes: Some(manifest.bytes()), cached })
    }

    /// Keeps what a URI means that always means the same, for when the server cannot say it.
    fn remember(&self, cache: &Cache, pinned: &Pinned) -> Result<(), RegistryError> {
        match &pinned.pin {
            Some(pin) => cache.remember("pins", pin, pinned),
            None => Ok(()),
        }
    }
}

fn nowhere() -> RegistryError {
    RegistryError::Setting {
        what: "`MLFLOW_TRACKING_URI`".to_owned(),
        problem: "is not set, and there is no `mlruns` folder here".to_owned(),
        hint: "set it to the address of the MLflow server, such as `http://127.0.0.1:5000`; a database is served by \
               `mlflow server --backend-store-uri sqlite:///mlflow.db`"
            .to_owned(),
    }
}
