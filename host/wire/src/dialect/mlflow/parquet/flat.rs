//! Columns of single values with their missing ones put in, as pandas has place for them.
//!
//! Called by [`super`]. An integer that is missing makes floats of the others, unless the column was of one of pandas'
//! own types.

use super::leaf::Leaf;
use crate::dialect::mlflow::enforce::Dtype;
use crate::dialect::mlflow::scalar::Problem;
use crate::dialect::mlflow::typed::TypedColumn;
use crate::values::{Column, ColumnData, Packed};

/// The column `name` of `rows` rows that a leaf holds; `extension` is pandas' own type of it.
pub(super) fn column(
    name: &str,
    leaf: Leaf,
    extension: Option<&'static str>,
    rows: usize,
) -> Result<TypedColumn, Problem> {
    let found = leaf.len();
    if found != rows {
        return Err(format!("it has {found} values, the file {rows} rows"));
    }
    let Leaf { data, mut dtype, zoned, definitions, max_definition, .. } = leaf;
    let validity: Vec<u8> = definitions.iter().map(|level| u8::from(*level == max_definition)).collect();
    let missing = validity.contains(&0);
    if validity.iter().filter(|valid| **valid != 0).count() != data.len() && max_definition > 0 {
        return Err("its values are not as many as its levels say".to_owned());
    }
    if let Some(extension) = extension
        && (missing || matches!(extension, "category" | "boolean"))
    {
        dtype = Dtype::Unnamed(extension);
    }
    let own = matches!(dtype, Dtype::Unnamed(_));
    if !missing {
        let column = Column { name: name.to_owned(), data, validity: None };
        return Ok(TypedColumn { column, dtype, element: None, zoned });
    }
    let mut mask = true;
    let data = match data {
        ColumnData::S32(values) if !own => {
            (dtype, mask) = (Dtype::Float(8), false);
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            ColumnData::F64(spread(&values, &validity, f64::NAN))
        }
        ColumnData::S64(values) if !own => {
            (dtype, mask) = (Dtype::Float(8), false);
            let values: Vec<f64> = values.into_iter().map(|value| value as f64).collect();
            ColumnData::F64(spread(&values, &validity, f64::NAN))
        }
        ColumnData::S32(values) => ColumnData::S32(spread(&values, &validity, 0)),
        ColumnData::S64(values) => ColumnData::S64(spread(&values, &validity, 0)),
        ColumnData::F64(values) => {
            // Where there is nothing but missing values, they may be of any type.
            mask = dtype == Dtype::Nothing;
            ColumnData::F64(spread(&values, &validity, f64::NAN))
        }
        ColumnData::F32(values) => {
            mask = false;
            ColumnData::F32(spread(&values, &validity, f32::NAN))
        }
        ColumnData::Boolean(values) => {
            // pandas keeps objects instead.
            if !own {
                dtype = Dtype::Object;
            }
            ColumnData::Boolean(spread(&values, &validity, 0))
        }
        ColumnData::Datetime(values) => ColumnData::Datetime(spread(&values, &validity, 0)),
        ColumnData::Text(values) => ColumnData::Text(spread_packed(values, &validity)),
        ColumnData::Binary(values) => ColumnData::Binary(spread_packed(values, &validity)),
        ColumnData::Json(values) => ColumnData::Json(spread_packed(values, &validity)),
    };
    let column = Column { name: name.to_owned(), data, validity: mask.then_some(validity) };
    Ok(TypedColumn { column, dtype, element: None, zoned })
}

fn spread<T: Copy>(values: &[T], validity: &[u8], absent: T) -> Vec<T> {
    let mut values = values.iter().copied();
    let spread =
        validity.iter().map(|valid| if *valid == 0 { absent } else { values.next().unwrap_or(absent) });
    spread.collect()
}

fn spread_packed(values: Packed, validity: &[u8]) -> Packed {
    let mut ends = values.offsets.iter().skip(1).copied();
    let mut end = 0;
    let mut offsets = Vec::with_capacity(validity.len() + 1);
    offsets.push(0);
    for valid in validity {
        if *valid != 0 {
            end = ends.next().unwrap_or(end);
        }
        offsets.push(end);
    }
    Packed { offsets, data: values.data }
}
