//! What MLflow's stores know: registered models, logged models and runs, whether behind a server or in a folder.
//!
//! Used by [`crate::Registry`]. The two kinds answer alike; only the words of their errors differ.

use std::path::{Path, PathBuf};

use url::Url;

use crate::error::RegistryError;
use crate::file_store::FileStore;
use crate::http::Http;
use crate::rest::Rest;
use crate::secret::{Address, printable};
use crate::uri::ModelUri;

/// One version of a registered model.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) aliases: Vec<String>,
    pub(crate) stage: Option<String>,
    /// `READY`, unless MLflow has not finished making it.
    pub(crate) status: Option<String>,
    /// An artifact URI.
    pub(crate) source: String,
}

/// A run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) experiment: String,
    /// An artifact URI.
    pub(crate) artifacts: String,
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A server, by its address.
    Server(Address),
    /// A folder that MLflow's file store wrote.
    Folder(PathBuf),
}

/// A store that can be asked.
pub(crate) enum Store<'a> {
    Server(Rest<'a>),
    Folder(FileStore),
}

// === impl Place ===

impl Place {
    /// Reads what the variable `variable` says; a relative folder is one below `directory`.
    pub(crate) fn of(variable: &str, text: &str) -> Result<Self, RegistryError> {
        let refuse = |problem: String, hint: &str| {
            Err(RegistryError::Setting { what: format!("`{variable}`"), problem, hint: hint.to_owned() })
        };
        let scheme = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if matches!(scheme.as_str(), "http" | "https") {
            let url = Url::parse(text).ok().filter(Url::has_host);
            return match url {
                Some(url) => Ok(Self::Server(url.into())),
                None => refuse("is no server's address".to_owned(), "write `http://HOST:PORT`"),
            };
        }
        // `sqlite:///…`, `postgresql+psycopg2://user:password@…`: what comes after the scheme may be secret.
        let database = scheme.split('+').next().unwrap_or_default();
        if text.contains(':') && matches!(database, "sqlite" | "postgresql" | "postgres" | "mysql" | "mssql")
        {
            return refuse(
                format!("names a database (`{}:`), which only MLflow itself reads", printable(&scheme)),
                "run `mlflow server --backend-store-uri …` with it, and set MLFLOW_TRACKING_URI to that server's \
                 address, such as `http://127.0.0.1:5000`",
            );
        }
        if database.starts_with("databricks") || database == "uc" {
            return refuse(
                format!("names `{}`, which mlhost does not speak to", printable(database)),
                "`mlflow artifacts download --artifact-uri URI --dst-path DIR` makes a model a directory",
            );
        }
        match text.parse() {
            Ok(ModelUri::Local(folder)) if folder.is_dir() => Ok(Self::Folder(folder)),
            Ok(ModelUri::Local(folder)) => refuse(
                format!("names the folder `{}`, which is not there", folder.display()),
                "write `http://HOST:PORT`, or the path of an `mlruns` folder",
            ),
            Ok(_) | Err(_) => refuse(
                "is neither a server's address nor a folder".to_owned(),
                "write `http://HOST:PORT`, or the path of an `mlruns` folder",
            ),
        }
    }

    /// MLflow's own default, where it is there.
    pub(crate) fn default_in(directory: &Path) -> Option<Self> {
        let folder = directory.join("mlruns");
        folder.is_dir().then_some(Self::Folder(folder))
    }

    /// The address, where it is a server's.
    pub(crate) fn server(&self) -> Option<&Url> {
        match self {
            Self::Server(address) => Some(address.expose()),
            Self::Folder(_) => None,
        }
    }

    pub(crate) fn store<'a>(&self, http: &'a Http) -> Store<'a> {
        match self {
            Self::Server(address) => Store::Server(Rest::new(http, address.expose().clone())),
            Self::Folder(folder) => Store::Folder(FileStore::new(folder.clone())),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server(address) => write!(f, "{address}"),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

// === impl Store ===

impl Store<'_> {
    pub(crate) async fn version(&self, name: &str, number: u64) -> Result<Version, RegistryError> {
        match self {
            Self::Server(rest) => rest.version(name, number).await,
            Self::Folder(folder) => folder.version(name, number),
        }
    }

    pub(crate) async fn by_alias(&self, name: &str, alias: &str) -> Result<Version, RegistryError> {
        match self {
            Self::Server(rest) => rest.by_alias(name, alias).await,
            Self::Folder(folder) => folder.by_alias(name, alias),
        }
    }

    /// The newest version, or the newest in a stage.
    pub(crate) async fn latest(&self, name: &str, stage: Option<&str>) -> Result<Version, RegistryError> {
        match self {
            Self::Server(rest) => rest.latest(name, stage).await,
            Self::Folder(folder) => folder.latest(name, stage),
        }
    }

    /// The artifact URI of a logged model.
    pub(crate) async fn logged_model(&self, id: &str) -> Result<String, RegistryError> {
        match self {
            Self::Server(rest) => rest.logged_model(id).await,
            Self::Folder(folder) => folder.logged_model(id),
        }
    }

    pub(crate) async fn run(&self, id: &str) -> Result<Run, RegistryError> {
        match self {
            Self::Server(rest) => rest.run(id).await,
            Self::Folder(folder) => folder.run(id),
        }
    }

    /// The artifact URI of the model that `run` logged as `name`; none where it logged none, or where MLflow is older than
    /// logged models.
    pub(crate) async fn logged_by(&self, run: &Run, name: &str) -> Result<Option<String>, RegistryError> {
        match self {
            Self::Server(rest) => rest.logged_by(run, name).await,
            Self::Folder(folder) => folder.logged_by(run, name),
        }
    }
}
