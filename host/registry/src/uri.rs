//! The grammar of model URIs, as MLflow has it. Pure: reads no file, asks no server.
//!
//! The command line parses what `-m` was given into a [`ModelUri`]; [`crate::Registry`] says what it points at. What is almost
//! right is refused with what was probably meant.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::RegistryError;
use crate::secret::{Address, printable};

/// What a model URI says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelUri {
    /// A directory of this machine: a plain path or `file:`.
    Local(PathBuf),
    /// `runs:/ID/PATH`: what a run logged.
    Run {
        /// The run.
        run: String,
        /// The model's path in the run's artifacts, or its name.
        path: String,
    },
    /// `models:/NAME/…` and `models:/NAME@ALIAS`: of the model registry.
    Registered {
        /// The registered model.
        name: String,
        /// Which of its versions.
        which: Which,
        /// A path below the version's artifacts; empty for the model itself.
        path: String,
    },
    /// `models:/m-ID`: a logged model, registered or not.
    Logged {
        /// Its identifier, `m-` included.
        id: String,
    },
    /// `mlflow-artifacts:/PATH`: a path in the tracking server's artifacts.
    Artifacts {
        /// `HOST[:PORT]` where the URI names one; else the tracking server.
        server: Option<String>,
        /// The path, without the leading slash.
        path: String,
    },
    /// `s3://`, `gs://`, `az://` and Azure's longer forms: a folder of an object store.
    Bucket(Address),
    /// `http://` and `https://`: an archive.
    Archive(Address),
}

/// Which version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of this number.
    Version(u64),
    /// The newest one.
    Latest,
    /// The newest one in a stage.
    Stage(String),
    /// The one that an alias points at.
    Alias(String),
}

/// Schemes that mean something here.
const SCHEMES: [&str; 15] = [
    "file",
    "runs",
    "models",
    "mlflow-artifacts",
    "s3",
    "s3a",
    "gs",
    "az",
    "azure",
    "abfs",
    "abfss",
    "wasb",
    "wasbs",
    "http",
    "https",
];

/// Schemes that MLflow knows and mlhost does not.
const UNSUPPORTED: [&str; 10] =
    ["dbfs", "ftp", "sftp", "hdfs", "viewfs", "r2", "b2", "uc", "databricks", "databricks-uc"];

/// MLflow's stages, as it spells them.
pub(crate) const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

const MODELS_HINT: &str =
    "write `models:/NAME/VERSION`, `models:/NAME/latest`, `models:/NAME@ALIAS` or `models:/m-ID`";
const RUNS_HINT: &str = "write `runs:/RUN_ID/PATH`, where PATH is what the model was logged as";

// === impl ModelUri ===

impl FromStr for ModelUri {
    type Err = RegistryError;

    /// # Errors
    ///
    /// [`RegistryError::Uri`] says what is wrong with it and how it is written.
    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let refuse = |problem: &str, hint: String| {
            Err(RegistryError::Uri { uri: shown(text), problem: problem.to_owned(), hint })
        };
        if text.is_empty() {
            return refuse("is empty", "write a directory or a model URI".to_owned());
        }
        if text.contains(char::is_control) {
            return refuse("has a control character", "write it on one line".to_owned());
        }
        let Some((scheme, rest)) = split_scheme(text) else { return Ok(Self::Local(PathBuf::from(text))) };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => local(text, rest),
            "runs" => run(text, rest),
            "models" => model(text, rest),
            "mlflow-artifacts" => artifacts(text, rest),
            "http" | "https" => archive(text),
            known if SCHEMES.contains(&known) => bucket(text),
            other if UNSUPPORTED.contains(&other) => refuse(
                &format!("has the scheme `{other}`, which mlhost does not read"),
                "`mlflow artifacts download --artifact-uri URI --dst-path DIR` makes it a directory"
                    .to_owned(),
            ),
            other => match nearest(other, &SCHEMES) {
                Some(meant) => refuse(
                    &format!("has the unknown scheme `{other}`"),
                    format!("did you mean `{meant}:`? a directory of that name is `./{}`", shown(text)),
                ),
                None if rest.starts_with("//") => refuse(
                    &format!("has the unknown scheme `{other}`"),
                    format!("mlhost reads {}", list(&SCHEMES)),
                ),
                // A colon may stand in a directory's name.
                None => Ok(Self::Local(PathBuf::from(text))),
            },
        }
    }
}

