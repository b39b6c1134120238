//! Tensors of typed columns, as MLflow makes them of a DataFrame's.
//!
//! Called by [`super`] for tensor signatures. Single values are cast to the signature's type where they are a column each;
//! several columns that become one tensor, and lists, must be of it already.

use std::borrow::Cow;

use serde::de::DeserializeSeed as _;

use super::TypedColumn;
use crate::dialect::mlflow::compat::Compat;
use crate::dialect::mlflow::context::{Context, Form, bad_input};
use crate::dialect::mlflow::enforce::Dtype;
use crate::dialect::mlflow::refuse::{NO_ROWS, NO_TENSOR, WRONG_TYPE};
use crate::dialect::mlflow::scalar::Scalar;
use crate::dialect::mlflow::tensor::{Nested, TensorBuilder};
use crate::fault::Fault;
use crate::signature::TensorSpec;
use crate::values::{ColumnData, ElementType, Input, NamedTensor};

/// The one tensor without a name, of one column or of all of them.
pub(super) fn of_rows(columns: &[TypedColumn], rows: usize, spec: &TensorSpec) -> Result<Input, Fault> {
    let context = Context::new("", None, Compat::Sane);
    context.form.set(Form::Split);
    if rows == 0 || columns.is_empty() {
        return Err(bad_input(NO_ROWS));
    }
    if let [column] = columns {
        return Ok(Input::Tensors(vec![of_column(column, rows, spec, &context)?]));
    }
    let (first, others) = columns.split_at(1);
    // numpy's type for columns of several is wide enough for all of them.
    let dtype = match first.first().map(|typed| typed.dtype) {
        Some(dtype) if others.iter().all(|typed| typed.dtype == dtype) => dtype,
        _ if columns.iter().all(|typed| typed.dtype.is_number()) => Dtype::Float(8),
        _ => Dtype::Object,
    };
    check_type(dtype, spec)?;
    let mut tensor = TensorBuilder::new(Cow::Borrowed(""), Some(spec), &context);
    tensor.open(0)?;
    tensor.open(1)?;
    for row in 0..rows {
        for typed in columns {
            tensor.push(2, scalar(typed, row)?)?;
        }
    }
    tensor.close(1, columns.len())?;
    tensor.close(0, rows)?;
    Ok(Input::Tensors(vec![tensor.finish(false)?]))
}

/// A tensor of one column.
pub(super) fn of_column(
    typed: &TypedColumn,
    rows: usize,
    spec: &TensorSpec,
    context: &Context<'_>,
) -> Result<NamedTensor, Fault> {
    let name = spec.name.as_deref().unwrap_or_default();
    let mut tensor = TensorBuilder::new(Cow::Borrowed(name), Some(spec), context);
    tensor.open(0)?;
    if let ColumnData::Json(cells) = &typed.column.data {
        check_type(typed.element.unwrap_or(Dtype::Object), spec)?;
        for cell in cells.iter() {
            let cell = std::str::from_utf8(cell).unwrap_or_default();
            let mut deserializer = serde_json::Deserializer::from_str(cell);
            let read = Nested { tensor: &mut tensor, depth: 1, context }.deserialize(&mut deserializer);
            read.map_err(|error| context.take_fault().unwrap_or_else(|| bad_input(error.to_string())))?;
        }
    } else {
        if !matches!(spec.shape.as_slice(), [None] | [None, Some(1)]) {
            let column = &typed.column.name;
            return Err(bad_input(format!(
                "{NO_TENSOR}'{column}' contains scalar values, which requires the shape to be \
                 (-1,) or (-1, 1)."
            )));
        }
        for row in 0..rows {
            tensor.push(1, scalar(typed, row)?)?;
        }
    }
    tensor.close(0, rows)?;
    tensor.finish(true)
}

fn check_type(found: Dtype, spec: &TensorSpec) -> Result<(), Fault> {
    let wanted = spec.element_type;
    // numpy keeps texts as objects.
    let fits = match found {
        Dtype::Text | Dtype::Object => wanted == ElementType::Text,
        found => found.name() == wanted.numpy_name(),
    };
    if fits {
        return Ok(());
    }
    Err(bad_input(format!("{WRONG_TYPE}{} does not match expected dtype {wanted}", found.name())))
}

fn scalar(typed: &TypedColumn, row: usize) -> Result<Scalar<'_>, Fault> {
    let column = &typed.column;
    if !column.is_valid(row) {
        return Ok(Scalar::Null);
    }
    Ok(match &column.data {
        ColumnData::F64(values) => Scalar::Float(values[row]),
        ColumnData::F32(values) => Scalar::Float(values[row].into()),
        ColumnData::S64(values) => Scalar::Integer(values[row]),
        ColumnData::S32(values) => Scalar::Integer(values[row].into()),
        ColumnData::Boolean(values) => Scalar::Boolean(values[row] != 0),
        ColumnData::Text(values) => {
            Scalar::Text(std::str::from_utf8(values.get(row).unwrap_or_default()).unwrap_or_default())
        }
        ColumnData::Datetime(_) | ColumnData::Binary(_) | ColumnData::Json(_) => {
            let name = &column.name;
            return Err(bad_input(format!("column `{name}` holds no numbers, truth values or texts")));
        }
    })
}
