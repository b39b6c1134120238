//! Building a table column by column.
//!
//! Guests build their answers with it. Lengths are compared once, in `build`; nothing is padded or cut.

use crate::table::{Column, ColumnData, Table};
use crate::{Error, Packed};

/// Fills a table column by column. Plain values and `Option`s are both taken; a `None` is a missing value.
///
/// ```
/// use mlhost_guest::Table;
///
/// let table = Table::builder()
///     .text("species", ["setosa", "virginica"])
///     .f64("probability", vec![0.9, 0.8])
///     .s64("rank", [Some(1), None])
///     .build()?;
/// assert_eq!(table.rows(), 2);
/// # Ok::<(), mlhost_guest::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "`build` makes the table"]
pub struct TableBuilder {
    columns: Vec<Column>,
}

/// What can stand in a text column: a string or an `Option` of one.
pub trait TextCell {
    /// The text, or `None` when it is missing.
    fn as_text(&self) -> Option<&str>;
}

/// What can stand in a binary column: bytes or an `Option` of them.
pub trait BinaryCell {
    /// The bytes, or `None` when they are missing.
    fn as_binary(&self) -> Option<&[u8]>;
}

/// One byte a row from the first missing value on; most columns never need it.
#[derive(Default)]
struct Validity(Option<Vec<u8>>);

// === impl TableBuilder ===

impl TableBuilder {
    /// Adds a `double` column.
    pub fn f64(self, name: impl Into<String>, values: impl IntoIterator<Item: Into<Option<f64>>>) -> Self {
        let (values, validity) = collect(values, f64::NAN);
        self.column(Column { name: name.into(), data: ColumnData::F64(values), validity })
    }

    /// Adds a `float` column.
    pub fn f32(self, name: impl Into<String>, values: impl IntoIterator<Item: Into<Option<f32>>>) -> Self {
        let (values, validity) = collect(values, f32::NAN);
        self.column(Column { name: name.into(), data: ColumnData::F32(values), validity })
    }

    /// Adds a `long` column.
    pub fn s64(self, name: impl Into<String>, values: impl IntoIterator<Item: Into<Option<i64>>>) -> Self {
        let (values, validity) = collect(values, 0);
        self.column(Column { name: name.into(), data: ColumnData::S64(values), validity })
    }

    /// Adds an `integer` column.
    pub fn s32(self, name: impl Into<String>, values: impl IntoIterator<Item: Into<Option<i32>>>) -> Self {
        let (values, validity) = collect(values, 0);
        self.column(Column { name: name.into(), data: ColumnData::S32(values), validity })
    }

    /// Adds a `boolean` column.
    pub fn boolean(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item: Into<Option<bool>>>,
    ) -> Self {
        let (values, validity) = collect(values, false);
        let data = ColumnData::Boolean(values.into_iter().map(u8::from).collect());
        self.column(Column { name: name.into(), data, validity })
    }

    /// Adds a `datetime` column, in nanoseconds since 1970-01-01T00:00:00Z.
    pub fn datetime(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item: Into<Option<i64>>>,
    ) -> Self {
        let (values, validity) = collect(values, 0);
        self.column(Column { name: name.into(), data: ColumnData::Datetime(values), validity })
    }

    /// Adds a `string` column.
    pub fn text(self, name: impl Into<String>, values: impl IntoIterator<Item: TextCell>) -> Self {
        let (values, validity) = collect_text(values);
        self.column(Column { name: name.into(), data: ColumnData::Text(values), validity })
    }

    /// Adds a column of JSON texts.
    pub fn json(self, name: impl Into<String>, values: impl IntoIterator<Item: TextCell>) -> Self {
        let (values, validity) = collect_text(values);
        self.column(Column { name: name.into(), data: ColumnData::Json(values), validity })
    }

    /// Adds a `binary` column.
    pub fn binary(self, name: impl Into<String>, values: impl IntoIterator<Item: BinaryCell>) -> Self {
        let (mut packed, mut validity) = (Packed::new(), Validity::default());
        for value in values {
            let value = value.as_binary();
            validity.note(packed.len(), value.is_some());
            packed.push(value.unwrap_or_default());
        }
        self.column(Column { name: name.into(), data: ColumnData::Binary(packed), validity: validity.0 })
    }

    /// Adds a column as it is.
    pub fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// The table.
    ///
    /// # Errors
    ///
    /// Failed, when the columns differ in length.
    pub fn build(self) -> Result<Table, Error> {
        Table::from_columns(self.columns)
    }
}

fn collect<T>(values: impl IntoIterator<Item: Into<Option<T>>>, missing: T) -> (Vec<T>, Option<Vec<u8>>)
where
    T: Copy,
{
    let values = values.into_iter();
    let (mut data, mut validity) = (Vec::with_capacity(values.size_hint().0), Validity::default());
    for value in values {
        let value = value.into();
        validity.note(data.len(), value.is_some());
        data.push(value.unwrap_or(missing));
    }
    (data, validity.0)
}

fn collect_text(values: impl IntoIterator<Item: TextCell>) -> (Packed, Option<Vec<u8>>) {
    let (mut packed, mut validity) = (Packed::new(), Validity::default());
    for value in values {
        let value = value.as_text();
        validity.note(packed.len(), value.is_some());
        packed.push(value.unwrap_or_default().as_bytes());
    }
    (packed, validity.0)
}

// === impl Validity ===

impl Validity {
    fn note(&mut self, row: usize, present: bool) {
        if let Some(mask) = &mut self.0 {
            mask.push(u8::from(present));
        } else if !present {
            let mut mask = vec![1; row];
            mask.push(0);
            self.0 = Some(mask);
        }
    }
}

// === impl TextCell ===

impl TextCell for &str {
    fn as_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl TextCell for String {
    fn as_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl TextCell for &String {
    fn as_text(&self) -> Option<&str> {
        Some(self)
    }
}

impl<T: AsRef<str>> TextCell for Option<T> {
    fn as_text(&self) -> Option<&str> {
        self.as_ref().map(AsRef::as_ref)
    }
}

// === impl BinaryCell ===

impl BinaryCell for &[u8] {
    fn as_binary(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl BinaryCell for Vec<u8> {
    fn as_binary(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl<T: AsRef<[u8]>> BinaryCell for Option<T> {
    fn as_binary(&self) -> Option<&[u8]> {
        self.as_ref().map(AsRef::as_ref)
    }
}
