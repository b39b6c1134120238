//! A model's answer as a record batch: one row for each row that it was asked about.
//!
//! Called after each call of a batch, and by the Python wheel. Answers come from guests: they are checked here. Texts that are
//! JSON stand in columns of texts whose field says so ([`is_json`]).

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Float16Type};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray,
    TimestampNanosecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{Field, Schema};
use mlhost_wire::values::{Column, ColumnData, Elements, NamedTensor, Output, Packed, Reply, Table, Tensor};
use serde_json::value::RawValue;

use crate::error::TableError;

/// What a column is called whose model does not say.
pub const UNNAMED: &str = "prediction";

/// The key, and the value, by which a field says that its texts are JSON.
///
/// Not Arrow's extension type for it, which some readers have no plain texts for.
const KIND: (&str, &str) = ("mlhost:text", "json");

/// Whether a column's texts are JSON.
#[must_use]
pub fn is_json(field: &Field) -> bool {
    field.metadata().get(KIND.0).is_some_and(|kind| kind == KIND.1)
}

/// A field of texts that are JSON.
#[must_use]
pub fn json_field(name: &str) -> Field {
    let metadata = HashMap::from([(KIND.0.to_owned(), KIND.1.to_owned())]);
    Field::new(name, arrow_schema::DataType::Utf8, true).with_metadata(metadata)
}

/// The predictions of `rows` rows.
///
/// # Errors
///
/// [`TableError::Answer`] where the answer is not one value, or one of each column, a row.
pub fn predictions_of(reply: Reply, rows: usize) -> Result<RecordBatch, TableError> {
    match reply.output {
        Output::Table(table) => of_table(table, rows),
        Output::Tensors(tensors) => of_tensors(tensors, rows),
        Output::Json(text) => of_json(&text, rows),
        Output::Blob(blob) => Err(answer(format!("it is raw bytes of type `{}`", blob.content_type))),
    }
}

/// A table that has several rows for each that was asked about, as MLflow's onnx flavor flattens what a graph answers, with a list of
/// as many values in each row instead. Anything else stays as it is.
///
/// For graphs that are served as they are: what a model's own code answers is never put in another order.
#[must_use]
pub fn in_rows(reply: Reply, rows: usize) -> Reply {
    let width = match &reply.output {
        Output::Table(table) if rows > 0 && table.rows > rows && table.rows.is_multiple_of(rows) => {
            table.rows / rows
        }
        _ => return reply,
    };
    let (Output::Table(table), Ok(axis), Ok(rows)) =
        (&reply.output, u32::try_from(width), u32::try_from(rows))
    else {
        return reply;
    };
    let tensor = |column: &Column| {
        let elements = match &column.data {
            _ if column.validity.is_some() => return None,
            ColumnData::F64(values) => Elements::F64(values.clone()),
            ColumnData::F32(values) => Elements::F32(values.clone()),
            ColumnData::S64(values) => Elements::S64(values.clone()),
            ColumnData::S32(values) => Elements::S32(values.clone()),
            ColumnData::Boolean(values) => Elements::Boolean(values.clone()),
            ColumnData::Text(values) => Elements::Text(values.clone()),
            ColumnData::Binary(_) | ColumnData::Datetime(_) | ColumnData::Json(_) => return None,
        };
        Some(NamedTensor { name: column.name.clone(), tensor: Tensor { shape: vec![rows, axis], elements } })
    };
    match table.columns.iter().map(tensor).collect::<Option<Vec<_>>>() {
        Some(tensors) => Reply { output: Output::Tensors(tensors) },
        None => reply,
    }
}

fn answer(problem: String) -> TableError {
    TableError::Answer(problem)
}

fn batch(columns: Vec<(Field, ArrayRef)>, rows: usize) -> Result<RecordBatch, TableError> {
    let mut names = std::collections::HashSet::new();
    if let Some((twice, _)) = columns.iter().find(|(field, _)| !names.insert(field.name().as_str())) {
        return Err(answer(format!("two of its columns are called `{}`", twice.name())));
    }
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| answer(error.to_string()))
}

fn of_table(table: Table, rows: usize) -> Result<RecordBatch, TableError> {
    table.check().map_err(|error| answer(error.to_string()))?;
    if table.rows != rows {
        return Err(answer(format!("it has {} rows where {rows} were asked about", table.rows)));
    }
    let columns = table.columns.into_iter().map(column).collect::<Result<_, _>>()?;
    batch(columns, rows)
}

