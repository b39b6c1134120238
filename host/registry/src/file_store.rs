//! MLflow's file store, read directly: an `mlruns` folder with its runs, its logged models and its model registry.
//!
//! Used by `store`. Reads what MLflow 2 and 3 wrote, and never changes anything there.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::RegistryError;
use crate::missing;
use crate::secret::printable;
use crate::store::{Run, Version};

/// A `meta.yaml` is never this large.
const LARGEST: u64 = 1 << 20;

/// An `mlruns` folder.
pub(crate) struct FileStore {
    folder: PathBuf,
}

#[derive(Deserialize)]
struct VersionMeta {
    name: String,
    version: Number,
    current_stage: Option<String>,
    status: Option<String>,
    source: Option<String>,
    storage_location: Option<String>,
}

/// YAML has numbers and texts, and MLflow wrote both.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

#[derive(Deserialize)]
struct RunMeta {
    artifact_uri: String,
    experiment_id: Number,
}

#[derive(Deserialize)]
struct LoggedMeta {
    #[serde(default)]
    name: String,
    artifact_location: String,
    source_run_id: Option<String>,
}

// === impl Number ===

impl Number {
    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

// === impl FileStore ===

impl FileStore {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn server(&self) -> String {
        format!("`{}`", self.folder.display())
    }

    /// The folder of a registered model, which must be there.
    fn registered(&self, name: &str) -> Result<PathBuf, RegistryError> {
        let models = self.folder.join("models");
        let folder = models.join(name);
        if is_name(name) && folder.join("meta.yaml").is_file() {
            return Ok(folder);
        }
        let mut error = missing::model(self.server(), name, &folders(&models));
        if let RegistryError::NotFound { hint, .. } = &mut error
            && self.folder.with_file_name("mlflow.db").is_file()
        {
            *hint = Some(format!(
                "there is a database beside it, where MLflow 3 keeps its registry: run `mlflow server \
                 --backend-store-uri sqlite:///{}` and set MLFLOW_TRACKING_URI to its address",
                self.folder.with_file_name("mlflow.db").display()
            ));
        }
        Err(error)
    }

    fn versions(&self, model: &Path) -> Result<Vec<Version>, RegistryError> {
        let aliases = aliases(model);
        let mut versions = Vec::new();
        for folder in folders(model).iter().filter(|name| name.starts_with("version-")) {
            let path = model.join(folder).join("meta.yaml");
            if !path.is_file() {
                continue;
            }
            let meta: VersionMeta = read(&path)?;
            let Some(number) = meta.version.number() else {
                return Err(malformed(&path, "its `version` is no number"));
            };
            let source = meta.storage_location.filter(|place| !place.is_empty()).or(meta.source);
            versions.push(Version {
                aliases: aliases
                    .iter()
                    .filter(|(_, version)| version.parse() == Ok(number))
                    .map(|(alias, _)| alias.clone())
                    .collect(),
                name: meta.name,
                number,
                stage: meta.current_stage,
                status: meta.status,
                source: source.ok_or_else(|| malformed(&path, "it has no `source`"))?,
            });
        }
        // What was deleted is kept, in a stage that cannot be asked for.
        versions.retain(|version| version.stage.as_deref() != Some("Deleted_Internal"));
        Ok(versions)
    }

    pub(crate) fn version(&self, name: &str, number: u64) -> Result<Version, RegistryError> {
        let versions = self.versions(&self.registered(name)?)?;
        let newest = versions.iter().map(|version| version.number).max();
        let found = versions.into_iter().find(|version| version.number == number);
        found.ok_or_else(|| missing::version(self.server(), name, number, newest))
    }

    pub(crate) fn by_alias(&self, name: &str, alias: &str) -> Result<Version, RegistryError> {
        let aliases = aliases(&self.registered(name)?);
        match aliases.iter().find(|(known, _)| known == alias) {
            Some((_, version)) => match version.parse() {
                Ok(number) => self.version(name, number),
                Err(_) => Err(malformed(&self.folder, &format!("alias `{}` is no number", printable(alias)))),
            },
            None => Err(missing::alias(self.server(), name, alias, &aliases)),
        }
    }

