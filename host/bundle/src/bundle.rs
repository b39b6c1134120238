//! A checked bundle: what there is to serve and under which conditions.
//!
//! `host` opens one at start. Opening reads MLmodel alone and looks at the files it names; their contents are read
//! by [`Bundle::read_component`] and [`Bundle::read_artifacts`], graphs by ONNX Runtime. Never changes a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mlhost_wire::dialect::Interface;
use mlhost_wire::signature::Signature;

use crate::directory::{self, ModelDirectory};
use crate::error::BundleError;
use crate::grant::Grant;
use crate::model_file::{
    AskedBatching, AskedLimits, EntryName, Flavors, MlhostFlavor, ModelFile, PythonArtifact,
};

/// The name of the file that makes a directory a model.
const MODEL_FILE: &str = "MLmodel";
/// Over 10,000 columns fit.
const MODEL_FILE_BYTES: u64 = 4 << 20;
/// Compiled Python with its standard library is about 40 MiB.
const COMPONENT_BYTES: u64 = 256 << 20;
const ARTIFACT_BYTES: u64 = 256 << 20;
const ALL_ARTIFACTS_BYTES: u64 = 1 << 30;

/// A model directory that was checked. All paths are absolute, without links, and inside [`Bundle::directory`].
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// The directory.
    pub directory: PathBuf,
    /// The directory's own name, or its parent's where that is `artifacts`; what the model is called unless the
    /// operator says otherwise.
    pub name: String,
    /// The user's code; without it the one graph is served as it is.
    pub component: Option<PathBuf>,
    /// By name, in order; exactly one where there is no component.
    pub graphs: Vec<GraphSource>,
    /// By name, in order.
    pub artifacts: Vec<Artifact>,
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
    /// The first thing found wrong, with where it is and, in [`BundleError::hint`], what to do.
    pub fn open(directory: &Path) -> Result<Self, BundleError> {
        let directory = ModelDirectory::open(directory)?;
        let path = model_file(&directory)?;
        let file = ModelFile::parse(&directory::read(&path, MODEL_FILE_BYTES)?, &path)?;
        let signature = signature(&file, &path)?;
        let Flavors { names, mlhost, onnx, python_function } = file.flavors;
        if mlhost.is_none() && onnx.is_none() {
            return Err(BundleError::UnservableFlavors { path, found: names });
        }
        let mlhost = mlhost.unwrap_or_default();
        let python_function = python_function.unwrap_or_default();

        let component =
            mlhost.component.as_deref().map(|file| directory.file("the component", file)).transpose()?;
        let graphs = graphs(&directory, &mlhost, onnx.and_then(|flavor| flavor.data))?;
        if component.is_none() {
            servable_alone(&graphs, &path)?;
        }
        let (artifacts, notes) =
            artifacts(&directory, &mlhost, python_function.artifacts.unwrap_or_default())?;
        let mut raw_media_types: Vec<String> =
            mlhost.accepts.into_iter().map(|media_type| media_type.0).collect();
        raw_media_types.sort();
        raw_media_types.dedup();

        Ok(Self {
            name: name_of(directory.root()),
            directory: directory.root().to_owned(),
            component,
            graphs,
            artifacts,
            interface: Interface { signature, raw_media_types },
            model_config: serde_json::Value::Object(python_function.config.unwrap_or_default()).to_string(),
            grants: mlhost.grants,
            limits: mlhost.limits.into(),
            mlflow_version: file.mlflow_version,
            notes,
        })
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
                let what = "the artifacts together".to_owned();
                return Err(BundleError::TooLarge { what, bytes: total, limit: ALL_ARTIFACTS_BYTES });
            }
            contents.push((name.clone(), content));
        }
        Ok(contents)
    }
}

fn model_file(directory: &ModelDirectory) -> Result<PathBuf, BundleError> {
    directory.file("the model's description", MODEL_FILE).map_err(|error| match error {
        BundleError::Missing { directory, .. } => BundleError::NoModelFile { directory },
        other => other,
    })
}

