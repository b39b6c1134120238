//! Where files come from: what there is, and one file's bytes from some point on.
//!
//! Used by `download`, which knows what to do when it breaks off. A source keeps nothing.

mod bucket;
mod web;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use url::Url;

use crate::checksum::Promised;
use crate::error::RegistryError;
use crate::http::Http;
use crate::location::Location;
use crate::settings::Settings;

pub(crate) use bucket::Bucket;
use web::Web;

/// A file that a source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteFile {
    /// Below the model, checked.
    pub(crate) path: String,
    /// In bytes, where the listing says so.
    pub(crate) size: Option<u64>,
    /// The listing's word for this version of the file.
    pub(crate) tag: Option<String>,
}

/// Where to begin, and what is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct From<'a> {
    /// The first byte wanted.
    pub(crate) byte: u64,
    /// The version that the bytes before it are of.
    pub(crate) tag: Option<&'a str>,
    /// The version that we have whole: nothing need be sent of it.
    pub(crate) have: Option<&'a str>,
}

/// What came of opening a file.
pub(crate) enum Opened {
    /// It is still the version that we have.
    Unchanged,
    /// It ends before the byte that was asked for.
    Shorter,
    /// Its bytes.
    Body(Body),
}

/// A file's bytes, as they arrive.
pub(crate) struct Body {
    /// The first one's place in the file.
    pub(crate) start: u64,
    /// The whole file's length.
    pub(crate) total: Option<u64>,
    /// Its version.
    pub(crate) tag: Option<String>,
    /// What the whole must hash to.
    pub(crate) promised: Promised,
    /// An error is a connection's end before its time.
    pub(crate) pieces: BoxStream<'static, Result<Bytes, RegistryError>>,
}

/// One model's files, elsewhere.
pub(crate) enum Source<'a> {
    /// MLflow's artifact service, or an archive's server.
    Web(Web<'a>),
    /// An object store.
    Bucket(Bucket),
}

// === impl Source ===

impl<'a> Source<'a> {
    /// Of a location that is not on this machine.
    pub(crate) fn open(
        location: &Location,
        http: &'a Http,
        settings: &Settings,
    ) -> Result<Self, RegistryError> {
        let url = |text: &str| {
            Url::parse(text).map_err(|error| RegistryError::Uri {
                uri: location.to_string(),
                problem: format!("is no address: {error}"),
                hint: "is it what the tracking server should say?".to_owned(),
            })
        };
        Ok(match location {
            Location::Proxied { server, path } => Self::Web(Web::proxied(http, url(server)?, path)),
            Location::Archive(address) => Self::Web(Web::archive(http, url(address)?)),
            Location::Bucket(address) => Self::Bucket(Bucket::open(&url(address)?, settings)?),
            Location::Local(path) => {
                return Err(RegistryError::NotAModel {
                    location: path.display().to_string(),
                    found: Vec::new(),
                });
            }
        })
    }

    /// All files of the model, in the order of their paths.
    pub(crate) async fn list(&self, settings: &Settings) -> Result<Vec<RemoteFile>, RegistryError> {
        let mut files = match self {
            Self::Web(web) => web.list(settings.bounds).await?,
            Self::Bucket(bucket) => bucket.list(settings.bounds).await?,
        };
        files.sort_by(|one, other| one.path.cmp(&other.path));
        if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(RegistryError::Name {
                location: self.to_string(),
                name: pair[0].path.clone(),
                problem: "is there twice",
            });
        }
        Ok(files)
    }

    /// Opens one file. One attempt: `download` tries again.
    pub(crate) async fn get(&self, file: &RemoteFile, from: From<'_>) -> Result<Opened, RegistryError> {
        match self {
            Self::Web(web) => web.get(file, from).await,
            Self::Bucket(bucket) => bucket.get(file, from).await,
        }
    }
}

impl std::fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Web(web) => write!(f, "{web}"),
            Self::Bucket(bucket) => write!(f, "{bucket}"),
        }
    }
}
