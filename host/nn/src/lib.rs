//! mlhost-nn: ONNX Runtime sessions behind bounded queues.
//!
//! [`initialize`] loads the runtime's library once; [`Graph::load`] opens a model; [`Graph::compute`] checks a call's
//! tensors against the model's signature, queues it and answers. One run at a time, on the graph's own thread or, where runs
//! are short, on the caller's. The sandbox calls this
//! for guests, the host for bundles without a guest. The only crate that knows `ort`: no type of it is public here,
//! and nothing here knows HTTP, wasmtime or a dialect.

mod batch;
mod convert;
mod entry;
mod error;
mod gatherer;
mod graph;
mod graphs;
mod pace;
mod port;
mod preallocated;
mod queue;
mod runner;
mod runtime;
mod session;
mod shared;
mod spent;
mod tally;
mod threads;
mod trial;
mod validate;
mod worker;
mod worth;

pub use error::NnError;
pub use graph::{Batching, ComputeRequest, Graph, GraphOptions};
pub use graphs::Graphs;
pub use port::{GraphInfo, MAP_KEYS_SUFFIX, Port};
pub use runner::RunCounts;
pub use runtime::{initialize, runtime_version};
pub use spent::Spent;
pub use tally::SizeCount;
