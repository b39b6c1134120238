//! The bundle's graphs, run in one crossing of the sandbox's border.
//!
//! Guests call it from `predict`. Built on `mlhost:nn`, which has every element type and named outputs; the
//! `wasi_nn` module is the portable alternative. Never keeps a handle: a graph is a name, and survives the copy
//! that is made after `load_context`.

use std::fmt;

use crate::{ElementType, Tensor, Tensors, imports};

/// A graph of the bundle, by its name in the bundle's `MLmodel`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    name: String,
}

/// One input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The name that `compute` knows it by.
    pub name: String,
    /// The type of its elements.
    pub element_type: ElementType,
    /// The size of each axis; `None` where any size goes. Graphs are known to declare output shapes that are
    /// wrong.
    pub shape: Vec<Option<usize>>,
}

/// What a graph takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphInfo {
    /// In the graph's own order.
    pub inputs: Vec<Port>,
    /// In the graph's own order.
    pub outputs: Vec<Port>,
}

/// Why a graph did not run. Becomes a failed [`Error`](crate::Error) through `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphError {
    /// The class of the fault.
    pub code: GraphErrorCode,
    /// What was wrong, for the log.
    pub message: String,
}

/// The classes of a graph's faults: those of `mlhost:nn` and of `wasi:nn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphErrorCode {
    /// No graph, input or output has this name.
    NotFound,
    /// An input's element type or shape is not what the graph takes.
    InvalidArgument,
    /// More elements than a graph is allowed to be given.
    TooLarge,
    /// The graph itself failed.
    RuntimeError,
    /// `wasi:nn` only: it took too long.
    Timeout,
    /// `wasi:nn` only: it cannot be done through this interface.
    Unsupported,
    /// `wasi:nn` only: anything else.
    Unknown,
}

/// The names of the graphs that this component may use.
#[must_use]
pub fn names() -> Vec<String> {
    imports::graph_names()
}

// === impl Graph ===

impl Graph {
    /// The graph `name`. Asks the host nothing: an unknown name shows in `compute`, or in
    /// [`describe`](Self::describe) for those who want to know early.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it takes and gives.
    ///
    /// # Errors
    ///
    /// There is no such graph.
    pub fn describe(&self) -> Result<GraphInfo, GraphError> {
        imports::describe(&self.name)
    }

    /// Runs it and gives all its outputs. The inputs are handed over without a copy on this side.
    ///
    /// # Errors
    ///
    /// There is no such graph, an input does not fit, or the graph failed.
    pub fn compute<S: Into<String>>(
        &self,
        inputs: impl IntoIterator<Item = (S, Tensor)>,
    ) -> Result<Tensors, GraphError> {
        self.compute_outputs(inputs, &[])
    }

    /// Runs it and gives only the `outputs` named, in that order; what is not asked for is not copied.
    ///
    /// # Errors
    ///
    /// There is no such graph or output, an input does not fit, or the graph failed.
    pub fn compute_outputs<S: Into<String>>(
        &self,
        inputs: impl IntoIterator<Item = (S, Tensor)>,
        outputs: &[&str],
    ) -> Result<Tensors, GraphError> {
        imports::compute(&self.name, inputs.into_iter().collect(), outputs)
    }
}

// === impl GraphError ===

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for GraphError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, testing};

    #[expect(clippy::needless_pass_by_value, reason = "the signature of a registered graph")]
    fn double(inputs: Tensors) -> Result<Tensors, Error> {
        let values: Vec<f32> = inputs.get("x")?.as_f32()?.iter().map(|value| value * 2.0).collect();
        Ok(Tensors::from([
            ("y", Tensor::f32([values.len()], values)?),
            ("name", Tensor::text([1], ["doubled"])?),
        ]))
    }

    #[test]
    fn a_registered_graph_computes_all_outputs_or_those_asked_for() {
        testing::reset();
        testing::graph("double", double);
        let graph = Graph::named("double");
        let input = || [("x", Tensor::f32([2], [1.0, 2.0]).unwrap())];
        let mut all = graph.compute(input()).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all.take("y").unwrap().into_f32().unwrap(), [2.0, 4.0]);
        let some = graph.compute_outputs(input(), &["name"]).unwrap();
        assert_eq!(some.into_single().unwrap().as_text().unwrap(), ["doubled"]);
        let error = graph.compute_outputs(input(), &["z"]).unwrap_err();
        assert_eq!(error.code, GraphErrorCode::NotFound);
        assert_eq!(names(), ["double"]);
        assert_eq!(graph.name(), "double");
    }

    #[test]
    fn a_graphs_error_is_a_failure_of_the_guest() {
        testing::graph("double", double);
        let missing = Graph::named("nowhere").compute([("x", Tensor::f32([], [1.0]).unwrap())]).unwrap_err();
        assert_eq!(missing.code, GraphErrorCode::NotFound);
        let failing = Graph::named("double").compute([("z", Tensor::f32([], [1.0]).unwrap())]).unwrap_err();
        assert_eq!(failing.code, GraphErrorCode::RuntimeError);
        let error = Error::from(failing);
        assert!(!error.is_rejected());
        assert_eq!(error.message(), "tensor `x` is missing, there are `z`");
    }

    #[test]
    fn a_graph_is_described_when_the_test_says_how_it_looks() {
        let port = Port { name: "x".into(), element_type: ElementType::F32, shape: vec![None, Some(4)] };
        let info = GraphInfo { inputs: vec![port], outputs: vec![] };
        testing::graph_info("described", info.clone());
        assert_eq!(Graph::named("described").describe(), Ok(info));
        assert_eq!(Graph::named("nowhere").describe().unwrap_err().code, GraphErrorCode::NotFound);
    }
}
