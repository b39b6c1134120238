//! A batch as what is appended to a file: lines for CSV and JSON Lines, the batch itself for others.
//!
//! Called by whoever predicted it, so that lines are made by as many threads as predict.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_json::writer::{Encoder, EncoderFactory, EncoderOptions, LineDelimited, NullableEncoder};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

use crate::error::TableError;
use crate::format::Format;
use crate::nested;
use crate::predictions::is_json;

/// What is appended.
#[derive(Debug)]
pub enum Piece {
    /// Lines.
    Bytes(Vec<u8>),
    /// A batch.
    Batch(RecordBatch),
}

/// Texts that are JSON already.
#[derive(Debug)]
struct RawJson;

struct RawTexts<'a>(&'a StringArray);

fn unwritable(error: &ArrowError) -> TableError {
    TableError::Answer(error.to_string())
}

/// What a file of this format begins with.
///
/// # Errors
///
/// Where names cannot be written.
pub fn header(schema: &SchemaRef, format: Format) -> Result<Piece, TableError> {
    if format != Format::Csv {
        return Ok(Piece::Bytes(Vec::new()));
    }
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let names = schema.fields().iter().map(|field| field.name());
    let written = writer.write_record(names).map_err(|error| TableError::Answer(error.to_string()));
    written?;
    let bytes = writer.into_inner().map_err(|error| TableError::Answer(error.to_string()))?;
    Ok(Piece::Bytes(bytes))
}

/// The rows of a batch.
///
/// # Errors
///
/// [`TableError::Answer`] where a value has no spelling in the format.
pub fn encode(batch: RecordBatch, format: Format) -> Result<Piece, TableError> {
    Ok(match format {
        Format::Csv => Piece::Bytes(csv(&batch)?),
        Format::JsonLines => Piece::Bytes(json_lines(&batch)?),
        Format::Parquet | Format::Arrow | Format::ArrowStream => Piece::Batch(batch),
    })
}

/// Whether rows of `other` may follow those of `first`.
///
/// # Errors
///
/// [`TableError::Mixed`] names the columns.
pub fn check_schema(other: &SchemaRef, first: &SchemaRef) -> Result<(), TableError> {
    if super::of_one_kind(other, first) { Ok(()) } else { Err(mixed(first, other)) }
}

pub(super) fn mixed(first: &SchemaRef, other: &SchemaRef) -> TableError {
    let shown = |schema: &SchemaRef| {
        let columns = schema.fields().iter();
        let columns: Vec<_> =
            columns.map(|field| format!("{} {}", field.name(), field.data_type())).collect();
        columns.join(", ")
    };
    TableError::Mixed(format!(
        "rows do not go into one file: the first have the columns {}, others {}",
        shown(first),
        shown(other)
    ))
}

fn csv(batch: &RecordBatch) -> Result<Vec<u8>, TableError> {
    let flat = flat(batch)?;
    let mut writer =
        arrow_csv::WriterBuilder::new().with_header(false).build(Vec::with_capacity(batch.num_rows() * 16));
    writer.write(&flat).map_err(|error| unwritable(&error))?;
    Ok(writer.into_inner())
}

/// The batch with nested cells as JSON texts, and JSON texts that are strings as what they say.
fn flat(batch: &RecordBatch) -> Result<Cow<'_, RecordBatch>, TableError> {
    let schema = batch.schema_ref();
    let nested = |field: &Field| is_json(field) || field.data_type().is_nested();
    if !schema.fields().iter().any(|field| nested(field)) {
        return Ok(Cow::Borrowed(batch));
    }
    let mut fields: Vec<FieldRef> = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        if !nested(field) {
            fields.push(Arc::clone(field));
            arrays.push(Arc::clone(array));
            continue;
        }
        let texts = if is_json(field) { said(array) } else { json_texts(array)? };
        fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
        arrays.push(Arc::new(texts));
    }
    let flat =
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| unwritable(&error))?;
    Ok(Cow::Owned(flat))
}

fn json_texts(array: &ArrayRef) -> Result<StringArray, TableError> {
    let texts = nested::texts(array).map_err(TableError::Answer)?;
    let text = |row: usize| {
        let text = texts.get(row).filter(|_| array.is_valid(row))?;
        std::str::from_utf8(text).ok()
    };
    Ok((0..array.len()).map(text).collect())
}

/// A JSON string as what it says, everything else as it is.
fn said(array: &ArrayRef) -> StringArray {
    let Some(texts) = array.as_string_opt::<i32>() else { return StringArray::new_null(array.len()) };
    let said = |text: &str| match serde_json::from_str::<String>(text) {
        Ok(said) => said,
        Err(_) => text.to_owned(),
    };
    texts.iter().map(|text| text.map(said)).collect()
}

fn json_lines(batch: &RecordBatch) -> Result<Vec<u8>, TableError> {
    let mut writer = arrow_json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(RawJson))
        .build::<_, LineDelimited>(Vec::with_capacity(batch.num_rows() * 32));
    writer.write(batch).and_then(|()| writer.finish()).map_err(|error| unwritable(&error))?;
    Ok(writer.into_inner())
}

// === impl RawJson ===

impl EncoderFactory for RawJson {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let texts = array.as_any().downcast_ref::<StringArray>().filter(|_| is_json(field));
        Ok(texts.map(|texts| NullableEncoder::new(Box::new(RawTexts(texts)), texts.nulls().cloned())))
    }
}

impl Encoder for RawTexts<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        // A text of several lines is still one value, on one line.
        let bytes = self.0.value(row).bytes();
        out.extend(bytes.map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    }
}
