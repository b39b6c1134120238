//! One request's stages: how long each took, and how much it was.
//!
//! Filled in by `serve::prediction` and `App::predict` while a request is answered; statistics, metrics, traces, the log and
//! `Server-Timing` are all made of this one. No clock of its own.

use std::time::Duration;

use mlhost_sandbox::{CallSpent, SandboxError, TrapKind};
use mlhost_wire::values::{Call, Input};

use crate::app::PredictError;

/// What is known of a request's stages. A stage that was not reached took no time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// From the head's arrival until the body was there.
    pub read: Duration,
    /// From bytes to a call that fits the signature.
    pub decode: Duration,
    /// Waiting for graphs' runs.
    pub queue: Duration,
    /// In graphs' runs, whoever else was in them.
    pub compute: Duration,
    /// In the guest, without what its graphs took; nothing where there is none.
    pub guest: Duration,
    /// From the reply to bytes.
    pub encode: Duration,
    /// Rows that the caller asked about.
    pub rows: u64,
    /// Graphs' runs that it took.
    pub runs: u32,
    /// Rows in the largest of those runs, others' included.
    pub batch_rows: u64,
    /// The most memory that its guest had, in bytes; 0 without one.
    pub memory_bytes: u64,
    /// Whether it was for a prediction at all.
    pub predicted: bool,
    /// How its guest trapped, if it did.
    pub trap: Option<TrapKind>,
}

/// A stage that is reported by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// [`Stages::read`].
    Read,
    /// [`Stages::decode`].
    Decode,
    /// [`Stages::queue`].
    Queue,
    /// [`Stages::compute`].
    Compute,
    /// [`Stages::guest`].
    Guest,
    /// [`Stages::encode`].
    Encode,
}

// === impl Stage ===

impl Stage {
    /// Every stage, in the order of a request's way.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Decode, Self::Queue, Self::Compute, Self::Guest, Self::Encode];

    /// What metrics, traces and headers call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Decode => "decode",
            Self::Queue => "queue",
            Self::Compute => "compute",
            Self::Guest => "guest",
            Self::Encode => "encode",
        }
    }
}

// === impl Stages ===

impl Stages {
    /// How long one took.
    #[must_use]
    pub fn of(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Read => self.read,
            Stage::Decode => self.decode,
            Stage::Queue => self.queue,
            Stage::Compute => self.compute,
            Stage::Guest => self.guest,
            Stage::Encode => self.encode,
        }
    }

    /// What graphs took.
    pub(crate) fn note_graphs(&mut self, spent: mlhost_nn::Spent) {
        self.queue = spent.queue;
        self.compute = spent.compute;
        self.runs = spent.runs;
        self.batch_rows = spent.rows;
    }

    /// What a sandbox took.
    pub(crate) fn note_call(&mut self, spent: CallSpent) {
        self.note_graphs(spent.graphs);
        self.guest = spent.guest;
        self.memory_bytes = spent.memory_bytes as u64;
    }

    /// A model is asked this.
    pub(crate) fn note_asked(&mut self, call: &Call) {
        self.rows = rows(call);
    }

    /// It failed so.
    pub(crate) fn note_failure(&mut self, error: &PredictError) {
        if let PredictError::Sandbox(SandboxError::Trapped { kind, .. }) = error {
            self.trap = Some(*kind);
        }
    }
}

/// Rows of a table, along the first axis of tensors; raw bytes are one.
fn rows(call: &Call) -> u64 {
    match &call.input {
        Input::Table(table) => table.rows as u64,
        Input::Tensors(tensors) => {
            let first = tensors.first().and_then(|tensor| tensor.tensor.shape.first());
            first.map_or(1, |rows| u64::from(*rows))
        }
        Input::Blob(_) => 1,
    }
}
