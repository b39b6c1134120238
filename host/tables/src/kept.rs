//! Columns of a file that are to stand beside its predictions.
//!
//! Called for each chunk. What comes out of text is text, cell by cell as it was; JSON stays JSON.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema};
use mlhost_wire::dialect::mlflow::csv::Layout;
use serde_json::value::RawValue;

use crate::error::TableError;
use crate::predictions::json_field;

/// Of a CSV file's records.
pub(crate) fn of_csv(
    file: &str,
    layout: &Layout,
    records: &[u8],
    columns: &[String],
) -> Result<RecordBatch, TableError> {
    let positions = positions(file, columns, layout.names.iter().map(String::as_str))?;
    let mut builders: Vec<_> = columns.iter().map(|_| StringBuilder::new()).collect();
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(records);
    let mut record = ::csv::ByteRecord::new();
    let mut rows = 0;
    let damaged = |error: ::csv::Error| TableError::damaged(file, "CSV", "", &error.to_string());
    while !positions.is_empty() && reader.read_byte_record(&mut record).map_err(damaged)? {
        if record.len() == 1 && record.iter().all(|cell| cell.iter().all(|byte| matches!(byte, b' ' | b'\t')))
        {
            continue;
        }
        for (builder, position) in builders.iter_mut().zip(&positions) {
            let cell = record.get(layout.index + position);
            builder.append_option(cell.map(String::from_utf8_lossy));
        }
        rows += 1;
    }
    let fields = columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    finish(file, fields, builders, rows)
}

/// Of JSON Lines.
pub(crate) fn of_lines<'t>(
    file: &str,
    lines: impl Iterator<Item = &'t [u8]>,
    columns: &[String],
) -> Result<RecordBatch, TableError> {
    let mut builders: Vec<_> = columns.iter().map(|_| StringBuilder::new()).collect();
    let mut rows = 0;
    for line in lines {
        if !columns.is_empty() {
            let object: std::collections::HashMap<&str, &RawValue> = serde_json::from_slice(line)
                .map_err(|error| TableError::damaged(file, "JSON Lines", "", &error.to_string()))?;
            for (builder, name) in builders.iter_mut().zip(columns) {
                let value = object.get(name.as_str()).map(|value| value.get());
                builder.append_option(value.filter(|value| *value != "null"));
            }
        }
        rows += 1;
    }
    let fields = columns.iter().map(|name| json_field(name)).collect();
    finish(file, fields, builders, rows)
}

/// Of a record batch.
pub(crate) fn of_batch(
    file: &str,
    batch: &RecordBatch,
    columns: &[String],
) -> Result<RecordBatch, TableError> {
    let schema = batch.schema_ref();
    let positions = positions(file, columns, schema.fields().iter().map(|field| field.name().as_str()))?;
    batch.project(&positions).map_err(|error| TableError::of_arrow(file, "Arrow", "", error))
}

/// Where each of the columns is.
pub(crate) fn positions<'n>(
    file: &str,
    columns: &[String],
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<usize>, TableError> {
    let names: Vec<&str> = names.collect();
    let position = |column: &String| {
        names.iter().position(|name| name == column).ok_or_else(|| TableError::NoColumn {
            name: file.to_owned(),
            column: column.clone(),
            found: names.join(", "),
        })
    };
    columns.iter().map(position).collect()
}

fn finish(
    file: &str,
    fields: Vec<Field>,
    builders: Vec<StringBuilder>,
    rows: usize,
) -> Result<RecordBatch, TableError> {
    let arrays = builders.into_iter().map(|mut builder| Arc::new(builder.finish()) as ArrayRef).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| TableError::of_arrow(file, "Arrow", "", error))
}
