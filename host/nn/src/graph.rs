//! A loaded graph: the handle that the sandbox and the host hold, and the way of a call through it.
//!
//! Validation happens here, on the caller's side, so that a bad call costs neither a place in the queue nor a run.
//! Never blocks: what blocks is the runner's thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlhost_wire::values::NamedTensor;

use crate::queue::BatchLimits;
use crate::runner::{Job, RunCounts, Runner, RunnerOptions, panic_text};
use crate::session::GraphSession;
use crate::{GraphInfo, NnError, SizeCount, Spent, batch, runtime, threads, validate};

/// How a graph is run, and how much of it a caller may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphOptions {
    /// How many calls may wait; one more is refused with [`NnError::QueueFull`]. Default 1024: more than the
    /// requests a server admits at once, so that overload is answered at its door.
    pub max_queue: usize,
    /// How many elements the inputs of one call may have in all; a text counts as one. Default 16 Mi (64 MiB of
    /// float32).
    pub max_elements: u64,
    /// Threads that one operator of one run may use, at least 1. Default `None`: one for each core where the weights
    /// have a mebibyte or more, else one.
    pub intra_op_threads: Option<usize>,
    /// What is run together of the calls that wait.
    pub batching: Batching,
}

/// How calls that wait for a graph are joined into one run. A graph whose first axis is not free is never run so, and
/// one whose answers change by it, whose outputs have not a row for each row, or that fails only then, no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// The most rows of one run, unless one call alone has more. Default 128; 1 turns batching off.
    pub max_rows: u32,
    /// The most elements of all inputs of one run, unless one call alone has more. Default 1 Mi (4 MiB of float32).
    pub max_elements: u64,
    /// How long the first call may wait for others. Default 0: what waits while a run is going on is run next, and
    /// nobody waits for company.
    pub max_delay: Duration,
}

/// A graph that is loaded and ready. Cheap to clone; its session closes and its thread ends with the last clone.
///
/// Dropping the last clone waits for a run in progress, which stops at the end of the operator it is in.
#[derive(Clone)]
pub struct Graph {
    inner: Arc<Inner>,
}

/// One call of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct ComputeRequest {
    /// One tensor for each input, in any order, by name. A tensor with the empty name belongs to the graph's only
    /// input.
    pub inputs: Vec<NamedTensor>,
    /// The outputs wanted, in the order of the answer; empty for all in the graph's order.
    pub outputs: Vec<String>,
    /// When the answer stops being of use.
    pub deadline: Instant,
}

struct Inner {
    name: String,
    info: Arc<GraphInfo>,
    max_elements: u64,
    runner: Runner,
}

// === impl GraphOptions ===

impl Default for GraphOptions {
    fn default() -> Self {
        Self {
            max_queue: 1024,
            max_elements: 16 * 1024 * 1024,
            intra_op_threads: None,
            batching: Batching::default(),
        }
    }
}

// === impl Batching ===

impl Default for Batching {
    fn default() -> Self {
        Self { max_rows: 128, max_elements: 1 << 20, max_delay: Duration::ZERO }
    }
}

impl Batching {
    /// The limits for a graph of this signature.
    fn limits(&self, info: &GraphInfo) -> BatchLimits {
        let rows = if batch::has_free_first_axis(info) { self.max_rows.into() } else { 1 };
        let delay = if rows > 1 { self.max_delay } else { Duration::ZERO };
        BatchLimits { rows, elements: self.max_elements, delay }
    }
}

// === impl Graph ===

impl Graph {
    /// Opens the ONNX model at `path` and starts its runner. Takes as long as ONNX Runtime needs to optimise the
    /// model: call it at start, never in a request.
    ///
    /// # Errors
    ///
    /// [`NnError::RuntimeNotLoaded`] before [`crate::initialize`]; [`NnError::Load`] for a file that is missing or
    /// no model, an operator that ONNX Runtime lacks, an input or output of a type that wire cannot carry.
    pub fn load(name: &str, path: &Path, options: &GraphOptions) -> Result<Self, NnError> {
        let failed = |message| NnError::Load { graph: name.to_owned(), path: path.to_owned(), message };
        let environment = runtime::environment()?;
        // `ort` asserts what a hostile model may break, such as the types that a sequence may hold.
        let threads = threads::for_graph(path, options.intra_op_threads);
        let open = || GraphSession::open(&environment, name, path, threads);
        let session = match catch_unwind(AssertUnwindSafe(open)) {
            Ok(opened) => opened.map_err(failed)?,
            Err(payload) => return Err(failed(panic_text(&*payload))),
        };
        let info = session.info();
        let limits = options.batching.limits(&info);
        if limits.rows <= 1 && options.batching.max_rows > 1 {
            tracing::info!(graph = name, "served without batching: an input's first axis is not free");
        }
        let runner = Runner::start(
            name,
            RunnerOptions { max_queue: options.max_queue, limits, inline: true },
            session,
        )
        .map_err(|error| failed(format!("no thread to run it on: {error}")))?;
        let inner = Inner { name: name.to_owned(), info, max_elements: options.max_elements, runner };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The name that it was loaded under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// What it takes and gives.
    #[must_use]
    pub fn info(&self) -> &GraphInfo {
        &self.inner.info
    }

    /// What was run so far.
    #[must_use]
    pub fn counts(&self) -> RunCounts {
        self.inner.runner.counts()
    }

    /// The same by the size of the runs, smallest first.
    #[must_use]
    pub fn sizes(&self) -> Vec<SizeCount> {
        self.inner.runner.sizes()
    }

    /// How many calls wait for their run.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner.runner.waiting()
    }

    /// Runs the graph, together with what else waits for it. Answers by the deadline at the latest; a call that is then
    /// still waiting is never run, one that is running is stopped at its next operator. The same happens when the
    /// future is dropped.
    ///
    /// # Errors
    ///
    /// What is wrong with the inputs or the names; [`NnError::QueueFull`], [`NnError::Deadline`];
    /// [`NnError::Runtime`] when the graph itself fails.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its time driver enabled.
    pub async fn compute(&self, request: ComputeRequest) -> Result<Vec<NamedTensor>, NnError> {
        self.compute_within(request, &mut Spent::default()).await
    }

    /// The same, and adds to `spent` what it took, whatever came of it.
    ///
    /// # Errors
    ///
    /// As [`Self::compute`].
    ///
    /// # Panics
    ///
    /// As [`Self::compute`].
    pub async fn compute_within(
        &self,
        request: ComputeRequest,
        spent: &mut Spent,
    ) -> Result<Vec<NamedTensor>, NnError> {
        let ComputeRequest { inputs, outputs, deadline } = request;
        let outputs = validate::select(&self.inner.info, &outputs)?;
        let inputs = validate::bind(&self.inner.info, inputs, self.inner.max_elements)?;
        self.inner.runner.submit(Job { inputs, outputs }, deadline, spent).await
    }
}