fn column(column: Column) -> Result<(Field, ArrayRef), TableError> {
    let Column { name, data, validity } = column;
    let nulls = validity.map(|mask| NullBuffer::from_iter(mask.iter().map(|valid| *valid != 0)));
    let is_json = matches!(data, ColumnData::Json(_));
    let array: ArrayRef = match data {
        ColumnData::F64(values) => Arc::new(Float64Array::new(values.into(), nulls)),
        ColumnData::F32(values) => Arc::new(Float32Array::new(values.into(), nulls)),
        ColumnData::S64(values) => Arc::new(Int64Array::new(values.into(), nulls)),
        ColumnData::S32(values) => Arc::new(Int32Array::new(values.into(), nulls)),
        ColumnData::Boolean(values) => Arc::new(BooleanArray::new(bits(&values), nulls)),
        ColumnData::Text(values) | ColumnData::Json(values) => Arc::new(texts(values, nulls)?),
        ColumnData::Binary(values) => {
            let (offsets, data) = buffers(values)?;
            Arc::new(BinaryArray::try_new(offsets, data, nulls).map_err(|error| answer(error.to_string()))?)
        }
        ColumnData::Datetime(values) => Arc::new(TimestampNanosecondArray::new(values.into(), nulls)),
    };
    let field = if is_json { json_field(&name) } else { Field::new(name, array.data_type().clone(), true) };
    Ok((field, array))
}

fn bits(values: &[u8]) -> BooleanBuffer {
    values.iter().map(|value| *value != 0).collect()
}

fn buffers(values: Packed) -> Result<(OffsetBuffer<i32>, Buffer), TableError> {
    let offsets = values.offsets.into_iter().map(i32::try_from).collect::<Result<Vec<_>, _>>();
    let offsets = offsets.map_err(|_| answer("the texts of a column take 2 GiB or more".to_owned()))?;
    // Ascending, which `check` has seen to.
    Ok((OffsetBuffer::new(offsets.into()), Buffer::from_vec(values.data)))
}

fn texts(values: Packed, nulls: Option<NullBuffer>) -> Result<StringArray, TableError> {
    let (offsets, data) = buffers(values)?;
    StringArray::try_new(offsets, data, nulls).map_err(|error| answer(error.to_string()))
}

fn of_tensors(tensors: Vec<NamedTensor>, rows: usize) -> Result<RecordBatch, TableError> {
    let alone = tensors.len() == 1;
    let mut columns = Vec::with_capacity(tensors.len());
    for NamedTensor { name, tensor } in tensors {
        tensor.check(&name).map_err(|error| answer(error.to_string()))?;
        if tensor.shape.first().is_none_or(|size| *size as usize != rows) {
            return Err(answer(format!(
                "tensor `{name}` has the shape {:?} where {rows} rows were asked about",
                tensor.shape
            )));
        }
        let name = match name.as_str() {
            "" if alone => UNNAMED,
            "" => return Err(answer("one of several tensors has no name".to_owned())),
            name => name,
        };
        let array = tensor_array(&tensor)?;
        columns.push((Field::new(name, array.data_type().clone(), true), array));
    }
    batch(columns, rows)
}

/// One value a row, or one list of the axes behind the first.
fn tensor_array(tensor: &Tensor) -> Result<ArrayRef, TableError> {
    let mut array = elements(&tensor.elements)?;
    for size in tensor.shape.iter().skip(1).rev() {
        let size = i32::try_from(*size).map_err(|_| answer("an axis of a tensor is too long".to_owned()))?;
        if size == 0 {
            return Err(answer("an axis of a tensor has no elements".to_owned()));
        }
        let field = Arc::new(Field::new("item", array.data_type().clone(), true));
        let list = FixedSizeListArray::try_new(field, size, array, None);
        array = Arc::new(list.map_err(|error| answer(error.to_string()))?);
    }
    Ok(array)
}

