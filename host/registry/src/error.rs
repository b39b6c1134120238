//! What can be wrong between a model URI and a directory.
//!
//! For the operator: the command line prints the message and, beneath it, [`RegistryError::hint`]. Messages name servers and
//! files and quote what servers say, bounded and on one line; they never hold a secret.

use std::io;
use std::path::PathBuf;

use crate::uri::list;

/// A model that could not be had, and why.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The URI is not written as model URIs are.
    #[error("the model URI `{uri}` {problem}")]
    Uri {
        /// The URI, without what may be secret.
        uri: String,
        /// What is wrong with it.
        problem: String,
        /// How it is written.
        hint: String,
    },
    /// A setting cannot be used.
    #[error("{what} {problem}")]
    Setting {
        /// Which one, such as "`MLFLOW_TRACKING_URI`".
        what: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// Nobody answers there.
    #[error("cannot reach {server}: {message}")]
    Unreachable {
        /// The server.
        server: String,
        /// The network's words.
        message: String,
    },
    /// The server's certificate, or ours, is not accepted.
    #[error("no trusted connection to {server}: {message}")]
    Tls {
        /// The server.
        server: String,
        /// What TLS says.
        message: String,
    },
    /// 401 or 403.
    #[error("{server} answers {status} to {what}{}", said(message))]
    Denied {
        /// The server.
        server: String,
        /// The status.
        status: u16,
        /// What was asked for.
        what: String,
        /// The server's words.
        message: String,
        /// Whether we said who we are.
        identified: bool,
    },
    /// There is no such model, version, alias, run or file.
    #[error("{server} has no {what}")]
    NotFound {
        /// The server or store.
        server: String,
        /// What was looked for, such as "alias `best` of model `iris`".
        what: String,
        /// What to do, where there is something to say.
        hint: Option<String>,
    },
    /// The server answers, and not as it should.
    #[error("{server} answers {status} to {what}{}", said(message))]
    Status {
        /// The server.
        server: String,
        /// The status.
        status: u16,
        /// What was asked for.
        what: String,
        /// The server's words.
        message: String,
    },
    /// The answer means nothing.
    #[error("{server} answers {what} with something else: {problem}")]
    Answer {
        /// The server.
        server: String,
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The server names a file that must not be written.
    #[error("`{location}` names a file `{name}`, which {problem}")]
    Name {
        /// The place.
        location: String,
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// More than we are willing to download.
    #[error("`{location}` has {what} than are taken: the bound is {bound}")]
    TooMuch {
        /// The place.
        location: String,
        /// Of what.
        what: &'static str,
        /// The bound.
        bound: u64,
    },
    /// A file arrives otherwise than it was announced.
    #[error("`{file}` of {server} is broken: {problem}")]
    Broken {
        /// The file.
        file: String,
        /// The server.
        server: String,
        /// What is wrong.
        problem: String,
    },
    /// There is something, and no model in it.
    #[error("`{location}` is no model directory: it has no file `MLmodel`")]
    NotAModel {
        /// The place.
        location: String,
        /// What it has, as far as it is known.
        found: Vec<String>,
    },
    /// An archive that cannot be read, or holds what archives of models do not.
    #[error("the archive `{archive}` {problem}")]
    Archive {
        /// The archive.
        archive: String,
        /// What is wrong.
        problem: String,
    },
    /// The object store says no.
    #[error("cannot read `{location}`: {message}")]
    Bucket {
        /// The place.
        location: String,
        /// The store's words.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The disk.
    #[error("`{}`: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
}

/// `: ` and the words, or nothing.
fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

// === impl RegistryError ===

impl RegistryError {
    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Uri { hint, .. } | Self::Setting { hint, .. } => Some(hint.clone()),
            Self::NotFound { hint, .. } | Self::Bucket { hint, .. } => hint.clone(),
            Self::Unreachable { .. } => Some(
                "MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI say where MLflow's servers are; is it running, and may this \
                 machine reach it?"
                    .to_owned(),
            ),
            Self::Tls { message, .. } if message.contains("CertificateRequired") => Some(
                "it wants to know us by a certificate: MLFLOW_TRACKING_CLIENT_CERT_PATH names a PEM file with one and its key"
                    .to_owned(),
            ),
            Self::Tls { .. } => Some(
                "MLFLOW_TRACKING_SERVER_CERT_PATH names a PEM file with the authority that signed its certificate"
                    .to_owned(),
            ),
            Self::Denied { identified: false, .. } => Some(
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN".to_owned(),
            ),
            Self::Denied { identified: true, .. } => {
                Some("the credentials of MLFLOW_TRACKING_… are not accepted, or may not read this".to_owned())
            }
            Self::NotAModel { found, .. } if !found.is_empty() => {
                Some(format!("it has {}; name the folder that the model is in", list(found)))
            }
            Self::NotAModel { .. } => Some("nothing is there; is the path what the model was logged as?".to_owned()),
            Self::Broken { .. } => Some("what had arrived is kept: start again to go on".to_owned()),
            Self::Status { .. }
            | Self::Answer { .. }
            | Self::Name { .. }
            | Self::TooMuch { .. }
            | Self::Archive { .. } => None,
            Self::File { .. } => Some(
                "models are kept in the folder `models` of MLHOST_CACHE_DIR, which needs room and is this user's to write; what \
                 had arrived is gone on with"
                    .to_owned(),
            ),
        }
    }

    /// Whether nobody was there to answer, or not able to.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// For `map_err` where a file or folder is at hand.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
