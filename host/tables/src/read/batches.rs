//! Parquet and Arrow, whose libraries read record batches.
//!
//! They were not written for files of strangers and may panic at some that are damaged: they run behind `catch_unwind`, and
//! what has panicked is not asked again.

use std::io::{BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Origin, ReadOptions};
use crate::chunk::{Body, Chunk, Position};
use crate::error::TableError;
use crate::format::Format;
use crate::source::{Cursor, Ranges, Source};

/// Cells of a chunk at most: of tables with many columns it has fewer rows.
const CELLS: usize = 1 << 20;

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

pub(super) struct BatchReader {
    name: String,
    file: usize,
    format: &'static str,
    schema: SchemaRef,
    /// `None` once they have come to an end, good or bad.
    batches: Option<Batches>,
    /// What is left of a batch that has more rows than a chunk.
    left: Option<RecordBatch>,
    rows_of_chunk: usize,
    rows: Option<u64>,
    at: Position,
    /// Rows still to be passed over.
    skip: u64,
}

/// A file that was opened.
struct Opened {
    schema: SchemaRef,
    batches: Batches,
    rows: Option<u64>,
    /// How many rows the library has passed over itself.
    skipped: u64,
}

// === impl BatchReader ===

impl BatchReader {
    pub(super) fn open(
        origin: Origin,
        file: usize,
        options: &ReadOptions,
        position: Position,
    ) -> Result<Self, TableError> {
        let name = origin.name().to_owned();
        let format = format_name(options.format);
        let opened = guarded(|| open(origin, options, position));
        let opened =
            opened.unwrap_or_else(|| Err(TableError::damaged(&name, format, "", "it is damaged")))?;
        let columns = opened.schema.fields().len().max(1);
        let rows_of_chunk = options.rows.min(CELLS / columns).max(1);
        Ok(Self {
            name,
            file,
            format,
            schema: opened.schema,
            batches: Some(opened.batches),
            left: None,
            rows_of_chunk,
            rows: opened.rows,
            at: position,
            skip: position.row - opened.skipped,
        })
    }

    pub(super) fn columns(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    pub(super) fn rows(&self) -> Option<u64> {
        self.rows
    }

    pub(super) fn next(&mut self) -> Result<Option<Chunk>, TableError> {
        loop {
            let Some(mut batch) = self.left.take().map_or_else(|| self.batch(), |batch| Ok(Some(batch)))?
            else {
                return Ok(None);
            };
            let rows = batch.num_rows();
            let skip = usize::try_from(self.skip).unwrap_or(usize::MAX).min(rows);
            self.skip -= skip as u64;
            batch = batch.slice(skip, rows - skip);
            if batch.num_rows() == 0 {
                continue;
            }
            let rows = batch.num_rows().min(self.rows_of_chunk);
            if rows < batch.num_rows() {
                self.left = Some(batch.slice(rows, batch.num_rows() - rows));
                batch = batch.slice(0, rows);
            }
            let first_row = self.at.row;
            self.at.row += rows as u64;
            let body = Body::Batch(batch);
            return Ok(Some(Chunk { file: self.file, first_row, rows, end: self.at, body }));
        }
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, TableError> {
        let place = match self.at.row {
            0 => String::new(),
            row => format!(" behind row {row}"),
        };
        let Some(mut batches) = self.batches.take() else { return Ok(None) };
        match guarded(|| batches.next()) {
            Some(Some(Ok(batch))) => {
                self.batches = Some(batches);
                Ok(Some(batch))
            }
            Some(None) => Ok(None),
            Some(Some(Err(error))) => Err(TableError::of_arrow(&self.name, self.format, &place, error)),
            None => Err(TableError::damaged(&self.name, self.format, &place, "it is damaged")),
        }
    }
}

/// What `work` gives; `None` where it panics.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Parquet => "Parquet",
        Format::ArrowStream => "Arrow stream",
        _ => "Arrow",
    }
}

