//! Some whole rows of a file: what is predicted on in one call, and what is taken apart where a call fails.
//!
//! Made by [`crate::read`], asked from any thread: what takes time, such as parsing, is done here and not while the file is
//! read.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::dialect::mlflow::csv::{Layout, Start};
use mlhost_wire::dialect::{Dialect as _, Interface, Request};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::signature::Schema;
use mlhost_wire::values::Input;

use crate::error::TableError;
use crate::input::input_of;
use crate::kept;
use crate::records;

/// Some rows.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Which of the files.
    pub file: usize,
    /// The first row's number in the file, from 0 on.
    pub first_row: u64,
    /// How many.
    pub rows: usize,
    /// Where reading would go on behind it.
    pub end: Position,
    pub(crate) body: Body,
}

/// A place between rows of a file, to go on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Rows before it.
    pub row: u64,
    /// For text, lines before it.
    pub line: u64,
    /// For text, bytes before it, unpacked.
    pub byte: u64,
}

/// Text and where its records end.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) bytes: Bytes,
    /// Where each record ends in `bytes`.
    pub(crate) ends: Arc<[u32]>,
    pub(crate) range: Range<usize>,
    /// Lines of the file before `bytes`.
    pub(crate) line: u64,
}

/// Rows as their file has them.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Csv(Arc<Layout>, Text),
    Lines(Text),
    Batch(RecordBatch),
}

// === impl Chunk ===

impl Chunk {
    /// Some of its rows, which must be within it.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let body = match &self.body {
            Body::Csv(layout, text) => Body::Csv(Arc::clone(layout), text.slice(&rows)),
            Body::Lines(text) => Body::Lines(text.slice(&rows)),
            Body::Batch(batch) => Body::Batch(batch.slice(rows.start, rows.len())),
        };
        Self { first_row: self.first_row + rows.start as u64, rows: rows.len(), body, ..self.clone() }
    }

    /// What a model is given for these rows.
    ///
    /// # Errors
    ///
    /// A fault that names the row, or the column: what `/invocations` would answer.
    pub fn input(&self, interface: &Interface) -> Result<Input, Fault> {
        let input = match &self.body {
            Body::Csv(layout, text) => {
                let start = Start { row: usize_of(self.first_row), line: usize_of(text.line_of_start()) };
                layout.decode(text.bytes(), start, &interface.signature)?
            }
            Body::Lines(text) => lines(text, interface)?,
            Body::Batch(batch) => input_of(batch, &interface.signature)?,
        };
        let found = match &input {
            Input::Table(table) => Some(table.rows),
            Input::Tensors(tensors) => {
                tensors.first().and_then(|named| named.tensor.shape.first()).map(|rows| *rows as usize)
            }
            Input::Blob(_) => None,
        };
        if found.is_some_and(|found| found != self.rows) {
            let found = found.unwrap_or_default();
            return Err(bad_input(format!("{} rows are {found} of what the model takes", self.rows)));
        }
        Ok(input)
    }

    /// The columns that stand beside predictions, as they are in the file.
    ///
    /// # Errors
    ///
    /// [`TableError::NoColumn`]; [`TableError::Damaged`] where a line is no JSON object.
    pub fn kept(&self, file: &str, columns: &[String]) -> Result<RecordBatch, TableError> {
        match &self.body {
            Body::Csv(layout, text) => kept::of_csv(file, layout, text.bytes(), columns),
            Body::Lines(text) => kept::of_lines(file, text.lines(), columns),
            Body::Batch(batch) => kept::of_batch(file, batch, columns),
        }
    }

    /// The rows as text, for people: lines as they are, others as JSON.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.body {
            Body::Csv(_, text) | Body::Lines(text) => {
                String::from_utf8_lossy(text.bytes()).trim_matches(['\r', '\n']).to_owned()
            }
            Body::Batch(batch) => {
                let mut writer = arrow_json::LineDelimitedWriter::new(Vec::new());
                // What has no JSON has no text.
                let written = writer.write(batch).and_then(|()| writer.finish());
                let lines = written.map(|()| writer.into_inner()).unwrap_or_default();
                String::from_utf8_lossy(&lines).trim_end().to_owned()
            }
        }
    }

    /// The rows as a batch, where the file has batches.
    #[must_use]
    pub fn batch(&self) -> Option<&RecordBatch> {
        match &self.body {
            Body::Batch(batch) => Some(batch),
            Body::Csv(..) | Body::Lines(_) => None,
        }
    }

    /// The line of the file that the first row begins in, from 1 on, where the file has lines.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match &self.body {
            Body::Csv(_, text) | Body::Lines(text) => {
                // Blank lines go with the record behind them.
                let bytes = text.bytes();
                let blank =
                    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
                let before = bytes.get(..blank).unwrap_or_default();
                Some(text.line_of_start() + records::lines(before) as u64 + 1)
            }
            Body::Batch(_) => None,
        }
    }
}

fn usize_of(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn bad_input(problem: String) -> Fault {
    Fault::new(FaultKind::BadInput, problem)
}

/// Lines of JSON as one request's records.
fn lines(text: &Text, interface: &Interface) -> Result<Input, Fault> {
    let mut body = Vec::with_capacity(text.bytes().len() + 64);
    let tensors = matches!(interface.signature.inputs, Some(Schema::Tensors(_)));
    let objects = text.lines().next().is_some_and(|line| line.trim_ascii_start().starts_with(b"{"));
    let form: &[u8] = if objects && !tensors { b"{\"dataframe_records\": [" } else { b"{\"instances\": [" };
    body.extend_from_slice(form);
    for (position, line) in text.lines().enumerate() {
        // One value and no more: together they must not be another request than each says.
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(line)
            && !is_python_number(line)
        {
            return Err(bad_input(format!("it is not one JSON text: {error}")));
        }
        if position > 0 {
            body.push(b',');
        }
        body.extend_from_slice(line.trim_ascii());
    }
    body.extend_from_slice(b"]}");
    let request = Request { content_type: Some("application/json"), body: &body };
    Ok(Mlflow::default().decode(request, interface)?.call.input)
}

/// What Python writes into JSON and is none: whether it could be why a line is not JSON.
fn is_python_number(line: &[u8]) -> bool {
    let without =
        String::from_utf8_lossy(line).replace("-Infinity", "0").replace("Infinity", "0").replace("NaN", "0");
    serde_json::from_str::<serde::de::IgnoredAny>(&without).is_ok()
}

// === impl Text ===

impl Text {
    fn slice(&self, rows: &Range<usize>) -> Self {
        let range = self.range.start + rows.start..self.range.start + rows.end;
        Self { range, ..self.clone() }
    }

    /// Where record `index` begins.
    fn begin(&self, index: usize) -> usize {
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before).copied());
        before.unwrap_or_default() as usize
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let (start, end) = (self.begin(self.range.start), self.begin(self.range.end));
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Its records, one by one, without blank lines before them.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.range.clone().map(|index| {
            let record = self.bytes.get(self.begin(index)..self.begin(index + 1)).unwrap_or_default();
            record.trim_ascii()
        })
    }

    /// Lines of the file before its first record.
    fn line_of_start(&self) -> u64 {
        let before = self.bytes.get(..self.begin(self.range.start)).unwrap_or_default();
        self.line + records::lines(before) as u64
    }
}
