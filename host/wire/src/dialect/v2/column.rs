//! One tensor as one column of a table, and one column as one tensor.
//!
//! Called by [`super::call`] and [`super::reply`]. Numbers are cast as far as each stays the number it is; a float may be rounded
//! to a shorter one. Nothing wraps, nothing is cut off.

use half::{bf16, f16};
use serde::de::IgnoredAny;

use super::message::{BASE64, CONTENT_TYPE};
use super::{InferTensor, Parameter, bad_input, datatype};
use crate::dialect::mlflow::datetime::{Zones, moment};
use crate::dialect::mlflow::nested;
use crate::dialect::mlflow::python::push_moment;
use crate::dialect::mlflow::scalar::{Problem, Scalar};
use crate::fault::Fault;
use crate::signature::{ColumnSpec, ColumnType};
use crate::values::{Column, ColumnData, Elements, Packed};

/// A number on its way; integers stay integers, since not all of them are floats.
#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    Float(f64),
}

/// `tensor`, which has one element a row, as the column called `name`.
pub(super) fn decode(name: String, spec: &ColumnSpec, tensor: InferTensor) -> Result<Column, Fault> {
    let InferTensor { elements, validity, .. } = tensor;
    let (column_type, offered) = (&spec.column_type, datatype::name(elements.element_type()));
    let missing = |row: usize| validity.as_ref().is_some_and(|mask| mask.get(row) == Some(&0));
    if spec.required
        && !matches!(column_type, ColumnType::Float | ColumnType::Double)
        && let Some(row) = (0..elements.len()).find(|row| missing(*row))
    {
        return Err(bad_input(format!("row {row} of input `{name}` is missing, and the model needs it")));
    }
    let refused = |row: usize, problem: &str| {
        bad_input(format!("row {row} of input `{name}`: {problem} (the model takes {})", column_type.name()))
    };
    let mismatch = || {
        let wanted = datatype::name(datatype::of_column(column_type));
        bad_input(format!("input `{name}` is {offered}, and the model takes {wanted}"))
    };
    macro_rules! integers {
        ($variant:ident, $integer:ty, $elements:expr) => {{
            let mut values = Vec::with_capacity($elements.len());
            for row in 0..$elements.len() {
                let number = if missing(row) { Some(Number::Integer(0)) } else { number($elements, row) };
                let number = number.ok_or_else(mismatch)?;
                let value = number.integer().and_then(|value| <$integer>::try_from(value).ok());
                values.push(value.ok_or_else(|| refused(row, &number.misfit()))?);
            }
            ColumnData::$variant(values)
        }};
    }
    let data = match (column_type, elements) {
        // What fits as it is.
        (ColumnType::Double, Elements::F64(values)) => ColumnData::F64(values),
        (ColumnType::Float, Elements::F32(values)) => ColumnData::F32(values),
        (ColumnType::Long, Elements::S64(values)) => ColumnData::S64(values),
        (ColumnType::Integer, Elements::S32(values)) => ColumnData::S32(values),
        (ColumnType::Datetime, Elements::S64(values)) => ColumnData::Datetime(values),
        (ColumnType::Boolean, Elements::Boolean(values)) => ColumnData::Boolean(values),
        (ColumnType::Binary, Elements::Text(values)) => ColumnData::Binary(values),
        (_, Elements::Text(values)) => {
            utf8(&name, &values)?;
            match column_type {
                ColumnType::String => ColumnData::Text(values),
                ColumnType::Datetime => {
                    ColumnData::Datetime(moments(&values, missing).map_err(|(row, it)| refused(row, &it))?)
                }
                nested if nested.is_nested() => {
                    check_nested(&values, spec, missing).map_err(|(row, it)| refused(row, &it))?;
                    ColumnData::Json(values)
                }
                _ => return Err(mismatch()),
            }
        }
        // Numbers of other types.
        (ColumnType::Double, numbers) => ColumnData::F64(floats(&numbers)),
        #[expect(clippy::cast_possible_truncation, reason = "the model asks for the shorter float")]
        (ColumnType::Float, numbers) => {
            ColumnData::F32(floats(&numbers).into_iter().map(|value| value as f32).collect())
        }
        (ColumnType::Long, numbers) => integers!(S64, i64, &numbers),
        (ColumnType::Integer, numbers) => integers!(S32, i32, &numbers),
        _ => return Err(mismatch()),
    };
    let validity = validity.filter(|mask| mask.contains(&0));
    Ok(Column { name, data, validity })
}

/// Texts of ISO 8601 as nanoseconds; the error is the row that is none.
fn moments(values: &Packed, missing: impl Fn(usize) -> bool) -> Result<Vec<i64>, (usize, Problem)> {
    let one = |row: usize| {
        if missing(row) {
            return Ok(0);
        }
        let found = moment(Scalar::Text(text(values, row)), Zones::Converted).map_err(|it| (row, it))?;
        found.ok_or_else(|| (row, "it is no moment".to_owned()))
    };
    (0..values.len()).map(one).collect()
}

