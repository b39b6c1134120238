//! Rows into a file that is there as a whole or not at all, and can be gone on with after a kill.
//!
//! [`encode`] turns a batch into bytes on any thread; an [`Output`] takes them in order. A file is written beside where it
//! belongs and renamed at its end. [`Output::mark`] makes what was written so far last: [`Output::create`] with that mark goes on
//! behind it, whatever was written since.

mod encode;
mod partial;
mod segments;
mod text;

use std::io::Write;
use std::path::Path;

use arrow_schema::SchemaRef;

pub use self::encode::{Piece, check_schema, encode, header};
pub use self::partial::part;
use self::segments::Segments;
use self::text::TextOutput;
use crate::error::TableError;
use crate::format::{Format, Packing};

/// What is kept of an output that is gone on with.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// Of text, packed as it is.
    pub bytes: u64,
    /// Of Parquet and Arrow, which are written in as many parts before they are put together.
    pub segments: u32,
}

/// A file that is being written.
pub enum Output {
    /// Lines.
    Text(TextOutput),
    /// Batches.
    Segments(Segments),
    /// What goes to a stream.
    Stream(StreamOutput),
}

/// A stream that rows go to, such as standard output.
pub struct StreamOutput {
    name: String,
    format: Format,
    stream: Option<Box<dyn Write + Send>>,
    batches: Option<segments::BatchWriter<Box<dyn Write + Send>>>,
}

// === impl Output ===

impl Output {
    /// Begins a file at `path`, or goes on with one that was left at `mark`.
    ///
    /// # Errors
    ///
    /// The system's; where less is left than `mark` says.
    pub fn create(
        path: &Path,
        format: Format,
        packing: Packing,
        mark: Option<&Mark>,
    ) -> Result<Self, TableError> {
        Ok(if format.is_text() {
            Self::Text(TextOutput::create(path, packing, mark)?)
        } else {
            Self::Segments(Segments::create(path, format, mark)?)
        })
    }

    /// Writes to a stream, which is what it is even where the work fails.
    #[must_use]
    pub fn stream(name: &str, format: Format, stream: Box<dyn Write + Send>) -> Self {
        Self::Stream(StreamOutput { name: name.to_owned(), format, stream: Some(stream), batches: None })
    }

    /// Appends what [`encode`] made.
    ///
    /// # Errors
    ///
    /// The system's, such as a full disk. What was written is still there: a mark may be taken of what came before.
    pub fn write(&mut self, piece: Piece) -> Result<(), TableError> {
        match (self, piece) {
            (_, Piece::Bytes(bytes)) if bytes.is_empty() => Ok(()),
            (Self::Text(output), Piece::Bytes(bytes)) => output.write(&bytes),
            (Self::Segments(output), Piece::Batch(batch)) => output.write(&batch),
            (Self::Stream(output), piece) => output.write(piece),
            (Self::Text(_) | Self::Segments(_), _) => {
                Err(TableError::Mixed("lines and batches do not go into one file".to_owned()))
            }
        }
    }

    /// Makes what was written last, also over a crash. `None` where it is a stream, which has no middle to go on from.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn mark(&mut self) -> Result<Option<Mark>, TableError> {
        match self {
            Self::Text(output) => output.mark().map(Some),
            Self::Segments(output) => output.mark().map(Some),
            Self::Stream(output) => output.flush().map(|()| None),
        }
    }

    /// Puts the file where it belongs. `schema` is of files without rows.
    ///
    /// # Errors
    ///
    /// The system's; then there is no file, and what was there before is as it was.
    pub fn finish(self, schema: &SchemaRef) -> Result<(), TableError> {
        match self {
            Self::Text(output) => output.finish(),
            Self::Segments(output) => output.finish(schema),
            Self::Stream(output) => output.finish(schema),
        }
    }
}

// === impl StreamOutput ===

impl StreamOutput {
    fn failed(&self) -> impl Fn(std::io::Error) -> TableError + use<> {
        let name = self.name.clone();
        move |source| TableError::Write { name: name.clone(), source }
    }

    fn write(&mut self, piece: Piece) -> Result<(), TableError> {
        let failed = self.failed();
        match piece {
            Piece::Bytes(bytes) => match &mut self.stream {
                Some(stream) => stream.write_all(&bytes).map_err(failed),
                None => Err(TableError::Mixed("lines and batches do not go into one stream".to_owned())),
            },
            Piece::Batch(batch) => self.batches(&batch.schema())?.write(&batch),
        }
    }

    fn batches(
        &mut self,
        schema: &SchemaRef,
    ) -> Result<&mut segments::BatchWriter<Box<dyn Write + Send>>, TableError> {
        if let Some(stream) = self.stream.take() {
            self.batches = Some(segments::BatchWriter::new(&self.name, self.format, stream, schema)?);
        }
        let gone = || TableError::Mixed("the stream is gone".to_owned());
        self.batches.as_mut().ok_or_else(gone)
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let failed = self.failed();
        self.stream.as_mut().map_or(Ok(()), Write::flush).map_err(failed)
    }

    fn finish(mut self, schema: &SchemaRef) -> Result<(), TableError> {
        if !self.format.is_text() {
            self.batches(schema)?;
        }
        self.flush()?;
        let failed = self.failed();
        match self.batches {
            Some(batches) => batches.finish()?.flush().map_err(failed),
            None => Ok(()),
        }
    }
}

/// Whether rows of both may stand in one file.
fn of_one_kind(one: &SchemaRef, other: &SchemaRef) -> bool {
    let types = |schema: &SchemaRef| {
        schema
            .fields()
            .iter()
            .map(|field| (field.name().clone(), field.data_type().clone()))
            .collect::<Vec<_>>()
    };
    types(one) == types(other)
}
