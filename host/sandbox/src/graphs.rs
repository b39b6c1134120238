//! The host side of `mlhost:nn/graphs` and `mlhost:guest/artifacts`: what a guest's bundle brought, and nothing else.
//!
//! Called by guests through `linker.rs`. A guest's own mistakes come back to it as values; what is not its business
//! (a full queue, the deadline) ends the call, so that no guest can turn overload into a wrong answer.

use std::time::Instant;

use mlhost_nn::{ComputeRequest, NnError, Port as NnPort};
use mlhost_wire::values::NamedTensor as WireTensor;

use crate::bindings::mlhost::guest::{artifacts, types as guest_types};
use crate::bindings::mlhost::nn::graphs::{Error, ErrorCode, GraphInfo, Host, NamedTensor, Port};
use crate::bindings::mlhost::nn::types as nn_types;
use crate::convert;
use crate::error::SandboxError;
use crate::state::GuestState;

impl Host for GuestState {
    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        self.reached_graph = true;
        Ok(self.resources.graphs.names().map(str::to_owned).collect())
    }

    fn describe(&mut self, graph: String) -> wasmtime::Result<Result<GraphInfo, Error>> {
        self.reached_graph = true;
        Ok(match self.resources.graphs.get(&graph) {
            Ok(graph) => Ok(GraphInfo {
                inputs: graph.info().inputs.iter().map(port).collect(),
                outputs: graph.info().outputs.iter().map(port).collect(),
            }),
            Err(error) => Err(for_guest(error)?),
        })
    }

    async fn compute(
        &mut self,
        graph: String,
        inputs: Vec<NamedTensor>,
        outputs: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<NamedTensor>, Error>> {
        let inputs = inputs.into_iter().map(convert::tensor_out).collect();
        Ok(match self.run(&graph, inputs, outputs).await {
            Ok(tensors) => Ok(tensors.into_iter().map(convert::tensor_given).collect()),
            Err(error) => Err(for_guest(error)?),
        })
    }
}

impl GuestState {
    /// Runs a graph of the bundle's, within the call's deadline. Exclusive because the state may move between
    /// threads while it waits, but not be shared by them.
    pub(crate) async fn run(
        &mut self,
        graph: &str,
        inputs: Vec<WireTensor>,
        outputs: Vec<String>,
    ) -> Result<Vec<WireTensor>, NnError> {
        self.reached_graph = true;
        let graph = self.resources.graphs.get(graph)?;
        let began = Instant::now();
        let request = ComputeRequest { inputs, outputs, deadline: self.deadline };
        let outcome = graph.compute_within(request, &mut self.outside.graphs).await;
        self.outside.time += began.elapsed();
        outcome
    }
}

impl artifacts::Host for GuestState {
    fn read(&mut self, name: String) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let artifacts = &self.resources.artifacts;
        Ok(artifacts.get(&name).cloned().ok_or_else(|| {
            let names: Vec<_> = artifacts.keys().map(|name| format!("`{name}`")).collect();
            format!("there is no artifact `{name}`; the bundle has {}", names.join(", "))
        }))
    }
}

impl guest_types::Host for GuestState {}

impl nn_types::Host for GuestState {}

/// The error as the guest sees it, or the end of the call.
fn for_guest(error: NnError) -> wasmtime::Result<Error> {
    match code(&error) {
        Some(code) => Ok(Error { code, message: error.to_string() }),
        None => Err(wasmtime::Error::new(SandboxError::Graph(error))),
    }
}

/// `None` for what ends the call.
pub(crate) fn code(error: &NnError) -> Option<ErrorCode> {
    match error {
        NnError::GraphNotFound { .. } | NnError::InputNotFound { .. } | NnError::OutputNotFound { .. } => {
            Some(ErrorCode::NotFound)
        }
        NnError::InputMissing { .. }
        | NnError::Duplicate { .. }
        | NnError::ElementType { .. }
        | NnError::Shape { .. }
        | NnError::Inconsistent(_) => Some(ErrorCode::InvalidArgument),
        NnError::TooLarge { .. } => Some(ErrorCode::TooLarge),
        NnError::Runtime { .. } => Some(ErrorCode::RuntimeError),
        NnError::QueueFull
        | NnError::Deadline
        | NnError::Stopped
        | NnError::RuntimeLoad { .. }
        | NnError::RuntimeNotLoaded
        | NnError::Load { .. } => None,
    }
}

fn port(port: &NnPort) -> Port {
    Port {
        name: port.name.clone(),
        element_type: convert::element_type(port.element_type),
        shape: port.shape.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mlhost_nn::Graphs;

    use super::*;
    use crate::bindings::wasi::nn::graph::Host as _;
    use crate::limits::Limits;
    use crate::resources::GuestResources;

    fn state() -> GuestState {
        let resources = Arc::new(GuestResources {
            name: "test".into(),
            graphs: Graphs::new(Vec::new()),
            artifacts: std::iter::once(("a".to_owned(), Vec::new())).collect(),
        });
        GuestState::new(&Limits::default(), resources, Instant::now())
    }

    #[tokio::test]
    async fn asking_a_graph_is_remembered() {
        let mut asked = [state(), state(), state(), state()];
        let [names, describe, compute, by_name] = &mut asked;
        names.names().unwrap();
        // That there is no such graph is an answer, too.
        assert!(describe.describe("g".to_owned()).unwrap().is_err());
        assert!(compute.compute("g".to_owned(), Vec::new(), Vec::new()).await.unwrap().is_err());
        assert!(by_name.load_by_name("g".to_owned()).unwrap().is_err());
        assert!(asked.iter().all(|state| state.reached_graph));

        let mut other = state();
        artifacts::Host::read(&mut other, "a".to_owned()).unwrap().unwrap();
        other.journal.write(crate::bindings::mlhost::guest::log::Level::Info, "a line");
        assert!(!other.reached_graph);
    }
}
