//! All that is wrong with a model directory, found in one go.
//!
//! [`Bundle::open`] is the first of what [`Bundle::check`] finds, so that the two have one set of rules. Reads MLmodel
//! and looks at the files it names; opens none of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlhost_wire::dialect::Interface;
use mlhost_wire::signature::Signature;

use super::{
    ALL_ARTIFACTS_BYTES, ARTIFACT_BYTES, Artifact, Batching, Bundle, COMPONENT_BYTES, EXAMPLE_FILE,
    GraphSource, MODEL_FILE, MODEL_FILE_BYTES,
};
use crate::directory::{self, ModelDirectory};
use crate::error::BundleError;
use crate::model_file::{EntryName, MlhostFlavor, ModelFile, PythonArtifact, SavedExample, SignatureTexts};
use crate::signature;

/// What a model directory is found to be.
#[derive(Debug)]
pub struct Checked {
    /// What there is of it once all that is wrong is left out; `None` where nothing can be said of the rest. Only a bundle
    /// without problems may be served.
    pub bundle: Option<Bundle>,
    /// What has to be mended, in the order in which it was found.
    pub problems: Vec<BundleError>,
}

/// A check under way.
struct Checking {
    directory: ModelDirectory,
    /// MLmodel's own path, for messages.
    path: PathBuf,
    problems: Vec<BundleError>,
}

/// A graph as MLmodel has it.
struct NamedGraph {
    /// How messages call it.
    what: String,
    name: String,
    file: String,
}

// === impl Checked ===

impl Checked {
    pub(super) fn of(directory: &Path) -> Self {
        let opened = ModelDirectory::open(directory).and_then(|directory| {
            let path = model_file(&directory)?;
            let bytes = directory::read(&path, MODEL_FILE_BYTES)?;
            Ok((directory, path, bytes))
        });
        let (directory, path, bytes) = match opened {
            Ok(opened) => opened,
            Err(error) => return Self { bundle: None, problems: vec![error] },
        };
        let (file, problems) = ModelFile::parse_all(&bytes, &path);
        let mut checking = Checking { directory, path, problems };
        let bundle = file.and_then(|file| checking.bundle(file));
        Self { bundle, problems: checking.problems }
    }
}

// === impl Checking ===

impl Checking {
    fn bundle(&mut self, file: ModelFile) -> Option<Bundle> {
        let signature = self.signature(&file.signature.unwrap_or_default());
        let flavors = file.flavors;
        if flavors.mlhost.is_none() && flavors.onnx.is_none() {
            let path = self.path.clone();
            self.problems.push(BundleError::UnservableFlavors { path, found: flavors.names });
            return None;
        }
        let mlhost = flavors.mlhost.unwrap_or_default();
        let python_function = flavors.python_function.unwrap_or_default();

        let component = mlhost.component.as_deref().and_then(|file| self.file("the component", file));
        if let Some(path) = &component {
            self.size(path, COMPONENT_BYTES);
        }
        let graphs = self.graphs(&mlhost, flavors.onnx.and_then(|flavor| flavor.data));
        let mut notes = Vec::new();
        let artifacts = self.artifacts(&mlhost, python_function.artifacts.unwrap_or_default(), &mut notes);
        let example = self.example(file.saved_input_example_info, &mut notes);
        let mut raw_media_types: Vec<String> =
            mlhost.accepts.into_iter().map(|media_type| media_type.0).collect();
        raw_media_types.sort();
        raw_media_types.dedup();

        Some(Bundle {
            name: mlhost.name.map_or_else(|| super::name_of(self.directory.root()), |EntryName(name)| name),
            directory: self.directory.root().to_owned(),
            component,
            graphs,
            artifacts,
            example,
            interface: Interface { signature, raw_media_types },
            model_config: serde_json::Value::Object(python_function.config.unwrap_or_default()).to_string(),
            grants: mlhost.grants,
            limits: mlhost.limits.into(),
            mlflow_version: file.mlflow_version,
            notes,
        })
    }

    /// What `result` holds, or one problem more.
    fn take<T>(&mut self, result: Result<T, BundleError>) -> Option<T> {
        result.map_err(|error| self.problems.push(error)).ok()
    }

    fn file(&mut self, what: &str, relative: &str) -> Option<PathBuf> {
        let found = self.directory.file(what, relative);
        self.take(found)
    }

    /// The file's size, which is a problem over `limit`.
    fn size(&mut self, path: &Path, limit: u64) -> u64 {
        self.take(directory::size(path, limit)).unwrap_or(0)
    }

    /// What is wrong with one column says nothing of the others: each is read by itself where all together cannot be.
    fn signature(&mut self, texts: &SignatureTexts) -> Signature {
        let SignatureTexts { inputs, outputs, params } = texts;
        match Signature::from_mlmodel(inputs.as_deref(), outputs.as_deref(), params.as_deref()) {
            Ok(signature) => signature,
            Err(first) => {
                let each = signature::problems(texts);
                let each = if each.is_empty() { vec![first] } else { each };
                let problem = |source| BundleError::Signature { path: self.path.clone(), source };
                self.problems.extend(each.into_iter().map(problem).collect::<Vec<_>>());
                Signature::default()
            }
        }
    }

