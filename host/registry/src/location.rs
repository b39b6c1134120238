//! Where a model's files are, once it is known which model: a directory, a server's artifacts, a bucket, an archive.
//!
//! Made by [`crate::Registry`] from a model URI or from what a server answers. Pure.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::error::RegistryError;
use crate::secret::{Address, printable};
use crate::uri::ModelUri;

/// The path of MLflow's artifact service below a server's address.
pub(crate) const SERVICE: &str = "/api/2.0/mlflow-artifacts/artifacts";

/// Where a model's files are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Location {
    /// A directory of this machine.
    Local(PathBuf),
    /// A path in the artifacts that an MLflow server hands out.
    Proxied {
        /// The server's address, without a slash at its end.
        server: String,
        /// The path, without slashes around it.
        path: String,
    },
    /// A folder of an object store.
    Bucket(String),
    /// An archive.
    Archive(String),
}

/// What an artifact URI turned out to be: a place, or another model URI.
pub(crate) enum Pointed {
    At(Location),
    To(ModelUri),
}

// === impl Location ===

impl Location {
    /// Reads an artifact URI that `server` (the tracking server's address, where it is one) gave.
    pub(crate) fn of(text: &str, server: Option<&Url>) -> Result<Pointed, RegistryError> {
        if let Some(location) = Self::proxied_url(text) {
            return Ok(Pointed::At(location));
        }
        Ok(Pointed::At(match text.parse()? {
            ModelUri::Local(path) => Self::Local(path),
            ModelUri::Bucket(address) => Self::Bucket(address.expose().to_string()),
            ModelUri::Archive(address) => Self::Archive(address.expose().to_string()),
            ModelUri::Artifacts { server: named, path } => Self::proxied(named.as_deref(), &path, server)?,
            other => return Ok(Pointed::To(other)),
        }))
    }

    /// `mlflow-artifacts:` of `server`, or of the host `named` in it, by the server's own protocol.
    pub(crate) fn proxied(
        named: Option<&str>,
        path: &str,
        server: Option<&Url>,
    ) -> Result<Self, RegistryError> {
        let Some(server) = server else {
            return Err(RegistryError::Setting {
                what: "`mlflow-artifacts:`".to_owned(),
                problem: "needs a tracking server to read from, and there is none".to_owned(),
                hint: "set MLFLOW_TRACKING_URI to its address, such as `http://localhost:5000`".to_owned(),
            });
        };
        // Who we are is said in a header, and kept nowhere.
        let mut bare = server.clone();
        let _ = bare.set_username("");
        let _ = bare.set_password(None);
        bare.set_query(None);
        bare.set_fragment(None);
        let address = match named {
            None => bare.as_str().trim_end_matches('/').to_owned(),
            Some(host) => format!("{}://{host}{}", server.scheme(), server.path().trim_end_matches('/')),
        };
        Ok(Self::Proxied { server: address, path: path.to_owned() })
    }

    /// The long form that servers before MLflow 1.25 stored: `http://HOST/api/2.0/mlflow-artifacts/artifacts/PATH`.
    fn proxied_url(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let (before, path) = url.path().split_once(SERVICE)?;
        let mut server = url.clone();
        server.set_path(before);
        server.set_query(None);
        server.set_fragment(None);
        let _ = server.set_username("");
        let _ = server.set_password(None);
        let decoded = percent_encoding::percent_decode_str(path.trim_matches('/')).decode_utf8().ok()?;
        Some(Self::Proxied {
            server: server.as_str().trim_end_matches('/').to_owned(),
            path: decoded.into_owned(),
        })
    }

    /// The place `path` below this one.
    pub(crate) fn join(self, path: &str) -> Result<Self, RegistryError> {
        if path.is_empty() {
            return Ok(self);
        }
        let below = |base: &str| {
            let base = base.trim_end_matches('/');
            if base.is_empty() { path.to_owned() } else { format!("{base}/{path}") }
        };
        Ok(match self {
            Self::Local(folder) => Self::Local(folder.join(path)),
            Self::Proxied { server, path: base } => Self::Proxied { server, path: below(&base) },
            Self::Bucket(url) => {
                let mut url = Url::parse(&url).map_err(|error| RegistryError::Uri {
                    uri: without_secrets(&url),
                    problem: format!("is no address: {error}"),
                    hint: "is it what the tracking server should say?".to_owned(),
                })?;
                if let Ok(mut parts) = url.path_segments_mut() {
                    parts.pop_if_empty().extend(path.split('/'));
                }
                Self::Bucket(url.to_string())
            }
            archive @ Self::Archive(_) => {
                return Err(RegistryError::Archive {
                    archive: archive.to_string(),
                    problem: format!("is one model: `{}` below it cannot be named", printable(path)),
                });
            }
        })
    }

    /// What it is called in the cache: 64 hexadecimal digits.
    pub(crate) fn key(&self) -> String {
        let text = match self {
            Self::Local(path) => format!("local {}", path.display()),
            Self::Proxied { server, path } => format!("mlflow {server} {path}"),
            Self::Bucket(url) => format!("bucket {url}"),
            // A presigned URL's signature is another each time; what it signs is not.
            Self::Archive(_) => format!("archive {self}"),
        };
        digest(text.as_bytes())
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Proxied { server, path } => write!(f, "{}{SERVICE}/{path}", without_secrets(server)),
            Self::Bucket(url) | Self::Archive(url) => f.write_str(&without_secrets(url)),
        }
    }
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Location({self})")
    }
}

fn without_secrets(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => Address::from(url).to_string().trim_end_matches('/').to_owned(),
        Err(_) => "an address that cannot be read".to_owned(),
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Location {
        let server = Url::parse("https://tracking:5000/mlflow/").unwrap();
        match Location::of(text, Some(&server)).unwrap() {
            Pointed::At(location) => location,
            Pointed::To(uri) => panic!("{uri}"),
        }
    }

    #[test]
    fn an_artifact_uri_is_read_as_its_server_means_it() {
        let proxied =
            |server: &str, path: &str| Location::Proxied { server: server.to_owned(), path: path.to_owned() };
        assert_eq!(at("mlflow-artifacts:/0/a"), proxied("https://tracking:5000/mlflow", "0/a"));
        assert_eq!(at("mlflow-artifacts://other:1/0/a"), proxied("https://other:1/mlflow", "0/a"));
        assert_eq!(
            at("http://old:5000/api/2.0/mlflow-artifacts/artifacts/0/a%20b"),
            proxied("http://old:5000", "0/a b")
        );
        assert_eq!(at("file:///a/b"), Location::Local(PathBuf::from("/a/b")));
        let below = |path: &str| at("s3://bucket/a").join(path).unwrap();
        assert_eq!(below("b/c"), Location::Bucket("s3://bucket/a/b/c".to_owned()));
        assert_eq!(below("b#c?d"), Location::Bucket("s3://bucket/a/b%23c%3Fd".to_owned()));
    }

    #[test]
    fn a_location_that_is_kept_has_no_password_in_it() {
        let server = Url::parse("https://me:hunter2@tracking:5000").unwrap();
        let location = Location::proxied(None, "0/a", Some(&server)).unwrap();
        assert!(!serde_json::to_string(&location).unwrap().contains("hunter2"));
    }

    #[test]
    fn the_key_of_a_presigned_archive_is_the_archives() {
        let signed = |signature: &str| Location::Archive(format!("https://host/m.zip?sig={signature}"));
        assert_eq!(signed("a").key(), signed("b").key());
        assert!(!format!("{:?} {}", signed("hunter2"), signed("hunter2")).contains("hunter2"));
    }
}
