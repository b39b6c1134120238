//! What can go wrong in this crate, told apart as far as a caller answers differently.
//!
//! `host/src/fault.rs` turns these into what a client sees, the sandbox into `mlhost:nn`'s error codes. The texts
//! name inputs, outputs and shapes, never a tensor's contents.

use std::path::PathBuf;

use mlhost_wire::values::Inconsistent;

/// A graph could not be loaded, given its inputs, or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NnError {
    /// The ONNX Runtime library is not where it should be, or is not usable.
    #[error("cannot load ONNX Runtime from `{}`: {message}", path.display())]
    RuntimeLoad {
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A graph was loaded before [`crate::initialize`].
    #[error("ONNX Runtime is not loaded; `initialize` comes before the first graph")]
    RuntimeNotLoaded,
    /// A model file is missing, broken, or of a kind that this crate does not serve.
    #[error(
        "cannot load graph `{graph}` from `{}`: {message}\n\
         hint: is the file whole, and an ONNX model of an opset that this ONNX Runtime knows?",
        path.display()
    )]
    Load {
        /// The graph's name.
        graph: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// No graph has this name.
    #[error("there is no graph `{graph}`; the graphs are {}", quoted(names))]
    GraphNotFound {
        /// The name asked for.
        graph: String,
        /// The names there are.
        names: Vec<String>,
    },
    /// A tensor was given for an input that the graph does not have.
    #[error("there is no input `{input}`; the inputs are {}", quoted(names))]
    InputNotFound {
        /// The name given; empty when an unnamed tensor met a graph with several inputs.
        input: String,
        /// The graph's inputs.
        names: Vec<String>,
    },
    /// An input that the graph needs was not given.
    #[error("input `{input}` is missing; it takes {expected}")]
    InputMissing {
        /// The input.
        input: String,
        /// Its element type and shape.
        expected: String,
    },
    /// An output was asked for that the graph does not have.
    #[error("there is no output `{output}`; the outputs are {}", quoted(names))]
    OutputNotFound {
        /// The name asked for.
        output: String,
        /// The graph's outputs.
        names: Vec<String>,
    },
    /// An input was given, or an output asked for, more than once.
    #[error("`{name}` is named twice; name each input and output once")]
    Duplicate {
        /// The input or output.
        name: String,
    },
    /// An input's element type is not the one that the graph takes.
    #[error("input `{input}` takes {expected}, found {found}")]
    ElementType {
        /// The input.
        input: String,
        /// The element type and shape that the graph takes.
        expected: String,
        /// Those of the tensor.
        found: String,
    },
    /// An input's rank, or one of its axes, is not what the graph takes.
    #[error("input `{input}` takes {expected}, found {found}")]
    Shape {
        /// The input.
        input: String,
        /// The element type and shape that the graph takes.
        expected: String,
        /// Those of the tensor.
        found: String,
    },
    /// A tensor contradicts itself: elements against shape, offsets, UTF-8.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
    /// The inputs hold more elements than one call may bring.
    #[error("the inputs have {found} elements, at most {limit} are allowed; send fewer rows")]
    TooLarge {
        /// How many elements the inputs hold, or the largest of their shapes spans.
        found: u64,
        /// [`crate::GraphOptions::max_elements`].
        limit: u64,
    },
    /// As many calls wait for the graph as may; try again later.
    #[error("the graph's queue is full; try again later")]
    QueueFull,
    /// The call's deadline passed before the graph answered.
    #[error("the deadline passed before the graph answered")]
    Deadline,
    /// The graph itself failed on inputs that fit its signature.
    #[error("graph `{graph}` failed: {message}")]
    Runtime {
        /// The graph's name.
        graph: String,
        /// What ONNX Runtime said.
        message: String,
    },
    /// The graph was closed before it answered.
    #[error("the graph was closed before it answered")]
    Stopped,
}

/// Names for a message: each in backticks, separated by commas; `none` when there are none.
fn quoted(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