fn signature(file: &ModelFile, path: &Path) -> Result<Signature, BundleError> {
    let Some(texts) = &file.signature else {
        return Ok(Signature::default());
    };
    Signature::from_mlmodel(texts.inputs.as_deref(), texts.outputs.as_deref(), texts.params.as_deref())
        .map_err(|source| BundleError::Signature { path: path.to_owned(), source })
}

/// Without a component the answer is one graph's, so there must be no choice.
fn servable_alone(graphs: &[GraphSource], path: &Path) -> Result<(), BundleError> {
    match graphs {
        [] => Err(BundleError::NothingToServe { path: path.to_owned() }),
        [_] => Ok(()),
        _ => {
            let graphs = graphs.iter().map(|graph| graph.name.clone()).collect();
            Err(BundleError::SeveralGraphs { path: path.to_owned(), graphs })
        }
    }
}

/// Those of `flavors.mlhost`; where it names none, the one of `flavors.onnx` under its file's stem.
fn graphs(
    directory: &ModelDirectory,
    mlhost: &MlhostFlavor,
    onnx: Option<String>,
) -> Result<Vec<GraphSource>, BundleError> {
    let batching = |name: &str| mlhost.batching.get(name).copied().map(Batching::from).unwrap_or_default();
    if mlhost.graphs.is_empty() {
        let Some(file) = onnx else { return known(mlhost, Vec::new()) };
        let path = directory.file("`flavors.onnx.data`", &file)?;
        // The stem of the path as it is written; a link's target may have any name.
        let stem = Path::new(&file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = EntryName::try_from(stem)?.0;
        return known(mlhost, vec![GraphSource { batching: batching(&name), name, path }]);
    }
    let source = |(EntryName(name), file): (&EntryName, &String)| {
        let path = directory.file(&format!("graph `{name}`"), file)?;
        Ok(GraphSource { name: name.clone(), path, batching: batching(name) })
    };
    known(mlhost, mlhost.graphs.iter().map(source).collect::<Result<_, _>>()?)
}

/// The graphs, once `flavors.mlhost.batching` speaks of no other.
fn known(mlhost: &MlhostFlavor, graphs: Vec<GraphSource>) -> Result<Vec<GraphSource>, BundleError> {
    match mlhost.batching.keys().find(|EntryName(name)| graphs.iter().all(|graph| graph.name != *name)) {
        None => Ok(graphs),
        Some(EntryName(name)) => Err(BundleError::Word {
            kind: "graph of this bundle",
            text: name.clone(),
            rule: "`batching` takes the names in `graphs`, or the file's stem where there are none",
            suggestion: graphs
                .into_iter()
                .map(|graph| graph.name)
                .find(|known| strsim::damerau_levenshtein(known, name) <= 2),
        }),
    }
}

/// Those of `flavors.mlhost`, then those of `flavors.python_function`; and why some of the latter were left out.
fn artifacts(
    directory: &ModelDirectory,
    mlhost: &MlhostFlavor,
    python_function: BTreeMap<String, PythonArtifact>,
) -> Result<(Vec<Artifact>, Vec<String>), BundleError> {
    let artifact = |(EntryName(name), file): (&EntryName, &String)| {
        let path = directory.file(&format!("artifact `{name}`"), file)?;
        Ok(Artifact { name: name.clone(), path })
    };
    let mut artifacts = mlhost.artifacts.iter().map(artifact).collect::<Result<Vec<_>, _>>()?;
    let mut notes = Vec::new();
    for (name, PythonArtifact { path }) in python_function {
        if mlhost.artifacts.contains_key(name.as_str()) {
            continue;
        }
        match python_artifact(directory, name, path.as_deref()) {
            Ok(artifact) => artifacts.push(artifact),
            Err(error) => notes.push(format!("left out of `python_function.artifacts`: {error}")),
        }
    }
    artifacts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((artifacts, notes))
}

/// MLflow lets these be directories and lie anywhere; only files inside the model directory can be handed over.
fn python_artifact(
    directory: &ModelDirectory,
    name: String,
    file: Option<&str>,
) -> Result<Artifact, BundleError> {
    let EntryName(name) = EntryName::try_from(name)?;
    let path = directory.file(&format!("artifact `{name}`"), file.unwrap_or_default())?;
    Ok(Artifact { name, path })
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
