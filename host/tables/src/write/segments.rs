//! Parquet and Arrow files, whose end says where everything is: nothing can be appended to one that was cut off.
//!
//! So what is to last is a whole file, a segment, and the next one begins. At the end the only segment is the file, or all are
//! written into one.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::partial::{failed, part, settle};
use super::{Mark, of_one_kind};
use crate::chunk::Position;
use crate::error::TableError;
use crate::format::{Format, Packing};
use crate::read::{Origin, ReadOptions, Reader};
use crate::source::LocalFile;

/// Rows of a batch while segments are put together.
const ROWS: usize = 16_384;

/// A file of batches that is being written.
pub struct Segments {
    path: PathBuf,
    format: Format,
    /// How many are whole.
    whole: u32,
    current: Option<BatchWriter<BufWriter<File>>>,
}

/// Writes batches into one file or stream.
pub(super) struct BatchWriter<W: Write + Send> {
    name: String,
    schema: SchemaRef,
    writer: Writer<W>,
}

enum Writer<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    File(FileWriter<W>),
    Stream(StreamWriter<W>),
}

// === impl Segments ===

impl Segments {
    pub(super) fn create(path: &Path, format: Format, mark: Option<&Mark>) -> Result<Self, TableError> {
        let whole = mark.map_or(0, |mark| mark.segments);
        let segments = Self { path: path.to_owned(), format, whole, current: None };
        for number in 0..whole {
            let segment = segments.segment(number);
            fs::metadata(&segment).map_err(failed(&segment))?;
        }
        // That there is room to write in is said before any work is done.
        let next = segments.segment(whole);
        File::create(&next).map_err(failed(&next))?;
        Ok(segments)
    }

    fn segment(&self, number: u32) -> PathBuf {
        part(&self.path, &number.to_string())
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        let writer = match &mut self.current {
            Some(writer) => writer,
            None => {
                let path = self.segment(self.whole);
                self.current.insert(BatchWriter::create(&path, self.format, &batch.schema())?)
            }
        };
        writer.write(batch)
    }

    pub(super) fn mark(&mut self) -> Result<Mark, TableError> {
        if let Some(writer) = self.current.take() {
            writer.lasting(&self.segment(self.whole))?;
            self.whole += 1;
        }
        Ok(Mark { bytes: 0, segments: self.whole })
    }

    pub(super) fn finish(mut self, schema: &SchemaRef) -> Result<(), TableError> {
        if self.whole == 0 && self.current.is_none() {
            self.current = Some(BatchWriter::create(&self.segment(0), self.format, schema)?);
        }
        self.mark()?;
        if self.whole == 1 {
            settle(&self.segment(0), &self.path)?;
        } else {
            self.join()?;
        }
        for number in 0..=self.whole {
            // Whatever is left of them is of no use to anyone.
            let _ = fs::remove_file(self.segment(number));
        }
        Ok(())
    }

    /// Writes all segments into one file.
    fn join(&self) -> Result<(), TableError> {
        let whole = part(&self.path, "");
        let mut joined: Option<BatchWriter<BufWriter<File>>> = None;
        for number in 0..self.whole {
            let segment = self.segment(number);
            let source = LocalFile::open(&segment).map_err(failed(&segment))?;
            let options = ReadOptions {
                format: self.format,
                packing: Packing::Plain,
                rows: ROWS,
                bytes: usize::MAX,
                columns: None,
            };
            let origin = Origin::Source(Arc::new(source));
            let mut reader = Reader::open(origin, 0, &options, Position::default())?;
            while let Some(chunk) = reader.next_chunk()? {
                let Some(batch) = chunk.batch() else { continue };
                let writer = match &mut joined {
                    Some(writer) => writer,
                    None => joined.insert(BatchWriter::create(&whole, self.format, &batch.schema())?),
                };
                writer.write(batch)?;
            }
        }
        if let Some(writer) = joined {
            writer.lasting(&whole)?;
        }
        settle(&whole, &self.path)
    }
}

// === impl BatchWriter ===

impl BatchWriter<BufWriter<File>> {
    fn create(path: &Path, format: Format, schema: &SchemaRef) -> Result<Self, TableError> {
        let file = File::create(path).map_err(failed(path))?;
        Self::new(&path.display().to_string(), format, BufWriter::with_capacity(1 << 18, file), schema)
    }

    /// Ends the file, and has it on the disk.
    fn lasting(self, path: &Path) -> Result<(), TableError> {
        let file = self.finish()?;
        let failed = failed(path);
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_data().map_err(failed)
    }
}

impl<W: Write + Send> BatchWriter<W> {
    pub(super) fn new(name: &str, format: Format, file: W, schema: &SchemaRef) -> Result<Self, TableError> {
        let ipc = |error| TableError::of_arrow(name, "Arrow", "", error);
        let options =
            || IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).map_err(ipc);
        let writer = match format {
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties));
                Writer::Parquet(Box::new(writer.map_err(|error| TableError::of_parquet(name, "", error))?))
            }
            Format::ArrowStream => {
                Writer::Stream(StreamWriter::try_new_with_options(file, schema, options()?).map_err(ipc)?)
            }
            _ => Writer::File(FileWriter::try_new_with_options(file, schema, options()?).map_err(ipc)?),
        };
        Ok(Self { name: name.to_owned(), schema: Arc::clone(schema), writer })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        if !of_one_kind(&batch.schema(), &self.schema) {
            return Err(super::encode::mixed(&self.schema, &batch.schema()));
        }
        // Whether something may be missing is the file's word, not the batch's.
        let batch = batch.clone().with_schema(Arc::clone(&self.schema));
        let batch = batch.map_err(|error| TableError::of_arrow(&self.name, "Arrow", "", error))?;
        match &mut self.writer {
            Writer::Parquet(writer) => {
                writer.write(&batch).map_err(|error| written(&self.name, error.into()))
            }
            Writer::File(writer) => writer.write(&batch).map_err(|error| written(&self.name, error)),
            Writer::Stream(writer) => writer.write(&batch).map_err(|error| written(&self.name, error)),
        }
    }

    pub(super) fn finish(self) -> Result<W, TableError> {
        let name = self.name;
        match self.writer {
            Writer::Parquet(writer) => writer.into_inner().map_err(|error| written(&name, error.into())),
            Writer::File(writer) => writer.into_inner().map_err(|error| written(&name, error)),
            Writer::Stream(writer) => writer.into_inner().map_err(|error| written(&name, error)),
        }
    }
}

/// What the libraries say when a file cannot be written, which is the system's word as a rule.
fn written(name: &str, error: arrow_schema::ArrowError) -> TableError {
    use arrow_schema::ArrowError;
    let source = match error {
        ArrowError::IoError(_, source) => source,
        ArrowError::ExternalError(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => *source,
            Err(source) => std::io::Error::other(source),
        },
        other => std::io::Error::other(other),
    };
    TableError::Write { name: name.to_owned(), source }
}
