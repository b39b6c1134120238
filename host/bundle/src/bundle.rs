//! A checked bundle: what there is to serve and under which conditions.
//!
//! `host` opens one at start. Opening reads MLmodel alone and looks at the files it names (`bundle/check.rs`); their
//! contents are read by [`Bundle::read_component`], [`Bundle::read_artifacts`] and [`Bundle::read_example`], graphs by
//! ONNX Runtime. Never changes a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mlhost_wire::dialect::Interface;

use crate::directory;
use crate::error::BundleError;
use crate::grant::Grant;
use crate::model_file::{AskedBatching, AskedLimits};

mod check;

pub use check::Checked;

/// The name of the file that makes a directory a model.
const MODEL_FILE: &str = "MLmodel";
/// Over 10,000 columns fit.
const MODEL_FILE_BYTES: u64 = 4 << 20;
/// Compiled Python with its standard library is about 40 MiB.
const COMPONENT_BYTES: u64 = 256 << 20;
const ARTIFACT_BYTES: u64 = 256 << 20;
const ALL_ARTIFACTS_BYTES: u64 = 1 << 30;
/// Where MLflow saves a request with the model, unless MLmodel says otherwise.
const EXAMPLE_FILE: &str = "serving_input_example.json";
const EXAMPLE_BYTES: u64 = 64 << 20;

/// A model directory that was checked. All paths are absolute, without links, and inside [`Bundle::directory`].
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// The directory.
    pub directory: PathBuf,
    /// What `flavors.mlhost.name` says, else the directory's own name, or its parent's where that is `artifacts`; what the
    /// model is called unless the operator says otherwise.
    pub name: String,
    /// The user's code; without it the one graph is served as it is.
    pub component: Option<PathBuf>,
    /// By name, in order; exactly one where there is no component.
    pub graphs: Vec<GraphSource>,
    /// By name, in order.
    pub artifacts: Vec<Artifact>,
    /// A request's body that was saved with the model.
    pub example: Option<PathBuf>,
    /// What a request may be.
    pub interface: Interface,
    /// MLflow's `model_config`: the text of one JSON object. NaN and infinities, which JSON lacks, are the texts
    /// `.nan`, `.inf` and `-.inf`.
    pub model_config: String,
    /// What the user's code asks to reach outside its sandbox; see [`crate::granted`].
    pub grants: Vec<Grant>,
    /// What the bundle asks for.
    pub limits: Limits,
    /// The MLflow that wrote the directory.
    pub mlflow_version: Option<String>,
    /// What was left out and why, one line each, for the log.
    pub notes: Vec<String>,
}

/// An ONNX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphSource {
    /// How the user's code calls it.
    pub name: String,
    /// The file. Tensors that it keeps in other files are looked up beside it.
    pub path: PathBuf,
    /// How its calls are to be joined.
    pub batching: Batching,
}

/// How calls of a graph are joined into one run, as its bundle asks. `None` where it leaves the choice to mlhost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batching {
    /// Rows of one run, at least 1; 1 joins nothing.
    pub max_rows: Option<u32>,
    /// Elements of all inputs of one run.
    pub max_elements: Option<u64>,
    /// How long a call may wait for others.
    pub max_delay: Option<Duration>,
    /// Calls that may wait; at least 1.
    pub max_queue: Option<usize>,
}

/// A file for the user's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// How the user's code calls it.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

/// What a bundle asks for; the operator has the last word. `None` where it leaves the choice to the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one request's instance.
    pub memory_bytes: Option<u64>,
    /// One request, from its arrival to its answer.
    pub time: Option<Duration>,
    /// What the user's code and the host may copy between them in one request.
    pub data_bytes: Option<u64>,
    /// Requests at once; at least 1.
    pub concurrency: Option<usize>,
}

// === impl Bundle ===

impl Bundle {
    /// Reads `directory`'s MLmodel and checks everything it names.
    ///
    /// # Errors
    ///
    /// The first thing that [`Bundle::check`] finds, with where it is and, in [`BundleError::hint`], what to do.
    pub fn open(directory: &Path) -> Result<Self, BundleError> {
        let Checked { bundle, problems } = Self::check(directory);
        match (problems.into_iter().next(), bundle) {
            (None, Some(bundle)) => Ok(bundle),
            (Some(first), _) => Err(first),
            // A check without a bundle says why.
            (None, None) => Err(BundleError::NoModelFile { directory: directory.to_owned() }),
        }
    }

    /// Finds all that is wrong with a model directory.
    #[must_use]
    pub fn check(directory: &Path) -> Checked {
        Checked::of(directory)
    }

    /// The component's bytes, where there is one.
    ///
    /// # Errors
    ///
    /// [`BundleError::TooLarge`] over 256 MiB, [`BundleError::Unreadable`] where the file is gone by now.
    pub fn read_component(&self) -> Result<Option<Vec<u8>>, BundleError> {
        self.component.as_deref().map(|path| directory::read(path, COMPONENT_BYTES)).transpose()
    }

    /// Every artifact's name and bytes, in the order of [`Bundle::artifacts`].
    ///
    /// # Errors
    ///
    /// [`BundleError::TooLarge`] over 256 MiB for one or 1 GiB for all, [`BundleError::Unreadable`] where a file is
    /// gone by now.
    pub fn read_artifacts(&self) -> Result<Vec<(String, Vec<u8>)>, BundleError> {
        let mut total = 0u64;
        let mut contents = Vec::with_capacity(self.artifacts.len());
        for Artifact { name, path } in &self.artifacts {
            let content = directory::read(path, ARTIFACT_BYTES)?;
            total = total.saturating_add(content.len() as u64);
            if total > ALL_ARTIFACTS_BYTES {
                return Err(all_artifacts_too_large(total));
            }
            contents.push((name.clone(), content));
        }
        Ok(contents)
    }

    /// The request that was saved with the model, where there is one.
    ///
    /// # Errors
    ///
    /// [`BundleError::TooLarge`] over 64 MiB, [`BundleError::Unreadable`] where the file is gone by now.
    pub fn read_example(&self) -> Result<Option<Vec<u8>>, BundleError> {
        self.example.as_deref().map(|path| directory::read(path, EXAMPLE_BYTES)).transpose()
    }
}

fn all_artifacts_too_large(bytes: u64) -> BundleError {
    let what = "the artifacts together".to_owned();
    BundleError::TooLarge { what, bytes, limit: ALL_ARTIFACTS_BYTES }
}

/// MLflow's tracking server keeps logged models in `m-<id>/artifacts`: there the parent's name says more.
fn name_of(directory: &Path) -> String {
    let mut names = directory.iter().rev().map(std::ffi::OsStr::to_string_lossy);
    let name = names.next().filter(|name| name != "/");
    match (name, names.next().filter(|parent| parent != "/")) {
        (Some(own), Some(parent)) if own == "artifacts" => parent.into_owned(),
        (Some(own), _) => own.into_owned(),
        (None, _) => "model".to_owned(),
    }
}

// === impl Limits ===

impl From<AskedBatching> for Batching {
    fn from(asked: AskedBatching) -> Self {
        let AskedBatching { max_rows, max_elements, max_delay, max_queue } = asked;
        Self { max_rows, max_elements, max_delay, max_queue }
    }
}

impl From<AskedLimits> for Limits {
    fn from(asked: AskedLimits) -> Self {
        Self {
            memory_bytes: asked.memory,
            time: asked.time,
            data_bytes: asked.data,
            concurrency: asked.concurrency,
        }
    }
}

#[cfg(test)]
mod tests;
