//! The host's side for tests on an ordinary target: graphs are closures, artifacts are values, the log is kept.
//!
//! A guest's tests call it before they call `load_context` and `predict`. Everything is thread-local, so each test
//! has its own; a component carries none of it.
//!
//! ```
//! use mlhost_guest::{Graph, Tensor, Tensors, testing};
//!
//! testing::graph("negate", |inputs| {
//!     let values: Vec<f32> = inputs.get("x")?.as_f32()?.iter().map(|value| -value).collect();
//!     Ok(Tensors::from([("y", Tensor::f32([values.len()], values)?)]))
//! });
//! let outputs = Graph::named("negate").compute([("x", Tensor::f32([1], [2.0])?)])?;
//! assert_eq!(outputs.get("y")?.as_f32()?, [-2.0]);
//! # Ok::<(), mlhost_guest::Error>(())
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::log::Level;
use crate::{Context, Error, GraphInfo, Tensors};

type Closure = Rc<dyn Fn(Tensors) -> Result<Tensors, Error>>;

#[derive(Default)]
struct Host {
    graphs: BTreeMap<String, Closure>,
    infos: BTreeMap<String, GraphInfo>,
    artifacts: BTreeMap<String, Vec<u8>>,
    log: Vec<(Level, String)>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

fn with<T>(run: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(run)
}

/// Forgets everything registered and logged on this thread: for test runners that use a thread twice.
pub fn reset() {
    with(|host| *host = Host::default());
}

/// Makes `run` the graph `name`, for [`Graph`](crate::Graph) and for [`wasi_nn`](crate::wasi_nn).
pub fn graph(name: impl Into<String>, run: impl Fn(Tensors) -> Result<Tensors, Error> + 'static) {
    with(|host| host.graphs.insert(name.into(), Rc::new(run)));
}

/// What [`Graph::describe`](crate::Graph::describe) answers for the graph `name`.
pub fn graph_info(name: impl Into<String>, info: GraphInfo) {
    with(|host| host.infos.insert(name.into(), info));
}

/// Makes `content` the artifact `name`.
pub fn artifact(name: impl Into<String>, content: impl Into<Vec<u8>>) {
    with(|host| host.artifacts.insert(name.into(), content.into()));
}

/// A context with this `model_config` (one JSON object) and the artifacts registered so far.
#[must_use]
pub fn context(model_config: &str) -> Context {
    let artifacts = with(|host| host.artifacts.keys().cloned().collect());
    Context { model_config: model_config.to_owned(), artifacts }
}

/// The lines logged on this thread since the last call.
#[must_use]
pub fn take_log() -> Vec<(Level, String)> {
    with(|host| std::mem::take(&mut host.log))
}

/// What the rest of the crate imports on this target.
pub(crate) mod imports {
    use super::with;
    use crate::log::Level;
    use crate::wasi_nn::{decode, encode};
    use crate::{GraphError, GraphErrorCode, GraphInfo, Tensor, Tensors};

    pub(crate) fn log(level: Level, message: &str) {
        with(|host| host.log.push((level, message.to_owned())));
    }

    pub(crate) fn artifact(name: &str) -> Result<Vec<u8>, String> {
        with(|host| {
            host.artifacts.get(name).cloned().ok_or_else(|| {
                let known: Vec<String> = host.artifacts.keys().map(|name| format!("`{name}`")).collect();
                format!("there is no artifact `{name}`, the test registered [{}]", known.join(", "))
            })
        })
    }

    pub(crate) fn graph_names() -> Vec<String> {
        with(|host| host.graphs.keys().cloned().collect())
    }

    pub(crate) fn describe(graph: &str) -> Result<GraphInfo, GraphError> {
        with(|host| host.infos.get(graph).cloned()).ok_or_else(|| not_found("description of graph", graph))
    }

    pub(crate) fn compute(graph: &str, inputs: Tensors, outputs: &[&str]) -> Result<Tensors, GraphError> {
        let run = with(|host| host.graphs.get(graph).cloned()).ok_or_else(|| not_found("graph", graph))?;
        let mut all = run(inputs).map_err(|error| GraphError {
            code: GraphErrorCode::RuntimeError,
            message: error.message().to_owned(),
        })?;
        if outputs.is_empty() {
            return Ok(all);
        }
        let take = |name: &&str| -> Result<_, GraphError> {
            let tensor = all.take(name).map_err(|_| not_found("output", name))?;
            Ok((String::from(*name), tensor))
        };
        outputs.iter().map(take).collect()
    }

    fn not_found(what: &str, name: &str) -> GraphError {
        let message = format!("the test registered no {what} `{name}`");
        GraphError { code: GraphErrorCode::NotFound, message }
    }

    pub(crate) struct PortableGraph(String);

    // === impl PortableGraph ===

    impl PortableGraph {
        pub(crate) fn load_by_name(name: &str) -> Result<Self, GraphError> {
            let known = with(|host| host.graphs.contains_key(name));
            if known { Ok(Self(name.to_owned())) } else { Err(not_found("graph", name)) }
        }

        pub(crate) fn compute(&self, inputs: Tensors) -> Result<Tensors, GraphError> {
            through_bytes(compute(&self.0, through_bytes(inputs)?, &[])?)
        }
    }

    /// The way a component's tensors take, so that a test meets the same types and the same refusals.
    fn through_bytes(tensors: Tensors) -> Result<Tensors, GraphError> {
        let pass = |tensor: &Tensor| {
            let (element_type, data) = encode(tensor)?;
            let dimensions: Vec<u32> = tensor.shape().iter().map(|size| *size as u32).collect();
            decode(&dimensions, element_type, data)
        };
        tensors.into_iter().map(|(name, tensor)| Ok((name, pass(&tensor)?))).collect()
    }
}
