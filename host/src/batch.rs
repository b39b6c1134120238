//! Predictions on files of rows: as many as there are, in their order, in bounded memory, and each once.
//!
//! Called by `cli::predict` for a model that is loaded already. One thread reads (`pipeline`), as many as there are cores ask
//! the model (`isolate`), one writes (`sink`) and every now and then makes what is written last (`checkpoint`), so that a run
//! that was killed is gone on with. Knows files and buckets as [`mlhost_tables::source::Source`]s, and no command line.

mod checkpoint;
mod isolate;
mod pipeline;
mod rejects;
mod sink;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mlhost_tables::error::TableError;
use mlhost_tables::format::{Format, Packing};
use mlhost_tables::read::Origin;
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::Param;

pub use self::checkpoint::Checkpoint;
pub use self::pipeline::run;

/// Rows of one call where nobody says otherwise: enough that a call's own cost is nothing, few enough that their columns stay in
/// the cores' caches.
pub const ROWS: usize = 8192;

/// Bytes of text after which a call's rows end, however few they are.
pub const BYTES: usize = 4 << 20;

/// What is to be done.
pub struct Plan {
    /// The files, in order.
    pub inputs: Vec<InputFile>,
    /// Where predictions go.
    pub output: Destination,
    /// What they are written in.
    pub format: Format,
    /// How they are packed.
    pub packing: Packing,
    /// Input columns that stand before the predictions.
    pub columns: Vec<String>,
    /// Parameters of every call.
    pub params: Vec<Param>,
    /// Rows of one call.
    pub rows: usize,
    /// What one call may take.
    pub time: Duration,
    /// Threads that ask the model.
    pub workers: usize,
    /// What becomes of a row that is refused.
    pub on_error: OnError,
    /// Where such rows are told of.
    pub rejects: Option<PathBuf>,
    /// What an earlier run left.
    pub resume: Option<Checkpoint>,
    /// What tells this work from others: a run goes on with nothing else.
    pub identity: String,
}

/// A file of rows.
pub struct InputFile {
    /// What messages call it.
    pub name: String,
    /// In bytes, as far as that is known.
    pub length: Option<u64>,
    /// What it is written in.
    pub format: Format,
    /// How it is packed.
    pub packing: Packing,
    /// Opens it, which may be asked more than once of files and once of streams.
    pub open: Box<dyn Fn() -> std::io::Result<Origin> + Send + Sync>,
}

/// Where predictions go.
pub enum Destination {
    /// A file, which is there as a whole or not at all.
    File(PathBuf),
    /// Standard output.
    Stream(Box<dyn std::io::Write + Send + Sync>),
}

/// What becomes of a row that the signature or the model refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The run ends there; what was predicted is kept to be gone on with.
    Fail,
    /// It is left out.
    Skip,
    /// Its predictions are null.
    Null,
}

/// A row that was refused.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Refusal {
    /// The file.
    pub file: String,
    /// Which row of it, from 0 on.
    pub row: u64,
    /// The line of the file, from 1 on, where it has lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Why.
    pub reason: String,
    /// The row as it stands in the file, or the beginning of it.
    pub data: String,
}

/// Told of what is done so far.
pub trait Watcher: Send + Sync {
    /// Called after each piece that was written, on the thread that writes.
    fn advances(&self, done: &Done);
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Done {
    /// Rows that were read, those of an earlier run that was gone on with included.
    pub rows: u64,
    /// Those among them that were refused.
    pub rejected: u64,
    /// Bytes of the input files that were read: of packed ones when they are done.
    #[serde(skip)]
    pub bytes: u64,
}

/// Why the work ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A file.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row, where rows may not be refused.
    #[error("row {} of `{}`{}: {}", .0.row, .0.file, line(.0.line), .0.reason)]
    Refused(Box<Refusal>, FaultKind),
    /// mlhost's own fault, or the model's that is no row's.
    #[error("{}{}", .0.public, if .0.detail.is_empty() { String::new() } else { format!("\n{}", .0.detail) })]
    Fault(Fault),
    /// What an earlier run left cannot be gone on with.
    #[error("{0}")]
    Resume(String),
    /// A thread ended that must not.
    #[error("a thread of mlhost ended: {0}")]
    Ended(&'static str),
}

fn line(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}

// === impl InputFile ===

impl InputFile {
    /// A file that any byte can be read of.
    #[must_use]
    pub fn of_source(
        source: Arc<dyn mlhost_tables::source::Source>,
        format: Format,
        packing: Packing,
    ) -> Self {
        Self {
            name: source.name().to_owned(),
            length: Some(source.length()),
            format,
            packing,
            open: Box::new(move || Ok(Origin::Source(Arc::clone(&source)))),
        }
    }

    /// About how many of its bytes are read by a chunk's end. Of packed files nothing is known before they are.
    fn progress(&self, chunk: &mlhost_tables::chunk::Chunk, rows: Option<u64>) -> u64 {
        let Some(length) = self.length else { return 0 };
        match (self.packing, rows) {
            (Packing::Plain, None) if self.format.is_text() => chunk.end.byte.min(length),
            (Packing::Plain, Some(rows)) if rows > 0 => (u128::from(length) * u128::from(chunk.end.row)
                / u128::from(rows))
            .try_into()
            .unwrap_or(length),
            _ => 0,
        }
    }
}
