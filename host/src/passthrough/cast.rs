//! Casts between the numbers of a request and the element type that a graph takes. Called by `passthrough.rs`; exact
//! where it can be, refused where a number would become another: never wraps.

use half::{bf16, f16};
use mlhost_wire::values::{ColumnData, ElementType, Elements, Packed};

/// The first value that does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) column: usize,
    pub(super) row: usize,
}

/// A number on its way; integers stay integers, since not all of them are floats.
#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    Float(f64),
}

/// `elements` as `to`; the error is the index of the first that does not fit.
pub(super) fn elements(elements: &Elements, to: ElementType) -> Result<Elements, usize> {
    if elements.element_type() == to {
        return Ok(elements.clone());
    }
    collect(elements.len(), to, |index| number_of(elements, index), |_| None)
}

/// The columns' values row by row as `to`.
pub(super) fn interleave(columns: &[&ColumnData], rows: usize, to: ElementType) -> Result<Elements, Misfit> {
    let width = columns.len();
    let place = |index: usize| (index / width.max(1), index % width.max(1));
    collect(
        rows * width,
        to,
        |index| {
            let (row, column) = place(index);
            number_in(columns[column], row)
        },
        |index| {
            let (row, column) = place(index);
            text_in(columns[column], row)
        },
    )
    .map_err(|index| {
        let (row, column) = place(index);
        Misfit { column, row }
    })
}

fn collect<'a>(
    count: usize,
    to: ElementType,
    number: impl Fn(usize) -> Option<Number>,
    text: impl Fn(usize) -> Option<&'a [u8]>,
) -> Result<Elements, usize> {
    macro_rules! integers {
        ($variant:ident, $integer:ty) => {
            Elements::$variant(
                (0..count)
                    .map(|index| {
                        number(index)
                            .and_then(Number::integer)
                            .and_then(|value| <$integer>::try_from(value).ok())
                            .ok_or(index)
                    })
                    .collect::<Result<_, _>>()?,
            )
        };
    }
    macro_rules! floats {
        ($variant:ident, $from:expr) => {
            Elements::$variant(
                (0..count)
                    .map(|index| number(index).map(|value| $from(value.float())).ok_or(index))
                    .collect::<Result<_, _>>()?,
            )
        };
    }
    Ok(match to {
        ElementType::F64 => floats!(F64, std::convert::identity),
        #[expect(clippy::cast_possible_truncation, reason = "float32 is what the graph takes, as in MLflow")]
        ElementType::F32 => floats!(F32, |value: f64| value as f32),
        ElementType::F16 => floats!(F16, |value| f16::from_f64(value).to_bits()),
        ElementType::Bf16 => floats!(Bf16, |value| bf16::from_f64(value).to_bits()),
        ElementType::S8 => integers!(S8, i8),
        ElementType::S16 => integers!(S16, i16),
        ElementType::S32 => integers!(S32, i32),
        ElementType::S64 => integers!(S64, i64),
        ElementType::U8 => integers!(U8, u8),
        ElementType::U16 => integers!(U16, u16),
        ElementType::U32 => integers!(U32, u32),
        ElementType::U64 => integers!(U64, u64),
        ElementType::Boolean => Elements::Boolean(
            (0..count)
                .map(|index| {
                    let value = number(index).and_then(Number::integer);
                    value.and_then(|value| u8::try_from(value).ok()).filter(|value| *value <= 1).ok_or(index)
                })
                .collect::<Result<_, _>>()?,
        ),
        ElementType::Text => {
            let mut packed = Packed::with_capacity(count, 0);
            for index in 0..count {
                if !text(index).is_some_and(|value| packed.push(value)) {
                    return Err(index);
                }
            }
            Elements::Text(packed)
        }
    })
}

fn number_of(elements: &Elements, index: usize) -> Option<Number> {
    Some(match elements {
        Elements::Boolean(values) | Elements::U8(values) => Number::Integer((*values.get(index)?).into()),
        Elements::S8(values) => Number::Integer((*values.get(index)?).into()),
        Elements::S16(values) => Number::Integer((*values.get(index)?).into()),
        Elements::S32(values) => Number::Integer((*values.get(index)?).into()),
        Elements::S64(values) => Number::Integer((*values.get(index)?).into()),
        Elements::U16(values) => Number::Integer((*values.get(index)?).into()),
        Elements::U32(values) => Number::Integer((*values.get(index)?).into()),
        Elements::U64(values) => Number::Integer((*values.get(index)?).into()),
        Elements::F32(values) => Number::Float((*values.get(index)?).into()),
        Elements::F64(values) => Number::Float(*values.get(index)?),
        Elements::F16(values) => Number::Float(f16::from_bits(*values.get(index)?).into()),
        Elements::Bf16(values) => Number::Float(bf16::from_bits(*values.get(index)?).into()),
        Elements::Text(_) => return None,
    })
}

fn number_in(column: &ColumnData, row: usize) -> Option<Number> {
    Some(match column {
        ColumnData::F64(values) => Number::Float(*values.get(row)?),
        ColumnData::F32(values) => Number::Float((*values.get(row)?).into()),
        ColumnData::S64(values) => Number::Integer((*values.get(row)?).into()),
        ColumnData::S32(values) => Number::Integer((*values.get(row)?).into()),
        ColumnData::Boolean(values) => Number::Integer((*values.get(row)?).into()),
        ColumnData::Text(_) | ColumnData::Binary(_) | ColumnData::Datetime(_) | ColumnData::Json(_) => {
            return None;
        }
    })
}

fn text_in(column: &ColumnData, row: usize) -> Option<&[u8]> {
    match column {
        ColumnData::Text(values) => values.get(row),
        _ => None,
    }
}

/// What a message calls a column's type.
pub(super) fn column_type(column: &ColumnData) -> &'static str {
    match column {
        ColumnData::F64(_) => "double",
        ColumnData::F32(_) => "float",
        ColumnData::S64(_) => "long",
        ColumnData::S32(_) => "integer",
        ColumnData::Boolean(_) => "boolean",
        ColumnData::Text(_) => "string",
        ColumnData::Binary(_) => "binary",
        ColumnData::Datetime(_) => "datetime",
        ColumnData::Json(_) => "nested values",
    }
}

// === impl Number ===

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "the nearest float is what a graph of floats gets")]
    fn float(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// `None` for a float that is no whole number.
    fn integer(self) -> Option<i128> {
        match self {
            Self::Integer(value) => Some(value),
            #[expect(clippy::cast_possible_truncation, reason = "whole and far inside i128 after the checks")]
            Self::Float(value) => {
                (value.fract() == 0.0 && value.abs() < 2f64.powi(100)).then_some(value as i128)
            }
        }
    }
}