fn open(origin: Origin, options: &ReadOptions, position: Position) -> Result<Opened, TableError> {
    match (options.format, origin) {
        (Format::Parquet, Origin::Source(source)) => parquet(&source, options, position),
        (Format::Parquet, Origin::Stream { name, .. }) => {
            let problem =
                "a stream cannot be searched, and a Parquet file is read from its end: name the file";
            Err(TableError::damaged(&name, "Parquet", "", problem))
        }
        (_, Origin::Source(source)) => {
            let mut magic = [0; 6];
            let mut cursor = Cursor::new(Arc::clone(&source), 0);
            let file = cursor.read_exact(&mut magic).is_ok() && magic == *b"ARROW1";
            if file {
                arrow_file(&source, options)
            } else {
                arrow_stream(source.name(), Box::new(Cursor::new(Arc::clone(&source), 0)), options)
            }
        }
        (_, Origin::Stream { name, reader }) => arrow_stream(&name, reader, options),
    }
}

/// The columns that are wanted of those there are.
fn wanted(schema: &SchemaRef, options: &ReadOptions, index: &[String]) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    let wanted = fields.filter(|(_, field)| match &options.columns {
        Some(columns) => columns.contains(field.name()),
        // What pandas calls its index, which no model sees.
        None => !index.contains(field.name()),
    });
    wanted.map(|(position, _)| position).collect()
}

/// The columns that pandas says are the index.
fn index_of_pandas(metadata: Option<&str>) -> Vec<String> {
    let metadata = metadata.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let columns = metadata.as_ref().and_then(|metadata| metadata.get("index_columns")?.as_array());
    columns.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

fn parquet(
    source: &Arc<dyn Source>,
    options: &ReadOptions,
    position: Position,
) -> Result<Opened, TableError> {
    let failed = |error| TableError::of_parquet(source.name(), "", error);
    let builder = ParquetRecordBatchReaderBuilder::try_new(Ranges(Arc::clone(source))).map_err(failed)?;
    let metadata = builder.metadata().file_metadata();
    let rows = u64::try_from(metadata.num_rows()).ok();
    let pairs = metadata.key_value_metadata().into_iter().flatten();
    let pandas = pairs.filter(|pair| pair.key == "pandas").find_map(|pair| pair.value.as_deref());
    let wanted = wanted(builder.schema(), options, &index_of_pandas(pandas));
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    let skipped = usize::try_from(position.row).unwrap_or(usize::MAX);
    let builder = builder.with_projection(mask).with_batch_size(options.rows.max(1)).with_offset(skipped);
    let reader = builder.build().map_err(failed)?;
    let schema = arrow_array::RecordBatchReader::schema(&reader);
    Ok(Opened { schema, batches: Box::new(reader), rows, skipped: position.row })
}

fn arrow_file(source: &Arc<dyn Source>, options: &ReadOptions) -> Result<Opened, TableError> {
    let name = source.name().to_owned();
    let failed = |error| TableError::of_arrow(&name, "Arrow", "", error);
    let open =
        |projection| FileReader::try_new(BufReader::new(Cursor::new(Arc::clone(source), 0)), projection);
    let whole = open(None).map_err(failed)?;
    let index = index_of_pandas(whole.schema().metadata().get("pandas").map(String::as_str));
    let wanted = wanted(&whole.schema(), options, &index);
    let reader = open(Some(wanted)).map_err(failed)?;
    Ok(Opened { schema: reader.schema(), batches: Box::new(reader), rows: None, skipped: 0 })
}

fn arrow_stream(
    name: &str,
    reader: Box<dyn Read + Send>,
    options: &ReadOptions,
) -> Result<Opened, TableError> {
    let failed = |error| TableError::of_arrow(name, "Arrow stream", "", error);
    let reader = StreamReader::try_new(BufReader::new(reader), None).map_err(failed)?;
    let index = index_of_pandas(reader.schema().metadata().get("pandas").map(String::as_str));
    let wanted = wanted(&reader.schema(), options, &index);
    let schema = Arc::new(reader.schema().project(&wanted).map_err(failed)?);
    let batches = reader.map(move |batch| batch.and_then(|batch| batch.project(&wanted)));
    Ok(Opened { schema, batches: Box::new(batches), rows: None, skipped: 0 })
}
