//! Rows out of a file, chunk by chunk, from its beginning or from where an earlier run got to.
//!
//! Reading is one thread's work and does as little as it can: text is cut at the ends of records, batches are decoded. At most
//! a chunk and what the file's own parts take is held. Damaged files are errors and never panics.

mod batches;
mod text;

use std::sync::Arc;

use crate::chunk::{Chunk, Position};
use crate::error::TableError;
use crate::format::{Format, Packing};
use crate::source::Source;

/// How a file is read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// What it is written in.
    pub format: Format,
    /// How it is packed.
    pub packing: Packing,
    /// Rows of a chunk.
    pub rows: usize,
    /// Bytes of text after which a chunk ends.
    pub bytes: usize,
    /// Columns that are wanted of Parquet and Arrow; all where there is `None`.
    pub columns: Option<Vec<String>>,
}

/// Where a file is read from.
pub enum Origin {
    /// From any byte on.
    Source(Arc<dyn Source>),
    /// From its beginning, and once.
    Stream {
        /// What messages call it.
        name: String,
        /// The bytes.
        reader: Box<dyn std::io::Read + Send>,
    },
}

/// A file that is being read.
pub struct Reader(Kind);

enum Kind {
    Text(text::TextReader),
    Batches(batches::BatchReader),
}

// === impl Origin ===

impl Origin {
    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Source(source) => source.name(),
            Self::Stream { name, .. } => name,
        }
    }
}

// === impl Reader ===

impl Reader {
    /// Opens file number `file` at `position`.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is no file of its format, or is a stream that would have to begin in its middle or be searched.
    pub fn open(
        origin: Origin,
        file: usize,
        options: &ReadOptions,
        position: Position,
    ) -> Result<Self, TableError> {
        Ok(Self(if options.format.is_text() {
            Kind::Text(text::TextReader::open(origin, file, options, position)?)
        } else {
            Kind::Batches(batches::BatchReader::open(origin, file, options, position)?)
        }))
    }

    /// The next rows; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read on.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, TableError> {
        match &mut self.0 {
            Kind::Text(reader) => reader.next(),
            Kind::Batches(reader) => reader.next(),
        }
    }

    /// The names of its columns, where they are known before its rows are.
    #[must_use]
    pub fn columns(&self) -> Option<Vec<String>> {
        match &self.0 {
            Kind::Text(reader) => reader.columns(),
            Kind::Batches(reader) => Some(reader.columns()),
        }
    }

    /// How many rows the file has, where it says so.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        match &self.0 {
            Kind::Text(_) => None,
            Kind::Batches(reader) => reader.rows(),
        }
    }
}
