//! One call, and where it fails as many as it takes to find the rows that are to blame.
//!
//! Called by each thread of [`super::pipeline`]. A model sees some thousand rows at a time, and one that is wrong fails them all: they
//! are asked again in halves, until those are known that fail alone. Whatever is no row's fault ends the work.

use std::time::{Duration, Instant};

use arrow_array::{Array as _, RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use mlhost_tables::chunk::Chunk;
use mlhost_tables::format::Format;
use mlhost_tables::predictions::{in_rows, predictions_of};
use mlhost_tables::write::{self, Piece};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::{Call, Param};

use super::{BatchError, OnError, Refusal};
use crate::app::App;
use crate::fault;
use crate::observe::Stages;

/// How much of a refused row is kept.
const SHOWN: usize = 4096;

/// What all calls of a run have in common.
pub(super) struct Asking<'a> {
    pub(super) app: &'a App,
    pub(super) files: &'a [String],
    pub(super) columns: &'a [String],
    pub(super) params: &'a [Param],
    pub(super) format: Format,
    pub(super) time: Duration,
    pub(super) on_error: OnError,
}

/// What came of some rows that stand together.
pub(super) enum Part {
    /// Predictions.
    Rows {
        /// What is written.
        piece: Piece,
        /// Its columns.
        schema: SchemaRef,
    },
    /// One row that was refused.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Its input columns, where they could be read.
        kept: Option<RecordBatch>,
    },
}

// === impl Asking ===

impl Asking<'_> {
    /// What comes of a chunk's rows, in their order.
    pub(super) async fn ask(&self, chunk: &Chunk) -> Result<Vec<Part>, BatchError> {
        let mut parts = Vec::with_capacity(1);
        // The last one is next.
        let mut waiting = vec![chunk.clone()];
        while let Some(chunk) = waiting.pop() {
            match self.predict(&chunk).await {
                Ok(batch) => parts.push(self.part(&chunk, batch)?),
                Err(fault) if !is_of_rows(fault.kind) => return Err(BatchError::Fault(fault)),
                Err(_) if chunk.rows > 1 => {
                    let middle = chunk.rows / 2;
                    waiting.push(chunk.slice(middle..chunk.rows));
                    waiting.push(chunk.slice(0..middle));
                }
                Err(fault) => parts.push(self.refused(&chunk, &fault)?),
            }
        }
        Ok(parts)
    }

    async fn predict(&self, chunk: &Chunk) -> Result<RecordBatch, Fault> {
        let input = chunk.input(&self.app.interface)?;
        let call = Call { input, params: self.params.to_vec() };
        let deadline = Instant::now() + self.time;
        let reply = self.app.predict(&call, deadline, &mut Stages::default()).await;
        let reply = reply.map_err(fault::of_prediction)?;
        let reply = if self.app.is_sandboxed() { reply } else { in_rows(reply, chunk.rows) };
        predictions_of(reply, chunk.rows)
            .map_err(|error| Fault::new(FaultKind::GuestTrapped, error.to_string()))
    }

    fn part(&self, chunk: &Chunk, predictions: RecordBatch) -> Result<Part, BatchError> {
        let batch = if self.columns.is_empty() {
            predictions
        } else {
            let kept = chunk.kept(self.file(chunk), self.columns)?;
            beside(&kept, &predictions)?
        };
        let schema = batch.schema();
        let piece = write::encode(batch, self.format)?;
        Ok(Part::Rows { piece, schema })
    }

    fn refused(&self, chunk: &Chunk, fault: &Fault) -> Result<Part, BatchError> {
        let mut data = chunk.text();
        if data.len() > SHOWN {
            let end = (0..=SHOWN).rev().find(|end| data.is_char_boundary(*end)).unwrap_or_default();
            data.truncate(end);
            data.push('…');
        }
        let reason = match fault.detail.as_str() {
            "" => fault.public.clone(),
            detail => format!("{} ({detail})", fault.public),
        };
        let file = self.file(chunk).to_owned();
        let refusal = Refusal { file, row: chunk.first_row, line: chunk.line(), reason, data };
        if self.on_error == OnError::Fail {
            return Err(BatchError::Refused(Box::new(refusal), fault.kind));
        }
        // A line that is no JSON has no columns either.
        let kept = chunk.kept(self.file(chunk), self.columns).ok();
        Ok(Part::Refused { refusal, kept })
    }

    fn file(&self, chunk: &Chunk) -> &str {
        self.files.get(chunk.file).map_or("", String::as_str)
    }
}

/// Whether asking for fewer rows could end otherwise.
fn is_of_rows(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::BadInput
            | FaultKind::TooLarge
            | FaultKind::Deadline
            | FaultKind::GuestRejected
            | FaultKind::GuestTrapped
            | FaultKind::GuestExhausted
            | FaultKind::Backend
    )
}

/// Input columns, then predictions.
fn beside(kept: &RecordBatch, predictions: &RecordBatch) -> Result<RecordBatch, BatchError> {
    let (kept_fields, fields) = (kept.schema(), predictions.schema());
    if let Some(field) = fields.fields().iter().find(|field| kept_fields.index_of(field.name()).is_ok()) {
        return Err(BatchError::Fault(Fault::new(
            FaultKind::BadInput,
            format!(
                "the model answers a column `{0}`, and `--columns` keeps the input's column `{0}`",
                field.name()
            ),
        )));
    }
    let fields: Vec<_> =
        kept_fields.fields().iter().chain(fields.fields()).map(std::sync::Arc::clone).collect();
    let arrays = kept.columns().iter().chain(predictions.columns()).map(std::sync::Arc::clone).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(predictions.num_rows()));
    RecordBatch::try_new_with_options(std::sync::Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| BatchError::Fault(Fault::new(FaultKind::Internal, error.to_string())))
}

/// A row of `schema` whose first columns are `kept`, and whose others are null.
pub(super) fn null_row(
    schema: &SchemaRef,
    kept: Option<&RecordBatch>,
    count: usize,
) -> Result<RecordBatch, BatchError> {
    let arrays = schema.fields().iter().enumerate().map(|(position, field)| {
        let known = kept.filter(|_| position < count).and_then(|kept| kept.columns().get(position));
        match known {
            Some(array) if array.data_type() == field.data_type() => std::sync::Arc::clone(array),
            _ => arrow_array::new_null_array(field.data_type(), 1),
        }
    });
    let arrays = arrays.collect();
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(std::sync::Arc::clone(schema), arrays, &options)
        .map_err(|error| BatchError::Fault(Fault::new(FaultKind::Internal, error.to_string())))
}
