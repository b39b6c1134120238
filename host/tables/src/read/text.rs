//! CSV and JSON Lines, packed or not.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use bytes::Bytes;
use mlhost_wire::dialect::mlflow::csv::Layout;

use super::{Origin, ReadOptions};
use crate::chunk::{Body, Chunk, Position, Text};
use crate::error::TableError;
use crate::format::{Format, Packing};
use crate::records::{self, Most, Records, Syntax};
use crate::source::Cursor;

/// Where a file's header must end.
const BEGINNING: usize = 8 << 20;

pub(super) struct TextReader {
    name: String,
    file: usize,
    format: &'static str,
    records: Records<Box<dyn Read + Send>>,
    most: Most,
    layout: Option<Arc<Layout>>,
    at: Position,
}

// === impl TextReader ===

impl TextReader {
    pub(super) fn open(
        origin: Origin,
        file: usize,
        options: &ReadOptions,
        position: Position,
    ) -> Result<Self, TableError> {
        let name = origin.name().to_owned();
        let csv = options.format == Format::Csv;
        let syntax = if csv { Syntax::Csv } else { Syntax::Lines };
        let mut reader = Self {
            file,
            format: if csv { "CSV" } else { "JSON Lines" },
            records: Records::new(Box::new(io::empty()), syntax),
            most: Most { records: options.rows.max(1), bytes: options.bytes },
            layout: None,
            at: position,
            name,
        };
        let begin = Position::default();
        let resumed = position != begin;
        match origin {
            Origin::Source(source) if resumed && csv => {
                // The header says what the rows are, wherever they begin.
                let beginning = unpacked(Box::new(Cursor::new(Arc::clone(&source), 0)), options.packing);
                reader.records = Records::new(reader.reading(beginning)?, syntax);
                reader.read_header()?;
                let rest = from(source, options.packing, position.byte);
                reader.records = Records::new(reader.reading(rest)?, syntax);
                reader.at = position;
            }
            Origin::Source(source) => {
                let rest = from(source, options.packing, position.byte);
                reader.records = Records::new(reader.reading(rest)?, syntax);
                if csv {
                    reader.read_header()?;
                }
            }
            Origin::Stream { reader: stream, .. } => {
                if resumed {
                    return Err(reader.damaged("a stream has no middle to begin in"));
                }
                let stream = unpacked(stream, options.packing);
                reader.records = Records::new(reader.reading(stream)?, syntax);
                if csv {
                    reader.read_header()?;
                }
            }
        }
        Ok(reader)
    }

    pub(super) fn columns(&self) -> Option<Vec<String>> {
        self.layout.as_ref().map(|layout| layout.names.clone())
    }

    pub(super) fn next(&mut self) -> Result<Option<Chunk>, TableError> {
        let block = self.records.next(self.most).map_err(|error| self.unreadable(error))?;
        let Some(block) = block else { return Ok(None) };
        let (rows, line) = (block.ends.len(), self.at.line);
        let first_row = self.at.row;
        self.at.row += rows as u64;
        self.at.line += records::lines(&block.bytes) as u64;
        self.at.byte += block.bytes.len() as u64;
        let text = Text { bytes: Bytes::from(block.bytes), ends: block.ends.into(), range: 0..rows, line };
        let body = match &self.layout {
            Some(layout) => Body::Csv(Arc::clone(layout), text),
            None => Body::Lines(text),
        };
        Ok(Some(Chunk { file: self.file, first_row, rows, end: self.at, body }))
    }

    /// Reads the header of CSV, and looks at the first row for an index.
    fn read_header(&mut self) -> Result<(), TableError> {
        let one = Most { records: 1, bytes: BEGINNING };
        let header = self.records.next(one).map_err(|error| self.unreadable(error))?;
        let header = header.ok_or_else(|| self.damaged("it is empty: its first line names the columns"))?;
        let row = self.records.peek().map(<[u8]>::to_vec).map_err(|error| self.unreadable(error))?;
        let beginning = [header.bytes.as_slice(), &row].concat();
        let layout = Layout::read(&beginning).map_err(|fault| self.damaged(&fault.public))?;
        self.layout = Some(Arc::new(layout));
        self.at.byte += header.bytes.len() as u64;
        self.at.line += records::lines(&header.bytes) as u64;
        Ok(())
    }

    fn reading(&self, reader: io::Result<Box<dyn Read + Send>>) -> Result<Box<dyn Read + Send>, TableError> {
        reader.map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: io::Error) -> TableError {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                self.damaged(&error.to_string())
            }
            _ => TableError::Read { name: self.name.clone(), source: error },
        }
    }

    fn damaged(&self, problem: &str) -> TableError {
        let place = match self.at.row {
            0 => String::new(),
            row => format!(" behind row {row} (line {})", self.at.line),
        };
        TableError::damaged(&self.name, self.format, &place, problem)
    }
}

/// What a file unpacks to from byte `skipped` on.
fn from(
    source: Arc<dyn crate::source::Source>,
    packing: Packing,
    skipped: u64,
) -> io::Result<Box<dyn Read + Send>> {
    if packing == Packing::Plain {
        return Ok(Box::new(Cursor::new(source, skipped)));
    }
    let mut reader = unpacked(Box::new(Cursor::new(source, 0)), packing)?;
    io::copy(&mut reader.by_ref().take(skipped), &mut io::sink())?;
    Ok(reader)
}

fn unpacked(reader: Box<dyn Read + Send>, packing: Packing) -> io::Result<Box<dyn Read + Send>> {
    Ok(match packing {
        Packing::Plain => reader,
        Packing::Gzip => {
            let reader = BufReader::with_capacity(1 << 18, reader);
            Box::new(flate2::bufread::MultiGzDecoder::new(reader))
        }
        Packing::Zstandard => Box::new(zstd::Decoder::new(reader)?),
    })
}
