//! Where all rows come together again, in their order: the output, the refused rows, and how far the work got.
//!
//! Called by [`super::pipeline`] on the thread that everything is awaited on. Nothing is counted as done before it is written, and
//! no checkpoint speaks of what does not last.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use mlhost_tables::chunk::Position;
use mlhost_tables::error::TableError;
use mlhost_tables::format::Format;
use mlhost_tables::write::{self, Output};

use super::checkpoint::Checkpoint;
use super::isolate::{Part, null_row};
use super::rejects::Rejects;
use super::{BatchError, Destination, Done, OnError, Plan, Refusal};

/// How often lines are made last: about so much work a kill loses.
const TEXT: Duration = Duration::from_secs(2);
/// The same for formats whose every mark is a file of its own.
const SEGMENTS: Duration = Duration::from_secs(20);
/// Rows that may be refused before one is predicted: what their null predictions are is not known.
const MOST_PENDING: usize = 100_000;
/// How many refusals are logged where no file tells of them.
const LOGGED: u64 = 10;

/// The end of the work.
pub(super) struct Sink {
    output: Output,
    /// Where it will be, where it is a file.
    path: Option<PathBuf>,
    format: Format,
    on_error: OnError,
    rejects: Option<Rejects>,
    schema: Option<SchemaRef>,
    kept: usize,
    pending: Vec<Option<RecordBatch>>,
    /// Whether rows are written that the checkpoint does not speak of yet.
    amid: bool,
    checkpoint: Checkpoint,
    marked: Instant,
    rhythm: Duration,
}

// === impl Sink ===

impl Sink {
    pub(super) fn open(plan: &mut Plan) -> Result<Self, BatchError> {
        let resumed = plan.resume.take();
        let standard = || Destination::Stream(Box::new(std::io::sink()));
        let (output, path) = match std::mem::replace(&mut plan.output, standard()) {
            Destination::File(path) => {
                if resumed.is_none() {
                    // Whatever it speaks of is written over.
                    Checkpoint::remove(&path);
                }
                let mark = resumed.as_ref().map(|checkpoint| &checkpoint.output);
                (Output::create(&path, plan.format, plan.packing, mark)?, Some(path))
            }
            Destination::Stream(stream) => (Output::stream("standard output", plan.format, stream), None),
        };
        let kept = resumed.as_ref().map(|checkpoint| checkpoint.rejects);
        let rejects = plan.rejects.as_deref().map(|path| Rejects::open(path, kept)).transpose()?;
        let checkpoint = resumed.unwrap_or_else(|| Checkpoint::new(&plan.identity));
        Ok(Self {
            output,
            path,
            format: plan.format,
            on_error: plan.on_error,
            rejects,
            schema: None,
            kept: plan.columns.len(),
            pending: Vec::new(),
            amid: false,
            checkpoint,
            marked: Instant::now(),
            rhythm: if plan.format.is_text() { TEXT } else { SEGMENTS },
        })
    }

    /// Where an earlier run got to: the file, and the place in it.
    pub(super) fn start(&self) -> (usize, Position) {
        (self.checkpoint.file, self.checkpoint.position)
    }

    pub(super) fn done(&self) -> Done {
        self.checkpoint.done
    }

    /// Writes what came of some rows, in their order.
    pub(super) fn take(&mut self, parts: Vec<Part>, from: Taken) -> Result<(), BatchError> {
        self.amid = true;
        for part in parts {
            match part {
                Part::Rows { piece, schema } => {
                    self.expect(&schema)?;
                    self.output.write(piece)?;
                }
                Part::Refused { refusal, kept } => self.refuse(&refusal, kept)?,
            }
        }
        self.checkpoint.done.rows += from.rows as u64;
        self.checkpoint.file = from.file;
        self.checkpoint.position = from.end;
        self.amid = false;
        if self.marked.elapsed() >= self.rhythm { self.mark() } else { Ok(()) }
    }

    /// Sees to it that rows of these columns may follow, and begins the file with them.
    fn expect(&mut self, schema: &SchemaRef) -> Result<(), BatchError> {
        if let Some(known) = &self.schema {
            if !std::sync::Arc::ptr_eq(known, schema) {
                write::check_schema(schema, known)?;
            }
            return Ok(());
        }
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        match &self.checkpoint.columns {
            None => self.output.write(write::header(schema, self.format)?)?,
            Some(columns) if *columns == names => {}
            Some(columns) => {
                return Err(BatchError::Resume(format!(
                    "the part that is left has the columns {}, and these rows {}",
                    columns.join(", "),
                    names.join(", ")
                )));
            }
        }
        self.checkpoint.columns = Some(names);
        self.schema = Some(std::sync::Arc::clone(schema));
        for kept in std::mem::take(&mut self.pending) {
            self.write_null(kept.as_ref())?;
        }
        Ok(())
    }

    fn refuse(&mut self, refusal: &Refusal, kept: Option<RecordBatch>) -> Result<(), BatchError> {
        self.checkpoint.done.rejected += 1;
        match &mut self.rejects {
            Some(rejects) => rejects.write(refusal)?,
            None if self.checkpoint.done.rejected <= LOGGED => {
                let Refusal { file, row, reason, .. } = refusal;
                tracing::warn!(file, row, reason, "a row was refused");
            }
            None => {}
        }
        if self.on_error != OnError::Null {
            return Ok(());
        }
        if self.schema.is_some() {
            return self.write_null(kept.as_ref());
        }
        if self.pending.len() >= MOST_PENDING {
            return Err(TableError::Answer(format!(
                "the first {MOST_PENDING} rows were all refused, the last one because: {}",
                refusal.reason
            ))
            .into());
        }
        self.pending.push(kept);
        Ok(())
    }

    fn write_null(&mut self, kept: Option<&RecordBatch>) -> Result<(), BatchError> {
        let Some(schema) = &self.schema else { return Ok(()) };
        let row = null_row(schema, kept, self.kept)?;
        Ok(self.output.write(write::encode(row, self.format)?)?)
    }

    /// Makes what is done last, and says so beside it: whole pieces, all of whose rows are written. Else the mark before holds.
    pub(super) fn mark(&mut self) -> Result<(), BatchError> {
        self.marked = Instant::now();
        if self.amid || !self.pending.is_empty() {
            return Ok(());
        }
        let Some(mark) = self.output.mark()? else { return Ok(()) };
        self.checkpoint.output = mark;
        if let Some(rejects) = &mut self.rejects {
            self.checkpoint.rejects = rejects.mark()?;
        }
        let Some(path) = &self.path else { return Ok(()) };
        let written = self.checkpoint.write(path);
        let name = Checkpoint::path(path).display().to_string();
        Ok(written.map_err(|source| TableError::Write { name, source })?)
    }

    /// Puts the output where it belongs.
    pub(super) fn finish(mut self) -> Result<Done, BatchError> {
        if self.schema.is_none() && !self.pending.is_empty() {
            return Err(TableError::Answer(
                "every row was refused: what predictions are is not known".to_owned(),
            )
            .into());
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.mark()?;
        }
        let schema = self.schema.unwrap_or_else(|| std::sync::Arc::new(Schema::empty()));
        self.output.finish(&schema)?;
        if let Some(path) = &self.path {
            Checkpoint::remove(path);
        }
        Ok(self.checkpoint.done)
    }
}

/// Where some rows came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) rows: usize,
    pub(super) file: usize,
    pub(super) end: Position,
}
