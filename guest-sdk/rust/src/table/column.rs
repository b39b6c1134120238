//! One column of a table, and the views on columns whose values can be missing.
//!
//! `Table`'s accessors hand the views out. They never copy a value.

use crate::{Error, Packed};

/// The values of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnData {
    /// MLflow's `double`.
    F64(Vec<f64>),
    /// MLflow's `float`.
    F32(Vec<f32>),
    /// MLflow's `long`.
    S64(Vec<i64>),
    /// MLflow's `integer`.
    S32(Vec<i32>),
    /// One byte each, 0 or 1.
    Boolean(Vec<u8>),
    /// UTF-8 strings.
    Text(Packed),
    /// Byte strings.
    Binary(Packed),
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    Datetime(Vec<i64>),
    /// One JSON text each: arrays, objects, maps and mixed values.
    Json(Packed),
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The column's name; unnamed columns are called by their position, `"0"`, `"1"`, ….
    pub name: String,
    /// The values, one a row.
    pub data: ColumnData,
    /// One byte a row, 1 where the value is present; `None` when all are. A missing value's slot holds NaN, 0 or
    /// the empty string.
    pub validity: Option<Vec<u8>>,
}

/// The values of a column of strings or of JSON texts.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    pub(super) values: &'a Packed,
    pub(super) validity: Option<&'a [u8]>,
}

/// The values of a column of byte strings.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    pub(super) values: &'a Packed,
    pub(super) validity: Option<&'a [u8]>,
}

/// The values of a column of booleans.
#[derive(Clone, Copy, Debug)]
pub struct Booleans<'a> {
    pub(super) values: &'a [u8],
    pub(super) validity: Option<&'a [u8]>,
}

fn is_present(validity: Option<&[u8]>, row: usize) -> bool {
    validity.is_none_or(|mask| mask.get(row).is_some_and(|byte| *byte != 0))
}

// === impl Column ===

impl Column {
    /// How many values there are, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.data {
            ColumnData::F64(values) => values.len(),
            ColumnData::F32(values) => values.len(),
            ColumnData::S64(values) | ColumnData::Datetime(values) => values.len(),
            ColumnData::S32(values) => values.len(),
            ColumnData::Boolean(values) => values.len(),
            ColumnData::Text(values) | ColumnData::Binary(values) | ColumnData::Json(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `row` exists and its value is not missing.
    #[must_use]
    pub fn is_present(&self, row: usize) -> bool {
        row < self.len() && is_present(self.validity.as_deref(), row)
    }

    /// MLflow's name of the column's type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.data {
            ColumnData::F64(_) => "double",
            ColumnData::F32(_) => "float",
            ColumnData::S64(_) => "long",
            ColumnData::S32(_) => "integer",
            ColumnData::Boolean(_) => "boolean",
            ColumnData::Text(_) => "string",
            ColumnData::Binary(_) => "binary",
            ColumnData::Datetime(_) => "datetime",
            ColumnData::Json(_) => "JSON",
        }
    }

    pub(super) fn mistyped(&self, wanted: &str) -> Error {
        Error::rejected(format_args!("column `{}` must be {wanted}, not {}", self.name, self.type_name()))
    }
}

// === impl Texts ===

impl<'a> Texts<'a> {
    /// How many values there are, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of `row`, or `None` when it is missing.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        self.values.text(row).filter(|_| is_present(self.validity, row))
    }

    /// The values in order, `None` where one is missing.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&'a str>> + use<'a> {
        let column = *self;
        (0..column.len()).map(move |row| column.get(row))
    }
}

// === impl Bytes ===

impl<'a> Bytes<'a> {
    /// How many values there are, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of `row`, or `None` when it is missing.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        self.values.get(row).filter(|_| is_present(self.validity, row))
    }

    /// The values in order, `None` where one is missing.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&'a [u8]>> + use<'a> {
        let column = *self;
        (0..column.len()).map(move |row| column.get(row))
    }
}

// === impl Booleans ===

impl<'a> Booleans<'a> {
    /// How many values there are, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of `row`, or `None` when it is missing.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<bool> {
        self.values.get(row).filter(|_| is_present(self.validity, row)).map(|value| *value != 0)
    }

    /// The values in order, `None` where one is missing.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<bool>> + use<'a> {
        let column = *self;
        (0..column.len()).map(move |row| column.get(row))
    }
}