    pub(crate) fn latest(&self, name: &str, stage: Option<&str>) -> Result<Version, RegistryError> {
        let versions = self.versions(&self.registered(name)?)?;
        let mut stages: Vec<String> = versions.iter().filter_map(|version| version.stage.clone()).collect();
        stages.sort();
        stages.dedup();
        let fits = |version: &Version| stage.is_none_or(|stage| version.stage.as_deref() == Some(stage));
        let newest = versions.into_iter().filter(fits).max_by_key(|version| version.number);
        newest.ok_or_else(|| missing::stage(self.server(), name, stage, &stages))
    }

    pub(crate) fn logged_model(&self, id: &str) -> Result<String, RegistryError> {
        if is_name(id) {
            for experiment in folders(&self.folder) {
                let folder = self.folder.join(experiment).join("models").join(id);
                if folder.join("meta.yaml").is_file() {
                    return artifacts(&folder);
                }
            }
        }
        Err(RegistryError::NotFound {
            server: self.server(),
            what: format!("logged model `{}`", printable(id)),
            hint: Some(format!("a registered model is written `models:/{}/latest`", printable(id))),
        })
    }

    pub(crate) fn run(&self, id: &str) -> Result<Run, RegistryError> {
        if is_name(id) {
            for experiment in folders(&self.folder) {
                let folder = self.folder.join(&experiment).join(id);
                let path = folder.join("meta.yaml");
                if path.is_file() {
                    let meta: RunMeta = read(&path)?;
                    return Ok(Run {
                        id: id.to_owned(),
                        experiment: meta.experiment_id.text(),
                        artifacts: moved(meta.artifact_uri, &folder),
                    });
                }
            }
        }
        let what = format!("run `{}`", printable(id));
        Err(RegistryError::NotFound { server: self.server(), what, hint: None })
    }

    pub(crate) fn logged_by(&self, run: &Run, name: &str) -> Result<Option<String>, RegistryError> {
        if !is_name(&run.experiment) {
            return Ok(None);
        }
        let models = self.folder.join(&run.experiment).join("models");
        for id in folders(&models) {
            let path = models.join(&id).join("meta.yaml");
            if !path.is_file() {
                continue;
            }
            let meta: LoggedMeta = read(&path)?;
            if meta.name == name && meta.source_run_id.as_deref() == Some(&run.id) {
                return artifacts(&models.join(&id)).map(Some);
            }
        }
        Ok(None)
    }
}

/// The artifact URI of the logged model whose folder this is.
fn artifacts(folder: &Path) -> Result<String, RegistryError> {
    let meta: LoggedMeta = read(&folder.join("meta.yaml"))?;
    Ok(moved(meta.artifact_location, folder))
}

/// MLflow writes absolute paths. Where the whole folder was moved or mounted elsewhere, the artifacts are still beside their
/// `meta.yaml`.
fn moved(uri: String, folder: &Path) -> String {
    let beside = folder.join("artifacts");
    match uri.parse() {
        Ok(crate::uri::ModelUri::Local(path)) if !path.is_dir() && beside.is_dir() => {
            beside.to_string_lossy().into_owned()
        }
        _ => uri,
    }
}

/// Aliases, each with its version as it is written.
fn aliases(model: &Path) -> Vec<(String, String)> {
    let folder = model.join("aliases");
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    let mut aliases: Vec<_> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let small = entry.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() < LARGEST);
            let version = small.then(|| fs::read_to_string(entry.path()).ok()).flatten()?;
            Some((name, version.trim().to_owned()))
        })
        .collect();
    aliases.sort();
    aliases
}

/// Names of the folders in a folder, in order; none where there is no folder.
fn folders(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// Whether a name from a URI is one folder's name.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, RegistryError> {
    let length = fs::metadata(path).map_err(RegistryError::file(path))?.len();
    if length > LARGEST {
        return Err(malformed(path, "it is larger than MLflow's are"));
    }
    let text = fs::read_to_string(path).map_err(RegistryError::file(path))?;
    serde_saphyr::from_str(&text).map_err(|error| malformed(path, &error.to_string()))
}

fn malformed(path: &Path, problem: &str) -> RegistryError {
    RegistryError::Answer {
        server: format!("`{}`", path.display()),
        what: "the question for a model".to_owned(),
        problem: printable(problem),
    }
}

#[cfg(test)]
mod tests;
