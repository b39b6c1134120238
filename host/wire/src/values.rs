//! The values of a call: tables of typed columns, tensors, raw bytes, parameters.
//!
//! Every dialect decodes into [`Call`] and encodes from [`Reply`]; the sandbox lowers and lifts the same types,
//! whose shape is that of `guest-sdk/wit`. Values carry no invariants that a guest could break unseen: whoever
//! takes them from outside calls [`Table::check`] or [`Tensor::check`] first. Never does I/O.

/// A list of byte strings in two buffers: value `i` is `data[offsets[i]..offsets[i + 1]]`.
///
/// One allocation for all values instead of one each: measured 13 times faster across the sandbox's border than
/// a list of strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// One entry more than there are values, ascending, the first 0 and the last `data.len()`.
    pub offsets: Vec<u32>,
    /// The bytes of all values, one after another.
    pub data: Vec<u8>,
}

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

/// One column of a [`Table`].
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

/// A table: what pandas calls a DataFrame.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Table {
    /// In the order of the signature, or of the request where there is none.
    pub columns: Vec<Column>,
    /// How many values each column has.
    pub rows: usize,
}

/// The element types a tensor can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ElementType {
    Boolean,
    Bf16,
    F16,
    F32,
    F64,
    S8,
    S16,
    S32,
    S64,
    U8,
    U16,
    U32,
    U64,
    Text,
}

/// A tensor's elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Elements {
    /// One byte each, 0 or 1.
    Boolean(Vec<u8>),
    /// The bits of bfloat16 numbers.
    Bf16(Vec<u16>),
    /// The bits of IEEE 754 half-precision numbers.
    F16(Vec<u16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    S8(Vec<i8>),
    S16(Vec<i16>),
    S32(Vec<i32>),
    S64(Vec<i64>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    /// UTF-8 strings.
    Text(Packed),
}

/// A dense tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The size of each axis; empty for a scalar.
    pub shape: Vec<u32>,
    /// As many as the product of `shape`.
    pub elements: Elements,
}

/// A tensor and the name of the input or output it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Empty for an unnamed tensor.
    pub name: String,
    /// The tensor.
    pub tensor: Tensor,
}

/// A body passed through as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The media type, as in a `Content-Type` header.
    pub content_type: String,
    /// The bytes.
    pub data: Vec<u8>,
}

/// What a model is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A table, from a signature of columns or a DataFrame form.
    Table(Table),
    /// Tensors, from a signature of tensors or a tensor form.
    Tensors(Vec<NamedTensor>),
    /// Raw bytes, from a media type that the bundle takes as it is.
    Blob(Blob),
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A table: a list of records in MLflow's JSON.
    Table(Table),
    /// Tensors: nested lists, by name where they have one.
    Tensors(Vec<NamedTensor>),
    /// One JSON text.
    Json(String),
    /// Raw bytes with their media type.
    Blob(Blob),
}

/// A parameter's value.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    /// One JSON text: a list or an object.
    Json(String),
}

/// A named parameter of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// As in the signature's parameter schema.
    pub name: String,
    /// The caller's value, or the schema's default.
    pub value: Value,
}

/// A decoded request, the same whatever the dialect it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What to predict on.
    pub input: Input,
    /// Parameters, checked against the schema.
    pub params: Vec<Param>,
}

/// A model's answer, before it is spelled in a dialect.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What was predicted.
    pub output: Output,
}

/// What is inconsistent in a value that came from outside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistent {
    /// A column's length is not the table's.
    #[error("column `{column}` has {found} values, the table {expected} rows")]
    Rows {
        /// The column.
        column: String,
        /// Its number of values.
        found: usize,
        /// The table's number of rows.
        expected: usize,
    },
    /// A validity mask's length is not the table's.
    #[error("the validity of column `{column}` has {found} entries, the table {expected} rows")]
    Validity {
        /// The column.
        column: String,
        /// The mask's length.
        found: usize,
        /// The table's number of rows.
        expected: usize,
    },
    /// A packed list's offsets do not ascend from 0 to the end of its data.
    #[error("the packed offsets of `{name}` do not ascend from 0 to {end}")]
    Offsets {
        /// The column or tensor.
        name: String,
        /// The length of the data.
        end: usize,
    },
    /// A text value is not UTF-8.
    #[error("value {index} of `{name}` is not UTF-8")]
    Utf8 {
        /// The column or tensor.
        name: String,
        /// Which value.
        index: usize,
    },
    /// A tensor's shape and its number of elements differ.
    #[error("tensor `{name}` has {found} elements, its shape {shape:?} wants {expected}")]
    Elements {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<u32>,
        /// How many elements it has.
        found: usize,
        /// How many its shape asks for.
        expected: u64,
    },
}

// === impl Packed ===

impl Packed {
    /// An empty list with room for `values` values of `bytes` bytes in all.
    #[must_use]
    pub fn with_capacity(values: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(values + 1);
        offsets.push(0);
        Self { offsets, data: Vec::with_capacity(bytes) }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a value. Answers false, and appends nothing, when the list would pass 4 GiB.
    #[must_use = "a full list must be reported"]
    pub fn push(&mut self, value: &[u8]) -> bool {
        let Ok(end) = u32::try_from(self.data.len() + value.len()) else { return false };
        self.data.extend_from_slice(value);
        self.offsets.push(end);
        true
    }

    /// Value `index`, or `None` when there is none or the offsets are broken.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let start = *self.offsets.get(index)? as usize;
        let end = *self.offsets.get(index + 1)? as usize;
        self.data.get(start..end)
    }