impl ModelUri {
    /// A folder's name for the model: what the URI says last that tells models apart.
    pub(crate) fn label(&self) -> String {
        let last = |path: &str| {
            let mut parts = path.rsplit('/').filter(|part| !part.is_empty() && *part != "artifacts");
            parts.next().unwrap_or_default().to_owned()
        };
        let decoded = |address: &Address| {
            let path = percent_decode_str(address.expose().path()).decode_utf8_lossy().into_owned();
            let name = last(&path);
            if name.is_empty() { address.expose().host_str().unwrap_or_default().to_owned() } else { name }
        };
        let text = match self {
            Self::Local(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Run { run, path } if path.is_empty() => run.clone(),
            Self::Run { path, .. } | Self::Artifacts { path, .. } => last(path),
            Self::Registered { name, .. } => name.clone(),
            Self::Logged { id } => id.clone(),
            Self::Bucket(address) => decoded(address),
            Self::Archive(address) => {
                let name = decoded(address);
                let endings = [".tar.gz", ".tgz", ".tar", ".zip"];
                let ending = endings.into_iter().find(|ending| name.to_ascii_lowercase().ends_with(ending));
                name[..name.len() - ending.map_or(0, str::len)].to_owned()
            }
        };
        let plain = |character: char| {
            if character.is_alphanumeric() || "._-".contains(character) { character } else { '_' }
        };
        let label: String = text.trim_start_matches('.').chars().map(plain).take(60).collect();
        if label.is_empty() { "model".to_owned() } else { label }
    }
}

impl fmt::Display for ModelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = |path: &str| if path.is_empty() { String::new() } else { format!("/{path}") };
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Run { run, path } => write!(f, "runs:/{run}{}", below(path)),
            Self::Registered { name, which, path } => write!(f, "models:/{name}{which}{}", below(path)),
            Self::Logged { id } => write!(f, "models:/{id}"),
            Self::Artifacts { server: None, path } => write!(f, "mlflow-artifacts:/{path}"),
            Self::Artifacts { server: Some(server), path } => write!(f, "mlflow-artifacts://{server}/{path}"),
            Self::Bucket(address) | Self::Archive(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(number) => write!(f, "/{number}"),
            Self::Latest => f.write_str("/latest"),
            Self::Stage(stage) => write!(f, "/{stage}"),
            Self::Alias(alias) => write!(f, "@{alias}"),
        }
    }
}

/// `scheme:` and what follows it. One letter alone is no scheme, nor is anything after the first slash.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let mut characters = scheme.chars();
    let is_scheme = scheme.len() > 1
        && characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
    is_scheme.then_some((scheme, rest))
}

fn local(text: &str, rest: &str) -> Result<ModelUri, RegistryError> {
    let refuse = |problem: &str, hint: &str| {
        Err(RegistryError::Uri { uri: shown(text), problem: problem.to_owned(), hint: hint.to_owned() })
    };
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(after) => {
            let (host, _) = after.split_once('/').unwrap_or((after, ""));
            if !host.is_empty() && host != "localhost" {
                let problem = format!("names the host `{}`", printable(host));
                return refuse(&problem, "a file of this machine is `file:///PATH`, with three slashes");
            }
            after.strip_prefix(host).unwrap_or(after)
        }
    };
    if path.is_empty() {
        return refuse("names no path", "write `file:///PATH`");
    }
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    if decoded.contains(&0) {
        return refuse("has a zero byte", "write `file:///PATH`");
    }
    Ok(ModelUri::Local(PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(
        decoded,
    ))))
}

