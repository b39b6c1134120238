//! From a component, graphs and what belongs to them to a model directory as MLflow knows them.
//!
//! Called by `cli::package`. The directory is made beside its final place, opened as `serve` opens it, and moved there as a
//! whole: nobody ever sees half of it. Never replaces what is no model directory.

use std::fs;
use std::path::{Component, Path, PathBuf};

use mlhost_bundle::{Bundle, BundleError};

use crate::inspect::{InspectError, inspect};

mod external_data;
mod infer;
mod mlmodel;
mod place;
mod signature;

use mlmodel::ModelFile;

/// What goes into a model directory.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The user's code; without it there is one graph, which MLflow serves, too.
    pub component: Option<PathBuf>,
    /// ONNX files by name.
    pub graphs: Vec<(String, PathBuf)>,
    /// Other files by name.
    pub artifacts: Vec<(String, PathBuf)>,
    /// The signature's JSON, or the path of a file with it.
    pub signature: Option<String>,
    /// A request's body.
    pub example: Option<PathBuf>,
    /// Media types that the component takes as they come.
    pub accepts: Vec<String>,
    /// What the model is called; else as its directory is.
    pub name: Option<String>,
}

/// Why there is no model directory.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A part cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The directory cannot be written.
    #[error(
        "cannot write `{}`\nhint: the folder that it is to be in needs room and is this user's to write; nothing is left there",
        path.display()
    )]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// There is something there already.
    #[error("`{}` is there already\nhint: `--force` replaces it", .0.display())]
    Exists(PathBuf),
    /// There is something there already that nobody would want replaced.
    #[error("`{}` is there already and is no model directory: it is not replaced", .0.display())]
    NoModel(PathBuf),
    /// The component is none, or is none that can be served.
    #[error("`{}` cannot be served", path.display())]
    Component {
        /// The file.
        path: PathBuf,
        /// What it is.
        source: InspectError,
    },
    /// A component that mlhost has not all imports for, or that exports something else.
    #[error("`{path}` cannot be served\nhint: `mlhost inspect {path}` says what it lacks", path = .0.display())]
    Unservable(PathBuf),
    /// The signature is not as MLflow spells signatures.
    #[error("the signature cannot be used: {0}")]
    Signature(String),
    /// The example is no request.
    #[error("the example `{}` cannot be used: {message}", path.display())]
    Example {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A graph keeps its weights where they cannot be copied from.
    #[error("graph `{graph}` keeps weights in `{location}`, which is no path beneath its own folder")]
    ExternalData {
        /// The graph's name.
        graph: String,
        /// The path that it names.
        location: String,
    },
    /// The parts do not make a bundle.
    #[error("{error}{hint}", error = .0, hint = .0.hint().map_or_else(String::new, |hint| format!("\nhint: {hint}")))]
    Bundle(BundleError),
    /// Without a component there is no choice among graphs.
    #[error("without a component there is one graph to serve, found {}\nhint: name one `--model`, or a `--component` that chooses", .0.join(", "))]
    Choice(Vec<String>),
}

/// A directory being filled.
struct Filling<'a> {
    root: &'a Path,
}

/// Writes `parts` as the model directory `output`; `replace` says whether one that is there makes room.
///
/// # Errors
///
/// [`PackageError`] says what is wrong with which part; `output` is as it was then.
pub fn package(parts: &Parts, output: &Path, replace: bool) -> Result<Bundle, PackageError> {
    if parts.component.is_none() && parts.graphs.len() != 1 {
        return Err(PackageError::Choice(parts.graphs.iter().map(|(name, _)| name.clone()).collect()));
    }
    place::check(output, replace)?;
    let folder = place::parent(output);
    fs::create_dir_all(folder).map_err(|source| PackageError::Write { path: folder.to_owned(), source })?;
    let unfinished = place::unfinished(folder)?;
    let filling = Filling { root: unfinished.path() };
    filling.fill(parts)?;
    Bundle::open(unfinished.path()).map_err(PackageError::Bundle)?;
    place::put(unfinished, output, replace)?;
    Bundle::open(output).map_err(PackageError::Bundle)
}

// === impl Filling ===

