//! Tables: what pandas calls a DataFrame.
//!
//! The host hands one to `predict`, a guest builds one for its answer with [`Table::builder`]. Typed access never
//! converts silently; [`Table::numbers`] is the one accessor that converts, and says so.

mod builder;
mod column;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::Error;

pub use builder::{BinaryCell, TableBuilder, TextCell};
pub use column::{Booleans, Bytes, Column, ColumnData, Texts};

/// Columns of equal length, each of one type.
///
/// An accessor rejects the call when the column is missing or of another type, because then the caller sent
/// something else than the model takes. A missing *value* is not an error: it is NaN in a column of floats,
/// `None` in texts, binaries and booleans, and 0 in integers and datetimes, where [`Column::is_present`] tells it
/// from a true 0.
///
/// ```
/// use mlhost_guest::Table;
///
/// let table = Table::builder()
///     .f64("age", [Some(29.0), None])
///     .text("sex", ["female", "male"])
///     .build()?;
/// assert!(table.f64("age")?[1].is_nan());
/// assert_eq!(table.text("sex")?.get(0), Some("female"));
/// let error = table.f64("sex").unwrap_err();
/// assert_eq!(error.message(), "column `sex` must be double, not string");
/// # Ok::<(), mlhost_guest::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: usize,
}

// === impl Table ===

impl Table {
    /// An empty table to fill column by column.
    pub fn builder() -> TableBuilder {
        TableBuilder::default()
    }

    /// A table of these columns.
    ///
    /// # Errors
    ///
    /// Failed, when columns or validities differ in length.
    pub fn from_columns(columns: Vec<Column>) -> Result<Self, Error> {
        let rows = columns.first().map_or(0, Column::len);
        for column in &columns {
            let (name, found) = (&column.name, column.len());
            if found != rows {
                return Err(Error::failed(format_args!(
                    "column `{name}` has {found} values, the table {rows} rows"
                )));
            }
            if let Some(found) = column.validity.as_ref().map(Vec::len).filter(|len| *len != rows) {
                return Err(Error::failed(format_args!(
                    "the validity of column `{name}` has {found} entries, the table {rows} rows"
                )));
            }
        }
        Ok(Self { columns, rows })
    }

    /// How many values each column has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns in order, to change and put together again with [`Table::from_columns`].
    #[must_use]
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// The column `name`, if there is one. For the optional columns of a signature.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column `name`.
    ///
    /// # Errors
    ///
    /// Rejected, when there is none.
    pub fn column(&self, name: &str) -> Result<&Column, Error> {
        self.get(name).ok_or_else(|| {
            let mut message = format!("column `{name}` is missing, the input has");
            let mut separator = "";
            for column in &self.columns {
                let _ = write!(message, "{separator} `{}`", column.name);
                separator = ",";
            }
            message.push_str(if self.columns.is_empty() { " no columns" } else { "" });
            Error::rejected(message)
        })
    }

    /// The values of a `double` column; a missing one is NaN.
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or of another type; the same for the other accessors.
    pub fn f64(&self, name: &str) -> Result<&[f64], Error> {
        let column = self.column(name)?;
        if let ColumnData::F64(values) = &column.data { Ok(values) } else { Err(column.mistyped("double")) }
    }

    /// The values of a `float` column; a missing one is NaN.
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or of another type.
    pub fn f32(&self, name: &str) -> Result<&[f32], Error> {
        let column = self.column(name)?;
        if let ColumnData::F32(values) = &column.data { Ok(values) } else { Err(column.mistyped("float")) }
    }

    /// The values of a `long` column; a missing one is 0.
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or of another type.
    pub fn s64(&self, name: &str) -> Result<&[i64], Error> {
        let column = self.column(name)?;
        if let ColumnData::S64(values) = &column.data { Ok(values) } else { Err(column.mistyped("long")) }
    }

    /// The values of an `integer` column; a missing one is 0.
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or of another type.
    pub fn s32(&self, name: &str) -> Result<&[i32], Error> {
        let column = self.column(name)?;
        if let ColumnData::S32(values) = &column.data { Ok(values) } else { Err(column.mistyped("integer")) }
    }

    /// The values of a `datetime` column, in nanoseconds since 1970-01-01T00:00:00Z; a missing one is 0.
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or of another type.
    pub fn datetime(&self, name: &str) -> Result<&[i64], Error> {
        let column = self.column(name)?;
        if let ColumnData::Datetime(values) = &column.data {
            Ok(values)
        } else {
            Err(column.mistyped("datetime"))
        }
    }

    /// The values of a `boolean` column.
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or of another type.
    pub fn boolean(&self, name: &str) -> Result<Booleans<'_>, Error> {
        let column = self.column(name)?;
        if let ColumnData::Boolean(values) = &column.data {
            Ok(Booleans { values, validity: column.validity.as_deref() })
        } else {
            Err(column.mistyped("boolean"))
        }
    }

    /// The values of a `string` column.
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or of another type.
    pub fn text(&self, name: &str) -> Result<Texts<'_>, Error> {
        let column = self.column(name)?;
        if let ColumnData::Text(values) = &column.data {
            Ok(Texts { values, validity: column.validity.as_deref() })
        } else {
            Err(column.mistyped("string"))
        }
    }

    /// The values of a column of arrays, objects, maps or mixed values, each as one JSON text.
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or of another type.
    pub fn json(&self, name: &str) -> Result<Texts<'_>, Error> {
        let column = self.column(name)?;
        if let ColumnData::Json(values) = &column.data {
            Ok(Texts { values, validity: column.validity.as_deref() })
        } else {
            Err(column.mistyped("JSON"))
        }
    }

    /// The values of a `binary` column.
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or of another type.
    pub fn binary(&self, name: &str) -> Result<Bytes<'_>, Error> {
        let column = self.column(name)?;
        if let ColumnData::Binary(values) = &column.data {
            Ok(Bytes { values, validity: column.validity.as_deref() })
        } else {
            Err(column.mistyped("binary"))
        }
    }

    /// The values of any numeric or boolean column as doubles; a missing one is NaN. A `double` column is
    /// borrowed, others are converted (`long` values are rounded to 53 bits).
    ///
    /// # Errors
    ///
    /// Rejected, when the column is missing or not numeric.
    pub fn numbers(&self, name: &str) -> Result<Cow<'_, [f64]>, Error> {
        let column = self.column(name)?;
        let mut values: Vec<f64> = match &column.data {
            ColumnData::F64(values) => return Ok(Cow::Borrowed(values)),
            ColumnData::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
            ColumnData::S64(values) => values.iter().map(|value| *value as f64).collect(),
            ColumnData::S32(values) => values.iter().map(|value| f64::from(*value)).collect(),
            ColumnData::Boolean(values) => values.iter().map(|value| f64::from(*value)).collect(),
            _ => return Err(column.mistyped("a number")),
        };
        for (value, present) in values.iter_mut().zip(column.validity.iter().flatten()) {
            if *present == 0 {
                *value = f64::NAN;
            }
        }
        Ok(Cow::Owned(values))
    }
}