fn elements(elements: &Elements) -> Result<ArrayRef, TableError> {
    fn halves(values: impl Iterator<Item = half::f16>) -> ArrayRef {
        Arc::new(PrimitiveArray::<Float16Type>::from_iter_values(values))
    }
    fn numbers<T: ArrowPrimitiveType>(values: &[T::Native]) -> ScalarBuffer<T::Native> {
        values.to_vec().into()
    }
    use arrow_array::types as t;
    Ok(match elements {
        Elements::Boolean(values) => Arc::new(BooleanArray::new(bits(values), None)),
        // Arrow has none of its own.
        Elements::Bf16(values) => Arc::new(Float32Array::from_iter_values(
            values.iter().map(|bits| half::bf16::from_bits(*bits).to_f32()),
        )),
        Elements::F16(values) => halves(values.iter().map(|bits| half::f16::from_bits(*bits))),
        Elements::F32(values) => Arc::new(Float32Array::new(numbers::<t::Float32Type>(values), None)),
        Elements::F64(values) => Arc::new(Float64Array::new(numbers::<t::Float64Type>(values), None)),
        Elements::S8(values) => Arc::new(Int8Array::new(numbers::<t::Int8Type>(values), None)),
        Elements::S16(values) => Arc::new(Int16Array::new(numbers::<t::Int16Type>(values), None)),
        Elements::S32(values) => Arc::new(Int32Array::new(numbers::<t::Int32Type>(values), None)),
        Elements::S64(values) => Arc::new(Int64Array::new(numbers::<t::Int64Type>(values), None)),
        Elements::U8(values) => Arc::new(UInt8Array::new(numbers::<t::UInt8Type>(values), None)),
        Elements::U16(values) => Arc::new(UInt16Array::new(numbers::<t::UInt16Type>(values), None)),
        Elements::U32(values) => Arc::new(UInt32Array::new(numbers::<t::UInt32Type>(values), None)),
        Elements::U64(values) => Arc::new(UInt64Array::new(numbers::<t::UInt64Type>(values), None)),
        Elements::Text(values) => Arc::new(texts(values.clone(), None)?),
    })
}

fn of_json(text: &str, rows: usize) -> Result<RecordBatch, TableError> {
    let entries: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|_| answer("it is JSON, and no list of one entry a row".to_owned()))?;
    if entries.len() != rows {
        return Err(answer(format!(
            "it is a list of {} entries where {rows} rows were asked about",
            entries.len()
        )));
    }
    let texts = StringArray::from_iter(
        entries.iter().map(|entry| Some(entry.get()).filter(|entry| *entry != "null")),
    );
    batch(vec![(json_field(UNNAMED), Arc::new(texts))], rows)
}

#[cfg(test)]
mod tests {
    use arrow_array::Array as _;

    use super::*;

    fn table(rows: usize, data: ColumnData) -> Reply {
        let columns = vec![Column { name: "a".to_owned(), data, validity: None }];
        Reply { output: Output::Table(Table { columns, rows }) }
    }

    #[test]
    fn an_answer_has_a_row_for_each_that_was_asked_about() {
        let batch = predictions_of(table(2, ColumnData::F64(vec![1.0, 2.0])), 2).unwrap();
        assert_eq!((batch.num_rows(), batch.schema().field(0).name().as_str()), (2, "a"));
        let error = predictions_of(table(3, ColumnData::S64(vec![1, 2, 3])), 2).unwrap_err().to_string();
        assert!(error.ends_with("it has 3 rows where 2 were asked about"), "{error}");
        let json = |text: &str| predictions_of(Reply { output: Output::Json(text.to_owned()) }, 2);
        let batch = json("[{\"x\": 1}, null]").unwrap();
        assert!(is_json(batch.schema().field(0)) && batch.column(0).is_null(1));
        assert!(json("[1]").is_err() && json("{}").is_err());
        let tensor = Tensor { shape: vec![2, 3], elements: Elements::F32(vec![0.0; 6]) };
        let tensors = vec![NamedTensor { name: String::new(), tensor }];
        let batch = predictions_of(Reply { output: Output::Tensors(tensors) }, 2).unwrap();
        assert_eq!((batch.schema().field(0).name().as_str(), batch.num_rows()), (UNNAMED, 2));
    }

    #[test]
    fn what_mlflow_flattens_is_put_back_into_rows() {
        let flat = table(6, ColumnData::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        let Output::Tensors(tensors) = in_rows(flat.clone(), 2).output else { panic!("no tensors") };
        assert_eq!(tensors[0].tensor.shape, [2, 3]);
        assert_eq!(in_rows(flat.clone(), 4), flat);
        assert_eq!(in_rows(flat.clone(), 6), flat);
    }
}