    /// Those of `flavors.mlhost`; where it names none, the one of `flavors.onnx` under its file's stem.
    fn graphs(&mut self, mlhost: &MlhostFlavor, onnx: Option<String>) -> Vec<GraphSource> {
        let named = self.named_graphs(mlhost, onnx);
        let names: Vec<String> = named.iter().map(|graph| graph.name.clone()).collect();
        if mlhost.component.is_none() {
            self.servable_alone(&names);
        }
        self.batched(mlhost, &names);
        let batching =
            |name: &str| mlhost.batching.get(name).copied().map(Batching::from).unwrap_or_default();
        let source = |NamedGraph { what, name, file }: NamedGraph| {
            let path = self.file(&what, &file)?;
            Some(GraphSource { batching: batching(&name), name, path })
        };
        named.into_iter().filter_map(source).collect()
    }

    fn named_graphs(&mut self, mlhost: &MlhostFlavor, onnx: Option<String>) -> Vec<NamedGraph> {
        if !mlhost.graphs.is_empty() {
            let graph = |(EntryName(name), file): (&EntryName, &String)| NamedGraph {
                what: format!("graph `{name}`"),
                name: name.clone(),
                file: file.clone(),
            };
            return mlhost.graphs.iter().map(graph).collect();
        }
        let Some(file) = onnx else { return Vec::new() };
        // The stem of the path as it is written; a link's target may have any name.
        let stem = Path::new(&file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let what = "`flavors.onnx.data`".to_owned();
        let graph = self.file(&what, &file).and_then(|_| self.take(EntryName::try_from(stem)));
        graph.map(|EntryName(name)| NamedGraph { what, name, file }).into_iter().collect()
    }

    /// Without a component the answer is one graph's, so there must be no choice.
    fn servable_alone(&mut self, graphs: &[String]) {
        let path = self.path.clone();
        match graphs {
            // Said already where it names a file that is not there.
            [] if self.problems.iter().any(BundleError::is_of_a_file) => {}
            [] => self.problems.push(BundleError::NothingToServe { path }),
            [_] => {}
            _ => self.problems.push(BundleError::SeveralGraphs { path, graphs: graphs.to_vec() }),
        }
    }

    /// `flavors.mlhost.batching` may speak of the graphs there are and of no other.
    fn batched(&mut self, mlhost: &MlhostFlavor, graphs: &[String]) {
        for EntryName(name) in mlhost.batching.keys().filter(|EntryName(name)| !graphs.contains(name)) {
            self.problems.push(BundleError::Word {
                kind: "graph of this bundle",
                text: name.clone(),
                rule: "`batching` takes the names in `graphs`, or the file's stem where there are none",
                suggestion: graphs
                    .iter()
                    .find(|known| strsim::damerau_levenshtein(known, name) <= 2)
                    .cloned(),
            });
        }
    }

    /// Those of `flavors.mlhost`, then those of `flavors.python_function`; and why some of the latter were left out.
    fn artifacts(
        &mut self,
        mlhost: &MlhostFlavor,
        python_function: BTreeMap<String, PythonArtifact>,
        notes: &mut Vec<String>,
    ) -> Vec<Artifact> {
        let mut artifacts = Vec::new();
        for (EntryName(name), file) in &mlhost.artifacts {
            if let Some(path) = self.file(&format!("artifact `{name}`"), file) {
                artifacts.push(Artifact { name: name.clone(), path });
            }
        }
        for (name, PythonArtifact { path }) in python_function {
            if mlhost.artifacts.contains_key(name.as_str()) {
                continue;
            }
            match python_artifact(&self.directory, name, path.as_deref()) {
                Ok(artifact) => artifacts.push(artifact),
                Err(error) => notes.push(format!("left out of `python_function.artifacts`: {error}")),
            }
        }
        artifacts.sort_by(|a, b| a.name.cmp(&b.name));
        let bytes = artifacts.iter().map(|artifact| self.size(&artifact.path, ARTIFACT_BYTES)).sum();
        if bytes > ALL_ARTIFACTS_BYTES {
            self.problems.push(super::all_artifacts_too_large(bytes));
        }
        artifacts
    }

    /// The request that MLflow saved with the model. One that is named and cannot be had is no reason not to serve.
    fn example(&mut self, info: Option<SavedExample>, notes: &mut Vec<String>) -> Option<PathBuf> {
        match info.and_then(|info| info.serving_input_path) {
            Some(named) => {
                let what = "`saved_input_example_info.serving_input_path`";
                let found = self.directory.file(what, &named);
                found.map_err(|error| notes.push(format!("the model has no example: {error}"))).ok()
            }
            None => self.directory.file("the example", EXAMPLE_FILE).ok(),
        }
    }
}

fn model_file(directory: &ModelDirectory) -> Result<PathBuf, BundleError> {
    directory.file("the model's description", MODEL_FILE).map_err(|error| match error {
        BundleError::Missing { directory, .. } => BundleError::NoModelFile { directory },
        other => other,
    })
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