fn run(text: &str, rest: &str) -> Result<ModelUri, RegistryError> {
    let path = absolute(text, "runs", rest, RUNS_HINT)?;
    let (run, path) = path.split_once('/').unwrap_or((path, ""));
    let plain = run.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character));
    if run.is_empty() || !plain {
        let problem = format!("`{}` is no run's identifier", printable(run));
        return Err(RegistryError::Uri { uri: shown(text), problem, hint: RUNS_HINT.to_owned() });
    }
    Ok(ModelUri::Run { run: run.to_owned(), path: relative(text, path)? })
}

fn model(text: &str, rest: &str) -> Result<ModelUri, RegistryError> {
    let refuse = |problem: String, hint: String| Err(RegistryError::Uri { uri: shown(text), problem, hint });
    let path = absolute(text, "models", rest, MODELS_HINT)?;
    let (first, below) = path.split_once('/').map_or((path, None), |(first, below)| (first, Some(below)));
    if first.trim().is_empty() {
        return refuse("names no model".to_owned(), MODELS_HINT.to_owned());
    }
    if let Some((name, alias)) = first.rsplit_once('@') {
        if name.trim().is_empty() || alias.trim().is_empty() {
            return refuse("has no name before or no alias after its `@`".to_owned(), MODELS_HINT.to_owned());
        }
        if below.is_some_and(|below| !below.is_empty() && below.bytes().all(|byte| byte.is_ascii_digit())) {
            let hint =
                format!("write `models:/{name}@{alias}` or `models:/{name}/{}`", below.unwrap_or_default());
            return refuse("has an alias and a version".to_owned(), hint);
        }
        // `latest` is an alias that MLflow keeps for itself.
        let which =
            if alias.eq_ignore_ascii_case("latest") { Which::Latest } else { Which::Alias(alias.to_owned()) };
        return Ok(ModelUri::Registered {
            name: name.to_owned(),
            which,
            path: relative(text, below.unwrap_or_default())?,
        });
    }
    let Some(below) = below.filter(|below| !below.trim().is_empty()) else {
        if first.starts_with("m-") {
            return Ok(ModelUri::Logged { id: first.to_owned() });
        }
        let hint = format!("write `models:/{first}/latest`, a version, or `models:/{first}@ALIAS`");
        return refuse(format!("does not say which version of `{}`", printable(first)), hint);
    };
    let (suffix, path) = below.split_once('/').unwrap_or((below, ""));
    let which = if suffix.bytes().all(|byte| byte.is_ascii_digit()) && !suffix.is_empty() {
        match suffix.parse() {
            Ok(number) => Which::Version(number),
            Err(_) => {
                return refuse(format!("`{}` is no version", printable(suffix)), MODELS_HINT.to_owned());
            }
        }
    } else if suffix.eq_ignore_ascii_case("latest") {
        Which::Latest
    } else if let Some(stage) = STAGES.iter().find(|stage| stage.eq_ignore_ascii_case(suffix)) {
        Which::Stage((*stage).to_owned())
    } else {
        return refuse(
            format!("`{}` is neither a version nor a stage", printable(suffix)),
            suffix_hint(first, suffix),
        );
    };
    Ok(ModelUri::Registered { name: first.to_owned(), which, path: relative(text, path)? })
}

/// What was probably meant by a word that is no version and no stage.
fn suffix_hint(name: &str, suffix: &str) -> String {
    let number = suffix.trim_start_matches(['v', 'V']);
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("did you mean `models:/{name}/{number}`?");
    }
    let lower = suffix.to_ascii_lowercase();
    let words = ["latest", "staging", "production", "archived", "none"];
    match nearest(&lower, &words) {
        Some(meant) => format!("did you mean `models:/{name}/{meant}`?"),
        None => format!("an alias is written `models:/{name}@{}`", printable(suffix)),
    }
}

