//! One ONNX Runtime session: opened, described, run.
//!
//! `graph.rs` opens it and hands it to its runner, the only one that runs it (`Session::run` takes `&mut self`). Never
//! validates: what reaches [`Execute::execute`] fits the inputs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::Arc;

use mlhost_wire::values::{ElementType, NamedTensor, Tensor};
use ort::environment::Environment;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, Session, SessionOutputs};
use ort::value::{Outlet, TensorElementType, ValueType};

use crate::convert::{self, Maps};
use crate::port::MAP_KEYS_SUFFIX;
use crate::preallocated::{self, Foresight, Names};
use crate::runner::{Execute, Job, Outcome, Switch};
use crate::{GraphInfo, NnError, Port, batch, runtime};

/// A session and what is needed to run it and to name its outputs.
pub(crate) struct GraphSession {
    name: String,
    info: Arc<GraphInfo>,
    /// Where each of the info's outputs comes from.
    sources: Vec<Source>,
    session: Session,
    options: Arc<RunOptions>,
    names: Names,
    foresight: Foresight,
}

/// One output of the info: one of the session's, or a part of it.
#[derive(Clone, Copy)]
struct Source {
    /// Its position among the session's outputs.
    position: usize,
    part: Part,
}

#[derive(Clone, Copy)]
enum Part {
    Tensor,
    /// The numbers of a sequence of maps, with keys of this type.
    MapValues(ElementType),
    /// Its keys.
    MapKeys(ElementType),
}

// === impl GraphSession ===

impl GraphSession {
    /// Opens the model at `path`.
    ///
    /// # Errors
    ///
    /// A text that says what is wrong with the file.
    pub(crate) fn open(
        environment: &Environment,
        name: &str,
        path: &Path,
        intra_op_threads: usize,
    ) -> Result<Self, String> {
        // ONNX Runtime's own words for these are `system error number 13`.
        match std::fs::File::open(path).and_then(|file| file.metadata()) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err("it is no file".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
        let session = commit(environment, path, intra_op_threads)?;
        let inputs = session.inputs().iter().map(input).collect::<Result<_, _>>()?;
        let (mut outputs, mut sources) = (Vec::new(), Vec::new());
        for (position, outlet) in session.outputs().iter().enumerate() {
            for (port, part) in self::outputs(outlet)? {
                if outputs.iter().any(|other: &Port| other.name == port.name) {
                    return Err(format!("two outputs are called `{}`", port.name));
                }
                outputs.push(port);
                sources.push(Source { position, part });
            }
        }
        let options = Arc::new(RunOptions::new().map_err(|error| error.to_string())?);
        let names = Names::of(&session).map_err(|error| error.to_string())?;
        let tensors = sources.iter().all(|source| matches!(source.part, Part::Tensor));
        let foresight = if tensors { Foresight::of(&outputs) } else { Foresight::Never };
        let info = Arc::new(GraphInfo { inputs, outputs });
        Ok(Self { name: name.to_owned(), info, sources, session, options, names, foresight })
    }

    /// The graph's signature.
    pub(crate) fn info(&self) -> Arc<GraphInfo> {
        Arc::clone(&self.info)
    }

    fn run(&mut self, job: &Job) -> Result<Vec<NamedTensor>, String> {
        let text = |error: ort::Error| error.to_string();
        let rows = batch::load(job).and_then(|load| u32::try_from(load.rows).ok());
        let values = job.inputs.iter().map(convert::lend).collect::<ort::Result<Vec<_>>>().map_err(text)?;
        if let (Foresight::Rows(forms), Some(rows)) = (&self.foresight, rows) {
            let call = (values.as_slice(), &*self.options);
            match preallocated::run(&mut self.session, &self.names, call, (forms, rows)) {
                Ok(Some(outputs)) => return Ok(chosen(&job.outputs, &self.info, outputs)),
                Ok(None) => {}
                // For whichever reason: the run below says whether it was the outputs'.
                Err(error) => tracing::debug!(graph = self.name, %error, "its outputs are not as foreseen"),
            }
        }
        // All outputs, whichever are wanted: ONNX Runtime computes them anyway, and options that select outputs
        // cannot be shared with the thread that stops a run.
        let results = self.session.run_with_options(values.as_slice(), &self.options).map_err(text)?;
        let tensors = match self.foresight {
            Foresight::Unknown => {
                let all: Vec<usize> = (0..self.info.outputs.len()).collect();
                let tensors = collect(&all, &self.sources, &self.info, &results)?;
                if let Some(rows) = rows {
                    let outputs: Vec<&Tensor> = tensors.iter().map(|named| &named.tensor).collect();
                    self.foresight.learn(rows, &outputs);
                }
                let outputs = tensors.into_iter().map(|named| named.tensor).collect();
                return Ok(chosen(&job.outputs, &self.info, outputs));
            }
            Foresight::Rows(_) if rows.is_some() => {
                self.foresight = Foresight::Never;
                collect(&job.outputs, &self.sources, &self.info, &results)?
            }
            Foresight::Rows(_) | Foresight::Never => {
                collect(&job.outputs, &self.sources, &self.info, &results)?
            }
        };
        Ok(tensors)
    }
}

/// The wanted ones of all outputs, each wanted once at most, in the order wanted.
fn chosen(wanted: &[usize], info: &GraphInfo, outputs: Vec<Tensor>) -> Vec<NamedTensor> {
    let mut outputs: Vec<Option<Tensor>> = outputs.into_iter().map(Some).collect();
    let take = |&output: &usize| {
        let tensor = outputs.get_mut(output)?.take()?;
        Some(NamedTensor { name: info.outputs.get(output)?.name.clone(), tensor })
    };
    wanted.iter().filter_map(take).collect()
}

impl Execute for GraphSession {
    fn execute(&mut self, job: &Job) -> Outcome {
        self.run(job).map_err(|message| NnError::Runtime { graph: self.name.clone(), message })
    }

