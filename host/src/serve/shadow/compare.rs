//! Where two versions' answers differ first.
//!
//! Called by `serve::shadow` alone. Says which column or tensor and which row, and no value: they may be what a client must
//! keep to itself. Numbers with a fraction may be off by a tolerance, all else is the same or is not.

use std::fmt;

use half::{bf16, f16};
use mlhost_wire::values::{Column, ColumnData, Elements, NamedTensor, Output, Packed, Table, Tensor};
use serde_json::Value;

/// A difference, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    what: &'static str,
    /// The column or tensor.
    name: Option<String>,
    row: Option<usize>,
}

/// How far numbers may be off.
#[derive(Clone, Copy)]
struct Tolerance(f64);

/// The first difference of `shadow` from `primary`, whose floats may be off by `tolerance` in relation to the larger one.
pub(super) fn difference(primary: &Output, shadow: &Output, tolerance: f64) -> Option<Difference> {
    let tolerance = Tolerance(tolerance);
    match (primary, shadow) {
        (Output::Table(primary), Output::Table(shadow)) => tolerance.tables(primary, shadow),
        (Output::Tensors(primary), Output::Tensors(shadow)) => tolerance.tensors(primary, shadow),
        (Output::Json(primary), Output::Json(shadow)) => {
            (!tolerance.same_json(primary.as_bytes(), shadow.as_bytes())).then(|| Difference::of("the JSON"))
        }
        (Output::Blob(primary), Output::Blob(shadow)) => {
            if primary.content_type != shadow.content_type {
                return Some(Difference::of("the media type"));
            }
            (primary.data != shadow.data).then(|| Difference::of("the bytes"))
        }
        _ => Some(Difference::of("the kind of answer")),
    }
}

// === impl Difference ===

impl Difference {
    fn of(what: &'static str) -> Self {
        Self { what, name: None, row: None }
    }

    fn at(what: &'static str, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::of(what) }
    }

    fn in_row(what: &'static str, name: &str, row: usize) -> Self {
        Self { row: Some(row), ..Self::at(what, name) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if let Some(name) = &self.name {
            write!(f, " of `{}`", name.escape_debug())?;
        }
        self.row.map_or(Ok(()), |row| write!(f, " in row {row}"))
    }
}

// === impl Tolerance ===

impl Tolerance {
    fn tables(self, primary: &Table, shadow: &Table) -> Option<Difference> {
        if primary.rows != shadow.rows {
            return Some(Difference::of("the number of rows"));
        }
        match paired(&primary.columns, &shadow.columns, |column| column.name.as_str()) {
            Ok(pairs) => pairs.into_iter().find_map(|(primary, shadow)| self.columns(primary, shadow)),
            Err(difference) => Some(difference),
        }
    }

    fn columns(self, primary: &Column, shadow: &Column) -> Option<Difference> {
        let name = &primary.name;
        let rows = primary.data.len();
        let first = |same: &dyn Fn(usize) -> bool| {
            let differs = |row: &usize| match (primary.is_valid(*row), shadow.is_valid(*row)) {
                (true, true) => !same(*row),
                // What is missing has no value, whatever its slot holds.
                (primary, shadow) => primary != shadow,
            };
            (0..rows).find(differs)
        };
        if rows != shadow.data.len() {
            return Some(Difference::at("the number of rows", name));
        }
        let row = match (&primary.data, &shadow.data) {
            (ColumnData::F64(a), ColumnData::F64(b)) => first(&|row| self.floats(a.get(row), b.get(row))),
            (ColumnData::F32(a), ColumnData::F32(b)) => first(&|row| self.floats(a.get(row), b.get(row))),
            (ColumnData::S64(a), ColumnData::S64(b)) | (ColumnData::Datetime(a), ColumnData::Datetime(b)) => {
                first(&|row| a.get(row) == b.get(row))
            }
            (ColumnData::S32(a), ColumnData::S32(b)) => first(&|row| a.get(row) == b.get(row)),
            (ColumnData::Boolean(a), ColumnData::Boolean(b)) => first(&|row| a.get(row) == b.get(row)),
            (ColumnData::Text(a), ColumnData::Text(b)) | (ColumnData::Binary(a), ColumnData::Binary(b)) => {
                first(&|row| a.get(row) == b.get(row))
            }
            (ColumnData::Json(a), ColumnData::Json(b)) => {
                first(&|row| self.same_json(a.get(row).unwrap_or_default(), b.get(row).unwrap_or_default()))
            }
            _ => return Some(Difference::at("the type", name)),
        };
        row.map(|row| Difference::in_row("the value", name, row))
    }

    fn tensors(self, primary: &[NamedTensor], shadow: &[NamedTensor]) -> Option<Difference> {
        match paired(primary, shadow, |tensor| tensor.name.as_str()) {
            Ok(pairs) => pairs
                .into_iter()
                .find_map(|(primary, shadow)| self.tensor(&primary.name, &primary.tensor, &shadow.tensor)),
            Err(difference) => Some(difference),
        }
    }

