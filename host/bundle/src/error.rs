//! What can be wrong with a bundle.
//!
//! All of it is found at start, none while serving: the command line prints the message and, beneath it,
//! [`BundleError::hint`]. Messages name files by path and quote the bundle's own words, so they are for the
//! operator and never for a client.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mlhost_wire::signature::SignatureError;

use crate::conversion;

/// A bundle that cannot be served, and why.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The path is not there or cannot be entered.
    #[error("cannot open the model directory `{}`: {source}", shown(path))]
    Directory {
        /// As it was given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path is there and is something else, such as the `.onnx` file itself.
    #[error("`{}` is not a directory", shown(path))]
    NotADirectory {
        /// As it was given.
        path: PathBuf,
    },
    /// The directory was not written by MLflow or mlhost.
    #[error("`{}` is no model directory: it has no file `MLmodel`", shown(directory))]
    NoModelFile {
        /// The directory.
        directory: PathBuf,
    },
    /// MLmodel is no YAML, or not of MLmodel's shape, or names an unknown key of the flavor `mlhost`.
    #[error("`{}`{}: {message}", shown(path), Place(*position))]
    Malformed {
        /// The MLmodel file.
        path: PathBuf,
        /// Where in it, when known.
        position: Option<Position>,
        /// What is wrong there.
        message: String,
    },
    /// The signature's JSON texts are wrong.
    #[error("`{}`: in `signature`: {source}", shown(path))]
    Signature {
        /// The MLmodel file.
        path: PathBuf,
        /// What is wrong.
        source: SignatureError,
    },
    /// The model is of another kind, such as a pickled scikit-learn estimator.
    #[error("`{}` has neither flavor `onnx` nor flavor `mlhost`; it has {}", shown(path), quoted(found))]
    UnservableFlavors {
        /// The MLmodel file.
        path: PathBuf,
        /// The flavors it does have.
        found: Vec<String>,
    },
    /// There is a flavor that could be served, but it names nothing.
    #[error("`{}` names no graph and no component", shown(path))]
    NothingToServe {
        /// The MLmodel file.
        path: PathBuf,
    },
    /// Without a component there must be one graph: the answer is that graph's.
    #[error("`{}` names the graphs {} and no component that chooses among them", shown(path), quoted(graphs))]
    SeveralGraphs {
        /// The MLmodel file.
        path: PathBuf,
        /// The graphs' names.
        graphs: Vec<String>,
    },
    /// A path in MLmodel that leaves the model directory or is none.
    #[error("the path `{}` of {what} {problem}", printable(path))]
    Path {
        /// What MLmodel names by it, such as "graph `iris`".
        what: String,
        /// As MLmodel has it.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// MLmodel names a file that is not there.
    #[error("the file `{}` of {what} is not in the model directory `{}`", printable(path), shown(directory))]
    Missing {
        /// What MLmodel names by it, such as "graph `iris`".
        what: String,
        /// As MLmodel has it.
        path: String,
        /// The model directory.
        directory: PathBuf,
    },
    /// A file, or all artifacts together, over what the host is willing to hold in memory.
    #[error("{what} has {bytes} bytes or more, {limit} are allowed")]
    TooLarge {
        /// Which file, or which files together.
        what: String,
        /// The size found.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A file that is there and cannot be read.
    #[error("cannot read `{}`: {source}", shown(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A word that is not of its kind: a size, a time, a grant, a media type, a name.
    #[error("`{}` is no {kind}: {rule}{}", printable(text), did_you_mean(suggestion.as_deref()))]
    Word {
        /// What it should have been.
        kind: &'static str,
        /// The word.
        text: String,
        /// How such words are written.
        rule: &'static str,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// The bundle asks for more than the operator allows.
    #[error("the bundle asks for {} that {} not allowed", quoted(missing), if missing.len() == 1 { "is" } else { "are" })]
    NotAllowed {
        /// What is asked and not allowed, as `--allow` spells it.
        missing: Vec<String>,
    },
}

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The character in it.
    pub column: u64,
}

/// ` line 3, column 5`, or nothing.
struct Place(Option<Position>);

/// `text` with what a reader cannot see escaped: a bundle's words must not write control sequences to a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            printable.extend(c.escape_unicode());
        } else {
            printable.push(c);
        }
    }
    printable
}

/// Control characters, and those that turn the direction of the text around them: with either, a word can look like
/// another one.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

fn quoted(words: &[String]) -> String {
    if words.is_empty() {
        return "none".to_owned();
    }
    words.iter().map(|word| format!("`{}`", printable(word))).collect::<Vec<_>>().join(", ")
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |word| format!(" (did you mean `{}`?)", printable(word)))
}

// === impl BundleError ===

impl BundleError {
    /// What to do about it, where the message does not say so already.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Directory { .. } | Self::NotADirectory { .. } | Self::NoModelFile { .. } => Some(
                "name the directory that holds the file `MLmodel`, as `mlflow.onnx.save_model` writes it"
                    .into(),
            ),
            Self::UnservableFlavors { path, found } => Some(conversion::hint(path, found)),
            Self::NothingToServe { .. } => Some(
                "name a graph under `flavors.mlhost.graphs` or a component under `flavors.mlhost.component`"
                    .into(),
            ),
            Self::SeveralGraphs { .. } => {
                Some("name one graph under `flavors.mlhost.graphs`, or a component that chooses".into())
            }
            Self::Path { .. } | Self::Missing { .. } => {
                Some("paths in MLmodel are relative to its directory and stay inside it".into())
            }
            Self::NotAllowed { missing } => {
                let flags: Vec<String> =
                    missing.iter().map(|grant| format!("--allow {}", shell_word(grant))).collect();
                Some(format!("if you trust the bundle with it, start with `{}`", flags.join(" ")))
            }
            Self::Malformed { .. }
            | Self::Signature { .. }
            | Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::Word { .. } => None,
        }
    }

    /// Whether a file that MLmodel names cannot be had.
    pub(crate) fn is_of_a_file(&self) -> bool {
        matches!(self, Self::Path { .. } | Self::Missing { .. } | Self::Unreadable { .. })
    }

    /// Where in the model directory to look.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Directory { .. } | Self::NotADirectory { .. } => "the directory".to_owned(),
            Self::Malformed { position, .. } => format!("MLmodel{}", Place(*position)),
            Self::Signature { .. } => "MLmodel, `signature`".to_owned(),
            Self::NoModelFile { .. } => "MLmodel".to_owned(),
            Self::UnservableFlavors { .. } | Self::NothingToServe { .. } | Self::SeveralGraphs { .. } => {
                "MLmodel, `flavors`".to_owned()
            }
            Self::Path { what, .. } | Self::Missing { what, .. } => what.clone(),
            Self::TooLarge { what, .. } => what.clone(),
            Self::Unreadable { path, .. } => format!("the file `{}`", shown(path)),
            Self::Word { .. } | Self::NotAllowed { .. } => "MLmodel, `flavors.mlhost`".to_owned(),
        }
    }
}

/// `word` as a POSIX shell takes it back.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

// === impl Place ===

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Position { line, column }) => write!(f, " line {line}, column {column}"),
            None => Ok(()),
        }
    }
}