    fn switch(&self) -> Arc<dyn Switch> {
        Arc::clone(&self.options) as Arc<dyn Switch>
    }

    fn shared_outputs(&self) -> Vec<bool> {
        self.sources.iter().map(|source| matches!(source.part, Part::MapKeys(_))).collect()
    }
}

// === impl RunOptions ===

impl Switch for RunOptions {
    fn stop(&self) {
        if let Err(error) = self.terminate() {
            tracing::warn!(%error, "a run could not be stopped");
        }
    }

    fn reset(&self) {
        if let Err(error) = self.unterminate() {
            tracing::error!(%error, "a stopped graph could not be started again");
        }
    }
}

fn commit(environment: &Environment, path: &Path, intra_op_threads: usize) -> Result<Session, String> {
    let text = |error: ort::Error| error.to_string();
    let configured = |error: ort::Error<SessionBuilder>| error.to_string();
    let builder = Session::builder(environment).map_err(text)?;
    let builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(configured)?;
    let builder = builder.with_intra_threads(intra_op_threads).map_err(configured)?;
    // A thread that spins for its next task takes the core from the guests.
    let builder = builder.with_intra_op_spinning(false).map_err(configured)?;
    let builder = builder.with_inter_op_spinning(false).map_err(configured)?;
    let mut builder = builder.with_log_level(runtime::session_log_level()).map_err(configured)?;
    builder.commit_from_file(path).map_err(text)
}

fn input(outlet: &Outlet) -> Result<Port, String> {
    tensor_port(outlet)
        .ok_or_else(|| format!("input `{}` is a {}, which mlhost cannot give", outlet.name(), outlet.dtype()))
}

/// The ports that an output counts as.
fn outputs(outlet: &Outlet) -> Result<Vec<(Port, Part)>, String> {
    if let Some(port) = tensor_port(outlet) {
        return Ok(vec![(port, Part::Tensor)]);
    }
    let unsupported =
        || format!("output `{}` is a {}, which mlhost cannot pass on", outlet.name(), outlet.dtype());
    let ValueType::Sequence(inner) = outlet.dtype() else {
        return Err(unsupported());
    };
    let ValueType::Map { key, value: TensorElementType::Float32 } = **inner else {
        return Err(unsupported());
    };
    let keys = convert::element_type(key)
        .filter(|key| matches!(key, ElementType::S64 | ElementType::Text))
        .ok_or_else(unsupported)?;
    let name = outlet.name();
    let values_port = Port { name: name.to_owned(), element_type: ElementType::F32, shape: vec![None, None] };
    let keys_port = Port { name: format!("{name}{MAP_KEYS_SUFFIX}"), element_type: keys, shape: vec![None] };
    Ok(vec![(values_port, Part::MapValues(keys)), (keys_port, Part::MapKeys(keys))])
}

fn tensor_port(outlet: &Outlet) -> Option<Port> {
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return None;
    };
    // Negative where the axis is symbolic or unknown.
    let shape = shape.iter().map(|size| u32::try_from(*size).ok()).collect();
    Some(Port { name: outlet.name().to_owned(), element_type: convert::element_type(*ty)?, shape })
}

/// The wanted outputs of a run, in the order wanted.
fn collect(
    wanted: &[usize],
    sources: &[Source],
    info: &GraphInfo,
    results: &SessionOutputs<'_>,
) -> Result<Vec<NamedTensor>, String> {
    let mut flattened = BTreeMap::<usize, Maps>::new();
    let mut tensors = Vec::with_capacity(wanted.len());
    for &output in wanted {
        let (Source { position, part }, port) = (sources[output], &info.outputs[output]);
        let value = &results[position];
        let failed = |error| format!("output `{}`: {error}", port.name);
        if let (Part::MapValues(keys) | Part::MapKeys(keys), Entry::Vacant(place)) =
            (part, flattened.entry(position))
        {
            place.insert(convert::flatten(value, keys).map_err(failed)?);
        }
        let tensor = match (part, flattened.get(&position)) {
            (Part::MapValues(_), Some(maps)) => maps.values.clone(),
            (Part::MapKeys(_), Some(maps)) => maps.keys.clone(),
            _ => convert::copy(value).map_err(failed)?,
        };
        tensors.push(NamedTensor { name: port.name.clone(), tensor });
    }
    Ok(tensors)
}