    /// The values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    fn check(&self, name: &str, text: bool) -> Result<(), Inconsistent> {
        let ascends = self.offsets.first() == Some(&0)
            && self.offsets.is_sorted()
            && self.offsets.last().is_some_and(|end| *end as usize == self.data.len());
        if !ascends {
            return Err(Inconsistent::Offsets { name: name.to_owned(), end: self.data.len() });
        }
        if text && !self.data.is_ascii() {
            // Each value by itself: a boundary inside a code point is not seen in the whole.
            if let Some(index) = self.iter().position(|value| std::str::from_utf8(value).is_err()) {
                return Err(Inconsistent::Utf8 { name: name.to_owned(), index });
            }
        }
        Ok(())
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Packed {
    /// # Panics
    ///
    /// Past 4 GiB of data: for values whose size is known to be bounded.
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut packed = Self::with_capacity(0, 0);
        for value in values {
            assert!(packed.push(value.as_ref()), "packed values exceed 4 GiB");
        }
        packed
    }
}

// === impl ColumnData ===

impl ColumnData {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::S64(values) | Self::Datetime(values) => values.len(),
            Self::S32(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Text(values) | Self::Binary(values) | Self::Json(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

// === impl Table ===

impl Table {
    /// Whether every column has `rows` values, every offset lies in order and every text is UTF-8.
    ///
    /// # Errors
    ///
    /// The first inconsistency found.
    pub fn check(&self) -> Result<(), Inconsistent> {
        for column in &self.columns {
            let (name, expected) = (&column.name, self.rows);
            if let ColumnData::Text(packed) | ColumnData::Json(packed) = &column.data {
                packed.check(name, true)?;
            } else if let ColumnData::Binary(packed) = &column.data {
                packed.check(name, false)?;
            }
            let found = column.data.len();
            if found != expected {
                return Err(Inconsistent::Rows { column: name.clone(), found, expected });
            }
            if let Some(found) = column.validity.as_ref().map(Vec::len).filter(|len| *len != expected) {
                return Err(Inconsistent::Validity { column: name.clone(), found, expected });
            }
        }
        Ok(())
    }
}

impl Column {
    /// Whether row `index` has a value.
    #[must_use]
    pub fn is_valid(&self, index: usize) -> bool {
        self.validity.as_ref().is_none_or(|mask| mask.get(index).is_some_and(|byte| *byte != 0))
    }
}

// === impl ElementType ===

impl ElementType {
    /// The name numpy and MLflow's tensor signatures use.
    #[must_use]
    pub fn numpy_name(self) -> &'static str {
        match self {
            Self::Boolean => "bool",
            Self::Bf16 => "bfloat16",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::S8 => "int8",
            Self::S16 => "int16",
            Self::S32 => "int32",
            Self::S64 => "int64",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::Text => "str",
        }
    }
}

impl std::fmt::Display for ElementType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.numpy_name())
    }
}

// === impl Elements ===

impl Elements {
    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Boolean(values) | Self::U8(values) => values.len(),
            Self::Bf16(values) | Self::F16(values) | Self::U16(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::S8(values) => values.len(),
            Self::S16(values) => values.len(),
            Self::S32(values) => values.len(),
            Self::S64(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of each element.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        match self {
            Self::Boolean(_) => ElementType::Boolean,
            Self::Bf16(_) => ElementType::Bf16,
            Self::F16(_) => ElementType::F16,
            Self::F32(_) => ElementType::F32,
            Self::F64(_) => ElementType::F64,
            Self::S8(_) => ElementType::S8,
            Self::S16(_) => ElementType::S16,
            Self::S32(_) => ElementType::S32,
            Self::S64(_) => ElementType::S64,
            Self::U8(_) => ElementType::U8,
            Self::U16(_) => ElementType::U16,
            Self::U32(_) => ElementType::U32,
            Self::U64(_) => ElementType::U64,
            Self::Text(_) => ElementType::Text,
        }
    }
}

// === impl Tensor ===

impl Tensor {
    /// Whether the elements are as many as the shape asks for, and texts are UTF-8 with offsets in order.
    ///
    /// # Errors
    ///
    /// The first inconsistency found; `name` is how the message calls the tensor.
    pub fn check(&self, name: &str) -> Result<(), Inconsistent> {
        if let Elements::Text(packed) = &self.elements {
            packed.check(name, true)?;
        }
        // Zero absorbs whatever comes after it; only a product over u64 saturates, and no tensor is that large.
        let expected = if self.shape.contains(&0) {
            0
        } else {
            self.shape.iter().fold(1u64, |product, size| product.saturating_mul(u64::from(*size)))
        };
        let found = self.elements.len();
        if found as u64 == expected {
            Ok(())
        } else {
            Err(Inconsistent::Elements { name: name.to_owned(), shape: self.shape.clone(), found, expected })
        }
    }
}

#[cfg(test)]
mod tests;