/// Whether each text is JSON of the column's type; the error is the row that is not.
fn check_nested(
    values: &Packed,
    spec: &ColumnSpec,
    missing: impl Fn(usize) -> bool,
) -> Result<(), (usize, Problem)> {
    (0..values.len()).filter(|row| !missing(*row)).try_for_each(|row| {
        let text = text(values, row);
        serde_json::from_str::<IgnoredAny>(text)
            .map_err(|error| error.to_string())
            .and_then(|_| nested::check(text, &spec.column_type, spec.required))
            .map_err(|problem| (row, problem))
    })
}

/// `column` as a tensor of one axis, and where values are missing another one that says which, called `<name>.valid`. Missing
/// floats are NaN, which says it already.
pub(super) fn encode(column: Column, rows: u32) -> [Option<InferTensor>; 2] {
    let Column { name, data, validity } = column;
    let says_so = matches!(data, ColumnData::F64(_) | ColumnData::F32(_));
    let mut base64 = false;
    let elements = match data {
        ColumnData::F64(values) => Elements::F64(values),
        ColumnData::F32(values) => Elements::F32(values),
        ColumnData::S64(values) => Elements::S64(values),
        ColumnData::S32(values) => Elements::S32(values),
        ColumnData::Boolean(values) => Elements::Boolean(values),
        ColumnData::Text(values) | ColumnData::Json(values) => Elements::Text(values),
        ColumnData::Binary(values) => {
            base64 = true;
            Elements::Text(values)
        }
        ColumnData::Datetime(values) => {
            let missing = |row: usize| validity.as_ref().is_some_and(|mask| mask.get(row) == Some(&0));
            // Moments are short: a packed list of them is full only past 4 GiB, which no answer has.
            let mut packed = Packed::with_capacity(values.len(), values.len() * 19);
            let mut quoted = Vec::with_capacity(32);
            for (row, moment) in values.iter().enumerate() {
                quoted.clear();
                push_moment(&mut quoted, *moment);
                let text = quoted.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
                let text = text.filter(|_| !missing(row)).unwrap_or_default();
                if !packed.push(text) {
                    break;
                }
            }
            Elements::Text(packed)
        }
    };
    let valid = validity
        .filter(|mask| !says_so && mask.contains(&0))
        .map(|mask| InferTensor::new(valid_name(&name), vec![rows], Elements::Boolean(mask)));
    let mut tensor = InferTensor::new(name, vec![rows], elements);
    if base64 {
        tensor.parameters.insert(CONTENT_TYPE.to_owned(), Parameter::Text(BASE64.to_owned()));
    }
    [Some(tensor), valid]
}

/// The tensor that says which values of a column are there.
pub(super) fn valid_name(column: &str) -> String {
    format!("{column}.valid")
}

/// Refuses a value that is no text.
pub(super) fn utf8(name: &str, values: &Packed) -> Result<(), Fault> {
    match values.iter().position(|value| std::str::from_utf8(value).is_err()) {
        None => Ok(()),
        Some(index) => Err(bad_input(format!("value {index} of input `{name}` is not UTF-8"))),
    }
}

/// A value that was checked to be UTF-8.
fn text(values: &Packed, row: usize) -> &str {
    values.get(row).and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
}

/// Elements that are no texts, as the nearest doubles. A missing one is NaN already.
fn floats(elements: &Elements) -> Vec<f64> {
    (0..elements.len()).filter_map(|row| number(elements, row)).map(Number::float).collect()
}

fn number(elements: &Elements, row: usize) -> Option<Number> {
    Some(match elements {
        Elements::U8(values) => Number::Integer((*values.get(row)?).into()),
        Elements::U16(values) => Number::Integer((*values.get(row)?).into()),
        Elements::U32(values) => Number::Integer((*values.get(row)?).into()),
        Elements::U64(values) => Number::Integer((*values.get(row)?).into()),
        Elements::S8(values) => Number::Integer((*values.get(row)?).into()),
        Elements::S16(values) => Number::Integer((*values.get(row)?).into()),
        Elements::S32(values) => Number::Integer((*values.get(row)?).into()),
        Elements::S64(values) => Number::Integer((*values.get(row)?).into()),
        Elements::F32(values) => Number::Float((*values.get(row)?).into()),
        Elements::F64(values) => Number::Float(*values.get(row)?),
        Elements::F16(values) => Number::Float(f16::from_bits(*values.get(row)?).into()),
        Elements::Bf16(values) => Number::Float(bf16::from_bits(*values.get(row)?).into()),
        Elements::Boolean(values) => Number::Integer((*values.get(row)?).into()),
        Elements::Text(_) => return None,
    })
}

// === impl Number ===

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "the nearest float is what a column of floats gets")]
    fn float(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// `None` for a float that is no whole number.
    #[expect(clippy::cast_possible_truncation, reason = "whole and far inside i128 after the checks")]
    fn integer(self) -> Option<i128> {
        match self {
            Self::Integer(value) => Some(value),
            Self::Float(value) => {
                (value.fract() == 0.0 && value.abs() < 2f64.powi(100)).then_some(value as i128)
            }
        }
    }

    fn misfit(self) -> String {
        match self {
            Self::Integer(value) => format!("{value} is out of range"),
            Self::Float(value) => format!("{value} is no whole number in range"),
        }
    }
}
