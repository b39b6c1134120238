//! Cells of a CSV: which are missing, what type the others have or are cast to.
//!
//! Called by [`super`] for every cell. Texts are read as pandas' C parser reads them; a number is read exactly, where
//! pandas may miss its last digit. Must never panic.

use crate::dialect::mlflow::scalar::{Problem, Scalar, python_literal};
use crate::signature::ColumnType;
use crate::values::{Column, ColumnData, Packed};

/// What stands for a missing value, quoted or not: pandas' defaults.
pub(super) const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];
const LONGEST_MISSING: usize = 8;

/// What a typed column's cells looked like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kinds {
    numbers: bool,
    booleans: bool,
}

/// A column whose type is not known before its last cell.
#[derive(Debug)]
pub(super) struct Untyped {
    name: String,
    cells: Packed,
}

// === impl Kinds ===

impl Kinds {
    /// Whether pandas would have read the column as texts, which it then refuses to cast.
    pub(super) fn mixed(self) -> bool {
        self.numbers && self.booleans
    }
}

pub(super) fn is_missing(cell: &str) -> bool {
    cell.len() <= LONGEST_MISSING && MISSING.contains(&cell)
}

fn boolean(cell: &str) -> Option<bool> {
    if cell.eq_ignore_ascii_case("true") {
        Some(true)
    } else if cell.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn float(cell: &str) -> Option<f64> {
    // `nan` in a spelling that does not stand for a missing value is a text.
    cell.trim_ascii().parse().ok().filter(|value: &f64| !value.is_nan())
}

/// A cell of a column of the signature. Every value that is returned fits the column.
pub(super) fn typed<'t>(
    cell: &'t str,
    column_type: &ColumnType,
    kinds: &mut Kinds,
) -> Result<Scalar<'t>, Problem> {
    if matches!(column_type, ColumnType::String | ColumnType::Binary) {
        return Ok(if is_missing(cell) { Scalar::Null } else { Scalar::Text(cell) });
    }
    // The usual cell is a number, which needs no look at the list.
    if matches!(column_type, ColumnType::Float | ColumnType::Double)
        && let Some(value) = float(cell)
    {
        kinds.numbers = true;
        return Ok(Scalar::Float(value));
    }
    if is_missing(cell) {
        return match column_type {
            ColumnType::Float | ColumnType::Double => Ok(Scalar::Null),
            ColumnType::Boolean => Err("Bool column has NA values".to_owned()),
            _ => Err("Integer column has NA values".to_owned()),
        };
    }
    if let Some(flag) = boolean(cell) {
        kinds.booleans = true;
        return Ok(Scalar::Boolean(flag));
    }
    kinds.numbers = true;
    let integer = cell.trim_ascii().parse::<i64>().ok();
    match column_type {
        // Only what is the same number again as a truth value.
        ColumnType::Boolean => match integer.map(|value| value as f64).or_else(|| float(cell)) {
            Some(value) if value == 0.0 || value == 1.0 => Ok(Scalar::Boolean(value == 1.0)),
            _ => Err(format!("{} is neither true nor false", python_literal(cell))),
        },
        ColumnType::Float | ColumnType::Double => {
            Err(format!("could not convert string to float: {}", python_literal(cell)))
        }
        _ => whole(cell, integer, column_type),
    }
}

/// A cell of an integer column: `2` or `2.0`.
fn whole(cell: &str, integer: Option<i64>, column_type: &ColumnType) -> Result<Scalar<'static>, Problem> {
    // From 2^63 on a float is no i64; below, one without a fraction is exactly one.
    let end = -(i64::MIN as f64);
    let exact = |value: &f64| value.fract() == 0.0 && (-end..end).contains(value);
    let found = match (integer, float(cell)) {
        (Some(value), _) => value,
        (None, Some(value)) if exact(&value) => value as i64,
        (None, Some(_)) => {
            return Err(format!("cannot safely convert {cell} to {}", column_type.name()));
        }
        (None, None) => {
            return Err(format!("invalid literal for int() with base 10: {}", python_literal(cell)));
        }
    };
    if *column_type == ColumnType::Integer && i32::try_from(found).is_err() {
        return Err(format!("cannot safely convert {found} to int32"));
    }
    Ok(Scalar::Integer(found))
}

// === impl Untyped ===

impl Untyped {
    pub(super) fn new(name: String) -> Self {
        Self { name, cells: Packed::with_capacity(0, 0) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Appends a cell; false when there is no room.
    pub(super) fn push(&mut self, cell: &str) -> bool {
        self.cells.push(cell.as_bytes())
    }

    /// The column of the narrowest type that holds all its cells: integers, floats, booleans, texts.
    pub(super) fn finish(self) -> Column {
        let validity: Vec<u8> = self.iter().map(|cell| u8::from(!is_missing(cell))).collect();
        let missing = validity.contains(&0);
        let data = if validity.is_empty() {
            // Of any type; pandas has objects.
            ColumnData::Text(self.cells)
        } else if let Some(values) = self.integers(missing) {
            ColumnData::S64(values)
        } else if let Some(values) = self.parsed(&validity, f64::NAN, float) {
            // A missing float is NaN and needs no mask.
            return Column { name: self.name, data: ColumnData::F64(values), validity: None };
        } else if let Some(values) = self.parsed(&validity, 0, |cell| boolean(cell).map(u8::from)) {
            ColumnData::Boolean(values)
        } else {
            ColumnData::Text(self.texts(&validity, missing))
        };
        Column { name: self.name, data, validity: missing.then_some(validity) }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        // Cells come out of a text that was checked.
        self.cells.iter().map(|cell| std::str::from_utf8(cell).unwrap_or_default())
    }

    /// Integers have no missing value in pandas.
    fn integers(&self, missing: bool) -> Option<Vec<i64>> {
        if missing {
            return None;
        }
        self.iter().map(|cell| cell.trim_ascii().parse().ok()).collect()
    }

    fn parsed<T: Copy>(
        &self,
        validity: &[u8],
        absent: T,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let cells = self.iter().zip(validity);
        cells.map(|(cell, valid)| if *valid == 0 { Some(absent) } else { parse(cell) }).collect()
    }

    fn texts(&self, validity: &[u8], missing: bool) -> Packed {
        if !missing {
            return self.cells.clone();
        }
        let mut texts = Packed::with_capacity(validity.len(), self.cells.data.len());
        for (cell, valid) in self.iter().zip(validity) {
            // No longer than the cells, for which there was room.
            let _ = texts.push(if *valid == 0 { b"" } else { cell.as_bytes() });
        }
        texts
    }
}
