//! The model behind the server: one guest, or one graph served as it is.
//!
//! Made by `cli::serve` before anything listens, and by `cli::inspect`; `serve::handler` calls [`App::predict`] with a
//! decoded call, whatever dialect it came in. Knows no HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mlhost_nn::{Graphs, NnError, SizeCount};
use mlhost_sandbox::{CallSpent, CodeSource, Engine, Guest, SandboxError, Start};
use mlhost_wire::dialect::Interface;
use mlhost_wire::values::{Call, Reply};

use crate::model_source::ModelSource;
use crate::observe::Stages;
use crate::passthrough::{Passthrough, PassthroughError};

/// A loaded model.
pub struct App {
    /// What it is called in the log and in answers.
    pub name: String,
    /// What a request may be.
    pub interface: Interface,
    /// A request as MLflow saved it with the model, where there is one.
    pub example: Option<Vec<u8>>,
    /// The same for requests of named tensors.
    tensors: Interface,
    /// The bundle's own deadline for a request, where it has one.
    pub time: Option<Duration>,
    /// The bundle's own bound on requests at one time, where it has one.
    pub concurrency: Option<usize>,
    graphs: Graphs,
    predictor: Predictor,
}

enum Predictor {
    Sandboxed(Arc<Guest>),
    Native(Passthrough),
}

/// A model that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// One of its graphs.
    #[error(transparent)]
    Graph(#[from] NnError),
    /// Its component.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Its graphs cannot be served without a component.
    #[error(transparent)]
    Passthrough(#[from] PassthroughError),
}

/// A prediction that failed.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// In the sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// In the native pass-through.
    #[error(transparent)]
    Passthrough(#[from] PassthroughError),
}

// === impl App ===

impl App {
    /// Opens the graphs, compiles the component and runs its `load-context` once, as far as the code cache leaves that to
    /// be done.
    ///
    /// # Errors
    ///
    /// [`LoadError`] says which part does not load and why.
    pub async fn load(
        mut source: ModelSource,
        engine: &Engine,
        patience: Duration,
    ) -> Result<Self, LoadError> {
        let graphs = source.open_graphs()?;
        let mut tensors = source.interface.clone();
        let (time, concurrency, example) = (source.time, source.concurrency, source.example.take());
        let predictor = match source.component.take() {
            Some(component) => {
                let guest = source.guest(&component, graphs.clone());
                Predictor::Sandboxed(Guest::load(engine, guest, patience).await?)
            }
            None => {
                let passthrough = Passthrough::new(&graphs)?;
                tensors.signature = passthrough.signature_of_tensors(&source.interface.signature);
                Predictor::Native(passthrough)
            }
        };
        Ok(Self {
            name: source.name,
            interface: source.interface,
            tensors,
            example,
            time,
            concurrency,
            graphs,
            predictor,
        })
    }

    /// Whether requests run user code in a sandbox.
    #[must_use]
    pub fn is_sandboxed(&self) -> bool {
        matches!(self.predictor, Predictor::Sandboxed(_))
    }

    /// What a request of named tensors may be: as the signature says, and where a graph is served as it is by its own names where
    /// the signature has none.
    #[must_use]
    pub fn tensors(&self) -> &Interface {
        &self.tensors
    }

    /// What it runs on, in the Open Inference Protocol's words.
    #[must_use]
    pub fn platform(&self) -> &'static str {
        match self.predictor {
            Predictor::Sandboxed(_) => "mlhost_wasm",
            // Triton's name for the same.
            Predictor::Native(_) => "onnxruntime_onnx",
        }
    }

    /// A call whose client thinks in tensors: a graph that is served as it is gets its own, and so answers them, too.
    ///
    /// # Errors
    ///
    /// Where a table does not become the graph's tensors.
    pub fn call_of_tensors(&self, call: Call) -> Result<Call, PredictError> {
        Ok(match &self.predictor {
            Predictor::Sandboxed(_) => call,
            Predictor::Native(passthrough) => passthrough.call_of_tensors(call)?,
        })
    }

    /// Where a request's sandbox begins; `None` without one.
    #[must_use]
    pub fn start(&self) -> Option<&Start> {
        match &self.predictor {
            Predictor::Sandboxed(guest) => Some(guest.start()),
            Predictor::Native(_) => None,
        }
    }

    /// Where the code came from that requests run in a sandbox; `None` without one.
    #[must_use]
    pub fn code(&self) -> Option<CodeSource> {
        match &self.predictor {
            Predictor::Sandboxed(guest) => Some(guest.code()),
            Predictor::Native(_) => None,
        }
    }

    /// What its graphs have run so far, by the size of the runs; of several graphs one after the other.
    #[must_use]
    pub fn sizes(&self) -> Vec<SizeCount> {
        self.graphs.all().flat_map(mlhost_nn::Graph::sizes).collect()
    }

    /// How many calls wait for runs of its graphs.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.graphs.all().map(mlhost_nn::Graph::waiting).sum()
    }

    /// Predicts on one call, and says in `stages` what took how long, whatever comes of it.
    ///
    /// # Errors
    ///
    /// [`crate::fault::of_prediction`] says what each means to the client.
    pub async fn predict(
        &self,
        call: &Call,
        deadline: Instant,
        stages: &mut Stages,
    ) -> Result<Reply, PredictError> {
        stages.note_asked(call);
        let outcome = match &self.predictor {
            Predictor::Sandboxed(guest) => {
                let mut spent = CallSpent::default();
                let outcome = guest.predict_within(call, deadline, &mut spent).await;
                stages.note_call(spent);
                outcome.map_err(PredictError::from)
            }
            Predictor::Native(passthrough) => {
                let mut spent = mlhost_nn::Spent::default();
                let outcome = passthrough.predict(call, deadline, &mut spent).await;
                stages.note_graphs(spent);
                outcome.map_err(PredictError::from)
            }
        };
        outcome.inspect_err(|error| stages.note_failure(error))
    }
}