impl Filling<'_> {
    fn fill(&self, parts: &Parts) -> Result<(), PackageError> {
        let mut file =
            ModelFile { name: parts.name.as_deref(), accepts: &parts.accepts, ..ModelFile::default() };
        if let Some(path) = &parts.component {
            let bytes = read(path)?;
            match inspect(&bytes) {
                Ok(inspection) if inspection.servable => {}
                Ok(_) => return Err(PackageError::Unservable(path.clone())),
                Err(source) => return Err(PackageError::Component { path: path.clone(), source }),
            }
            file.component = Some("component.wasm");
            self.write("component.wasm", &bytes)?;
        }
        // MLflow's onnx flavor looks for MLmodel beside the graph.
        let folder = if parts.component.is_some() { "graphs/" } else { "" };
        for (index, (name, path)) in parts.graphs.iter().enumerate() {
            let to = format!("{folder}{}.onnx", plain(name).unwrap_or_else(|| format!("graph-{index}")));
            self.graph(name, path, &to)?;
            file.graphs.push((name.clone(), to));
        }
        for (index, (name, path)) in parts.artifacts.iter().enumerate() {
            let own = path.file_name().and_then(|own| plain(&own.to_string_lossy()));
            let mut to = format!("artifacts/{}", own.unwrap_or_else(|| format!("artifact-{index}")));
            if file.artifacts.iter().any(|(_, taken)| *taken == to) {
                to = format!("artifacts/{index}-{}", to.trim_start_matches("artifacts/"));
            }
            self.copy(path, &to)?;
            file.artifacts.push((name.clone(), to));
        }
        let example = parts.example.as_deref().map(|path| read(path).map(|body| (path, body))).transpose()?;
        file.signature = match (&parts.signature, &example) {
            (Some(given), _) => Some(signature::given(given)?),
            (None, Some((path, body))) => Some(
                infer::from_example(body)
                    .map_err(|message| PackageError::Example { path: path.to_path_buf(), message })?,
            ),
            (None, None) => None,
        };
        if let Some((_, body)) = &example {
            self.write(mlmodel::EXAMPLE, body)?;
            file.example = true;
        }
        file.bytes = bytes_in(self.root).map_err(|source| self.failed(self.root, source))?;
        self.write("MLmodel", file.text().as_bytes())
    }

    /// The graph, and the files beside it that it keeps weights in.
    fn graph(&self, name: &str, from: &Path, to: &str) -> Result<(), PackageError> {
        let bytes = read(from)?;
        self.write(to, &bytes)?;
        for location in external_data::locations(&bytes) {
            let relative = Path::new(&location);
            if location.is_empty() || !relative.components().all(|part| matches!(part, Component::Normal(_)))
            {
                return Err(PackageError::ExternalData { graph: name.to_owned(), location });
            }
            let beside = |path: &Path| path.parent().unwrap_or(Path::new("")).join(relative);
            let target = beside(Path::new(to));
            if self.root.join(&target).exists() {
                return Err(PackageError::ExternalData { graph: name.to_owned(), location });
            }
            self.copy(&beside(from), &target.to_string_lossy())?;
        }
        Ok(())
    }

    fn write(&self, to: &str, bytes: &[u8]) -> Result<(), PackageError> {
        let path = self.room_for(to)?;
        fs::write(&path, bytes).map_err(|source| self.failed(&path, source))
    }

    fn copy(&self, from: &Path, to: &str) -> Result<(), PackageError> {
        let unreadable = |source| PackageError::Read { path: from.to_owned(), source };
        let mut file = fs::File::open(from).map_err(unreadable)?;
        let path = self.room_for(to)?;
        let mut copy = fs::File::create(&path).map_err(|source| self.failed(&path, source))?;
        std::io::copy(&mut file, &mut copy).map_err(unreadable)?;
        Ok(())
    }

    /// The path in the directory, whose folders are there.
    fn room_for(&self, to: &str) -> Result<PathBuf, PackageError> {
        let path = self.root.join(to);
        let folder = path.parent().unwrap_or(self.root);
        fs::create_dir_all(folder).map_err(|source| self.failed(folder, source))?;
        Ok(path)
    }

    #[expect(clippy::unused_self, reason = "only what is written in the directory fails so")]
    fn failed(&self, path: &Path, source: std::io::Error) -> PackageError {
        PackageError::Write { path: path.to_owned(), source }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PackageError> {
    fs::read(path).map_err(|source| PackageError::Read { path: path.to_owned(), source })
}

/// `name` where it can be a file's without quoting anywhere.
fn plain(name: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (name.chars().all(is_plain) && !name.starts_with('.') && (1..=100).contains(&name.len()))
        .then(|| name.to_owned())
}

fn bytes_in(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