    fn tensor(self, name: &str, primary: &Tensor, shadow: &Tensor) -> Option<Difference> {
        if primary.shape != shadow.shape {
            return Some(Difference::at("the shape", name));
        }
        let (a, b) = (&primary.elements, &shadow.elements);
        if a.element_type() != b.element_type() {
            return Some(Difference::at("the type", name));
        }
        let element = self.elements(a, b)?;
        let rows = primary.shape.first().map_or(1, |rows| *rows as usize);
        let row = element.checked_div(a.len().checked_div(rows).unwrap_or(0)).unwrap_or(0);
        Some(if primary.shape.is_empty() {
            Difference::at("the value", name)
        } else {
            Difference::in_row("the value", name, row)
        })
    }

    /// Which of the elements differ first, which have the same type.
    fn elements(self, a: &Elements, b: &Elements) -> Option<usize> {
        match (a, b) {
            (Elements::F64(a), Elements::F64(b)) => first(a, b, |a, b| self.floats(Some(a), Some(b))),
            (Elements::F32(a), Elements::F32(b)) => first(a, b, |a, b| self.floats(Some(a), Some(b))),
            (Elements::F16(a), Elements::F16(b)) => {
                first(a, b, |a, b| self.floats(Some(&f16::from_bits(*a)), Some(&f16::from_bits(*b))))
            }
            (Elements::Bf16(a), Elements::Bf16(b)) => {
                first(a, b, |a, b| self.floats(Some(&bf16::from_bits(*a)), Some(&bf16::from_bits(*b))))
            }
            (Elements::Boolean(a), Elements::Boolean(b)) | (Elements::U8(a), Elements::U8(b)) => exact(a, b),
            (Elements::S8(a), Elements::S8(b)) => exact(a, b),
            (Elements::S16(a), Elements::S16(b)) => exact(a, b),
            (Elements::S32(a), Elements::S32(b)) => exact(a, b),
            (Elements::S64(a), Elements::S64(b)) => exact(a, b),
            (Elements::U16(a), Elements::U16(b)) => exact(a, b),
            (Elements::U32(a), Elements::U32(b)) => exact(a, b),
            (Elements::U64(a), Elements::U64(b)) => exact(a, b),
            (Elements::Text(a), Elements::Text(b)) => texts(a, b),
            _ => Some(0),
        }
    }

    fn floats<F: Copy + Into<f64>>(self, a: Option<&F>, b: Option<&F>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => self.same((*a).into(), (*b).into()),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    /// Equal, both no number, or near each other.
    fn same(self, a: f64, b: f64) -> bool {
        let near = || a.is_finite() && b.is_finite() && (a - b).abs() <= self.0 * a.abs().max(b.abs());
        a == b || (a.is_nan() && b.is_nan()) || near()
    }

    /// The same values however they are spelled; what is no JSON is compared as it is.
    fn same_json(self, a: &[u8], b: &[u8]) -> bool {
        if a == b {
            return true;
        }
        match (serde_json::from_slice(a), serde_json::from_slice(b)) {
            (Ok(a), Ok(b)) => self.same_value(&a, &b),
            _ => false,
        }
    }

    /// No deeper than the parser goes.
    fn same_value(self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => {
                let fraction = a.is_f64() || b.is_f64();
                match (a.as_f64(), b.as_f64()) {
                    (Some(a), Some(b)) if fraction => self.same(a, b),
                    _ => a == b,
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same_value(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                let same = |(key, a)| b.get(key).is_some_and(|b| self.same_value(a, b));
                a.len() == b.len() && a.iter().all(same)
            }
            (a, b) => a == b,
        }
    }
}

/// Each with the other's of the same name, in the first one's order; of several with one name the first with the first.
fn paired<'v, T>(
    primary: &'v [T],
    shadow: &'v [T],
    name: impl Fn(&'v T) -> &'v str,
) -> Result<Vec<(&'v T, &'v T)>, Difference> {
    let sorted = |values: &'v [T]| {
        let mut values: Vec<_> = values.iter().map(|value| (name(value), value)).enumerate().collect();
        // Stable: values with one name stay in their order.
        values.sort_by_key(|(_, (name, _))| *name);
        values
    };
    let (primary, shadow) = (sorted(primary), sorted(shadow));
    let names = primary.iter().zip(&shadow).map(|((_, (a, _)), (_, (b, _)))| (*a, *b));
    let differs = names.filter(|(a, b)| a != b).map(|(a, b)| a.min(b)).next();
    let longer = || {
        let common = primary.len().min(shadow.len());
        let rest = primary.iter().skip(common).chain(shadow.iter().skip(common));
        rest.map(|(_, (name, _))| *name).next()
    };
    if let Some(name) = differs.or_else(longer) {
        return Err(Difference::at("the presence", name));
    }
    let pairs = primary.into_iter().zip(shadow);
    let mut pairs: Vec<_> = pairs.map(|((at, (_, a)), (_, (_, b)))| (at, (a, b))).collect();
    pairs.sort_by_key(|(at, _)| *at);
    Ok(pairs.into_iter().map(|(_, pair)| pair).collect())
}

/// The first position where `same` does not hold; one list's end counts as such.
fn first<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> Option<usize> {
    let differs = a.iter().zip(b).position(|(a, b)| !same(a, b));
    differs.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

fn exact<T: PartialEq>(a: &[T], b: &[T]) -> Option<usize> {
    first(a, b, T::eq)
}

fn texts(a: &Packed, b: &Packed) -> Option<usize> {
    (0..a.len().max(b.len())).find(|index| a.get(*index) != b.get(*index))
}

#[cfg(test)]
mod tests;