fn artifacts(text: &str, rest: &str) -> Result<ModelUri, RegistryError> {
    let hint = "write `mlflow-artifacts:/PATH` or `mlflow-artifacts://HOST:PORT/PATH`";
    let refuse = |problem: &str| {
        Err(RegistryError::Uri { uri: shown(text), problem: problem.to_owned(), hint: hint.to_owned() })
    };
    let (server, path) = match rest.strip_prefix("//") {
        Some(after) => {
            let (server, path) = after.split_once('/').unwrap_or((after, ""));
            if server.contains('@') {
                return refuse("has a user or a password in it");
            }
            if !server.is_empty() && server.bytes().all(|byte| byte.is_ascii_digit()) {
                return refuse("names a port and no host");
            }
            (Some(server).filter(|server| !server.is_empty()).map(str::to_owned), path)
        }
        None => match rest.strip_prefix('/') {
            Some(path) => (None, path),
            None => return refuse("has no `/` after its scheme"),
        },
    };
    Ok(ModelUri::Artifacts { server, path: relative(text, path)? })
}

fn bucket(text: &str) -> Result<ModelUri, RegistryError> {
    let refuse = |problem: String| {
        let hint = "write `s3://BUCKET/PATH`, `gs://BUCKET/PATH` or `az://CONTAINER/PATH`".to_owned();
        Err(RegistryError::Uri { uri: shown(text), problem, hint })
    };
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return refuse(error.to_string()),
    };
    if url.host_str().is_none_or(str::is_empty) {
        return refuse("names no bucket".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || url.password().is_some() {
        return refuse(
            "has a password, a query or a fragment, which object stores' URIs have not".to_owned(),
        );
    }
    Ok(ModelUri::Bucket(url.into()))
}

fn archive(text: &str) -> Result<ModelUri, RegistryError> {
    let refuse = |problem: String| {
        let hint =
            "write the address of a .tar.gz, .tgz, .tar or .zip archive of a model directory".to_owned();
        Err(RegistryError::Uri { uri: shown(text), problem, hint })
    };
    match Url::parse(text) {
        Err(error) => refuse(error.to_string()),
        Ok(url) if crate::archive::Format::of(url.path()).is_none() => {
            refuse("names no archive by its file name".to_owned())
        }
        Ok(url) => Ok(ModelUri::Archive(url.into())),
    }
}

/// What follows `scheme:/`.
fn absolute<'a>(text: &str, scheme: &str, rest: &'a str, hint: &str) -> Result<&'a str, RegistryError> {
    let uri = || shown(text);
    match rest.strip_prefix('/') {
        Some(path) if !path.starts_with('/') => Ok(path.trim_end_matches('/')),
        Some(path) => Err(RegistryError::Uri {
            uri: uri(),
            problem: "has two slashes, which would name a server".to_owned(),
            hint: format!("did you mean `{scheme}:/{}`?", shown(path.trim_start_matches('/'))),
        }),
        None if rest.is_empty() => {
            Err(RegistryError::Uri { uri: uri(), problem: "names nothing".to_owned(), hint: hint.to_owned() })
        }
        None => Err(RegistryError::Uri {
            uri: uri(),
            problem: "has no `/` after its scheme".to_owned(),
            hint: format!("did you mean `{scheme}:/{}`?", shown(rest)),
        }),
    }
}

/// A path below something: no empty parts, and none that climbs.
fn relative(text: &str, path: &str) -> Result<String, RegistryError> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| matches!(*part, "." | "..") || part.contains('\\')) {
        return Err(RegistryError::Uri {
            uri: shown(text),
            problem: "has `.`, `..` or `\\` in its path".to_owned(),
            hint: "name the folder itself".to_owned(),
        });
    }
    Ok(parts.join("/"))
}

/// The text without what may be secret.
fn shown(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.password().is_some() || url.query().is_some() => Address::from(url).to_string(),
        _ => printable(text),
    }
}

/// The word among `known` that `word` is one slip away from.
pub(crate) fn nearest<'a, K: AsRef<str>>(word: &str, known: &'a [K]) -> Option<&'a str> {
    let close =
        |known: &&str| strsim::jaro_winkler(word, known) > 0.8 && strsim::osa_distance(word, known) <= 3;
    known.iter().map(AsRef::as_ref).filter(close).min_by_key(|known| strsim::osa_distance(word, known))
}

/// `a`, `b` and `c`.
pub(crate) fn list<K: AsRef<str>>(words: &[K]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{}`", printable(word.as_ref()))).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests;
