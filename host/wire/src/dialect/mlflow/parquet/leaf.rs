//! One leaf of a Parquet file's schema, read as a whole: its values and the levels that place them.
//!
//! Called by [`super`] for flat columns and by [`super::assemble`] for nested ones, after [`super::bounds`] has checked
//! and paid for every page. Values are those that are present; levels say where the others are missing.

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::DataType;
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::FileReader as _;
use ::parquet::schema::types::ColumnDescriptor;

use super::File;
use super::bounds::Budget;
use crate::dialect::mlflow::enforce::Dtype;
use crate::dialect::mlflow::scalar::Problem;
use crate::values::{ColumnData, Packed};

/// A leaf's content.
#[derive(Debug)]
pub(super) struct Leaf {
    /// The values that are present.
    pub(super) data: ColumnData,
    pub(super) dtype: Dtype,
    /// Whether moments are of UTC, and not of no time zone.
    pub(super) zoned: bool,
    /// One a value, missing ones included; empty where none can be missing.
    pub(super) definitions: Vec<i16>,
    /// One a value, missing ones included; empty where none can be repeated.
    pub(super) repetitions: Vec<i16>,
    pub(super) max_definition: i16,
}

/// What the bits of a leaf mean.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    Boolean,
    Signed(u8),
    Unsigned(u8),
    Half,
    Float,
    Double,
    Date,
    Moment {
        /// Nanoseconds of one unit.
        unit: i64,
        zoned: bool,
    },
    /// Digits behind the point.
    Decimal(i32),
    Text,
    Bytes,
    Nothing,
}

const BATCH: usize = 4096;
const DAY: i64 = 86_400_000_000_000;

// === impl Meaning ===

impl Meaning {
    fn of(leaf: &ColumnDescriptor) -> Result<Self, Problem> {
        let unit = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1000,
            TimeUnit::NANOS => 1,
        };
        if let Some(logical) = leaf.logical_type_ref() {
            match logical {
                LogicalType::Integer(kind) => {
                    let bytes = u8::try_from(kind.bit_width / 8).unwrap_or(8);
                    return Ok(if kind.is_signed { Self::Signed(bytes) } else { Self::Unsigned(bytes) });
                }
                LogicalType::Date => return Ok(Self::Date),
                LogicalType::Timestamp(kind) => {
                    return Ok(Self::Moment { unit: unit(&kind.unit), zoned: kind.is_adjusted_to_u_t_c });
                }
                LogicalType::Decimal(kind) => return Ok(Self::Decimal(kind.scale)),
                LogicalType::Time(_) => return Err("times of day are not served".to_owned()),
                LogicalType::String | LogicalType::Enum | LogicalType::Json => return Ok(Self::Text),
                LogicalType::Float16 => return Ok(Self::Half),
                LogicalType::Unknown => return Ok(Self::Nothing),
                _ => {}
            }
        }
        Ok(match (leaf.converted_type(), leaf.physical_type()) {
            (ConvertedType::INT_8, _) => Self::Signed(1),
            (ConvertedType::INT_16, _) => Self::Signed(2),
            (ConvertedType::UINT_8, _) => Self::Unsigned(1),
            (ConvertedType::UINT_16, _) => Self::Unsigned(2),
            (ConvertedType::UINT_32, _) => Self::Unsigned(4),
            (ConvertedType::UINT_64, _) => Self::Unsigned(8),
            (ConvertedType::DATE, _) => Self::Date,
            (ConvertedType::DECIMAL, _) => Self::Decimal(leaf.type_scale()),
            (ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS, _) => {
                return Err("times of day are not served".to_owned());
            }
            // Written by those who did not know of moments without a zone.
            (ConvertedType::TIMESTAMP_MILLIS, _) => Self::Moment { unit: 1_000_000, zoned: true },
            (ConvertedType::TIMESTAMP_MICROS, _) => Self::Moment { unit: 1000, zoned: true },
            (ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON, _) => Self::Text,
            (_, Physical::BOOLEAN) => Self::Boolean,
            (_, Physical::INT32) => Self::Signed(4),
            (_, Physical::INT64) => Self::Signed(8),
            (_, Physical::INT96) => Self::Moment { unit: 1, zoned: false },
            (_, Physical::FLOAT) => Self::Float,
            (_, Physical::DOUBLE) => Self::Double,
            (_, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY) => Self::Bytes,
        })
    }

    fn dtype(self) -> Dtype {
        match self {
            Self::Boolean => Dtype::Boolean,
            Self::Signed(bytes) => Dtype::Signed(bytes),
            Self::Unsigned(bytes) => Dtype::Unsigned(bytes),
            Self::Half => Dtype::Float(2),
            Self::Float => Dtype::Float(4),
            Self::Double => Dtype::Float(8),
            Self::Moment { .. } => Dtype::Datetime,
            Self::Text => Dtype::Text,
            Self::Nothing => Dtype::Nothing,
            // Python's own dates, decimals and bytes.
            Self::Date | Self::Decimal(_) | Self::Bytes => Dtype::Object,
        }
    }

    /// Room for values of this meaning.
    fn room(self) -> ColumnData {
        match self {
            Self::Boolean => ColumnData::Boolean(Vec::new()),
            Self::Signed(8) | Self::Unsigned(4) => ColumnData::S64(Vec::new()),
            Self::Signed(_) | Self::Unsigned(1 | 2) => ColumnData::S32(Vec::new()),
            Self::Half | Self::Float => ColumnData::F32(Vec::new()),
            // Of more than 63 bits without a sign there is no column; as in JSON they are floats.
            Self::Double | Self::Decimal(_) | Self::Nothing | Self::Unsigned(_) => {
                ColumnData::F64(Vec::new())
            }
            Self::Date | Self::Moment { .. } => ColumnData::Datetime(Vec::new()),
            Self::Text => ColumnData::Text(Packed::with_capacity(0, 0)),
            Self::Bytes => ColumnData::Binary(Packed::with_capacity(0, 0)),
        }
    }

    /// Appends a whole number.
    fn push_integer(self, data: &mut ColumnData, value: i64) -> Result<(), Problem> {
        match (self, data) {
            (Self::Unsigned(4), ColumnData::S64(values)) => values.push(value & 0xffff_ffff),
            (Self::Unsigned(_), ColumnData::F64(values)) => values.push(value as u64 as f64),
            (_, ColumnData::S64(values)) => values.push(value),
            (_, ColumnData::S32(values)) => values.push(value as i32),
            (Self::Decimal(scale), ColumnData::F64(values)) => values.push(value as f64 / 10f64.powi(scale)),
            (Self::Date, ColumnData::Datetime(values)) => values.push(moment(value, DAY)?),
            (Self::Moment { unit, .. }, ColumnData::Datetime(values)) => values.push(moment(value, unit)?),
            // A column of nothing has no values.
            _ => return Err(format!("{self:?} is not stored as an integer")),
        }
        Ok(())
    }

    /// Appends bytes.
    fn push_bytes(self, data: &mut ColumnData, bytes: &[u8]) -> Result<(), Problem> {
        let pushed = match (self, data) {
            (Self::Text, ColumnData::Text(values)) => {
                std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8".to_owned())?;
                values.push(bytes)
            }
            (Self::Bytes, ColumnData::Binary(values)) => values.push(bytes),
            (Self::Half, ColumnData::F32(values)) => {
                let bits = bytes.first_chunk::<2>().ok_or("a half-precision number is cut short")?;
                values.push(half::f16::from_le_bytes(*bits).to_f32());
                true
            }
            (Self::Decimal(scale), ColumnData::F64(values)) => {
                if bytes.len() > 16 {
                    return Err("a decimal has more than 128 bits".to_owned());
                }
                // Two's complement, the most significant byte first.
                let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1i128 } else { 0 };
                let unscaled = bytes.iter().fold(sign, |value, byte| value << 8 | i128::from(*byte));
                values.push(unscaled as f64 / 10f64.powi(scale));
                true
            }
            _ => return Err(format!("{self:?} is not stored as bytes")),
        };
        if pushed { Ok(()) } else { Err(crate::dialect::mlflow::column::FULL.to_owned()) }
    }
}

fn moment(value: i64, unit: i64) -> Result<i64, Problem> {
    value.checked_mul(unit).ok_or_else(|| "a moment is out of range: 1677-09-21 to 2262-04-11".to_owned())
}

pub(super) fn damaged(error: &ParquetError) -> Problem {
    format!("{error}")
}

/// Reads leaf `index` of all row groups.
pub(super) fn read(file: &File, index: usize, budget: &mut Budget) -> Result<Leaf, Problem> {
    let descriptor = file.metadata().file_metadata().schema_descr().column(index);
    let meaning = Meaning::of(&descriptor)?;
    let mut leaf = Leaf {
        data: meaning.room(),
        dtype: meaning.dtype(),
        zoned: matches!(meaning, Meaning::Moment { zoned: true, .. }),
        definitions: Vec::new(),
        repetitions: Vec::new(),
        max_definition: descriptor.max_def_level(),
    };
    let repeated = descriptor.max_rep_level() > 0;
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group).map_err(|error| damaged(&error))?;
        let reader = group.get_column_reader(index).map_err(|error| damaged(&error))?;
        let integer = |data: &mut ColumnData, value: i64| meaning.push_integer(data, value);
        let mut bytes = |data: &mut ColumnData, value: &[u8]| {
            // A dictionary says a long text once and means it often.
            budget.pay(value.len())?;
            meaning.push_bytes(data, value)
        };
        match reader {
            ColumnReader::BoolColumnReader(reader) => leaf.drain(reader, repeated, |data, value| {
                let ColumnData::Boolean(values) = data else {
                    return Err("a truth value was not expected".to_owned());
                };
                values.push(u8::from(*value));
                Ok(())
            }),
            ColumnReader::Int32ColumnReader(reader) => {
                leaf.drain(reader, repeated, |data, value| integer(data, i64::from(*value)))
            }
            ColumnReader::Int64ColumnReader(reader) => {
                leaf.drain(reader, repeated, |data, value| integer(data, *value))
            }
            ColumnReader::Int96ColumnReader(reader) => {
                leaf.drain(reader, repeated, |data, value| integer(data, value.to_nanos()))
            }
            ColumnReader::FloatColumnReader(reader) => leaf.drain(reader, repeated, |data, value| {
                let ColumnData::F32(values) = data else { return Err("a float was not expected".to_owned()) };
                values.push(*value);
                Ok(())
            }),
            ColumnReader::DoubleColumnReader(reader) => leaf.drain(reader, repeated, |data, value| {
                let ColumnData::F64(values) = data else {
                    return Err("a double was not expected".to_owned());
                };
                values.push(*value);
                Ok(())
            }),
            ColumnReader::ByteArrayColumnReader(reader) => {
                leaf.drain(reader, repeated, |data, value| bytes(data, value.data()))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                leaf.drain(reader, repeated, |data, value| bytes(data, value.data()))
            }
        }?;
    }
    Ok(leaf)
}

// === impl Leaf ===

impl Leaf {
    /// Reads a column chunk to its end.
    fn drain<T: DataType>(
        &mut self,
        mut reader: ColumnReaderImpl<T>,
        repeated: bool,
        mut push: impl FnMut(&mut ColumnData, &T::T) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let optional = self.max_definition > 0;
        let mut values = Vec::new();
        loop {
            values.clear();
            let (definitions, repetitions) = (&mut self.definitions, &mut self.repetitions);
            let read = reader.read_records(
                BATCH,
                optional.then_some(definitions),
                repeated.then_some(repetitions),
                &mut values,
            );
            let (records, _, levels) = read.map_err(|error| damaged(&error))?;
            values.iter().try_for_each(|value| push(&mut self.data, value))?;
            if records == 0 && levels == 0 {
                return Ok(());
            }
        }
    }

    /// How many values there are, missing ones included.
    pub(super) fn len(&self) -> usize {
        if self.max_definition > 0 { self.definitions.len() } else { self.data.len() }
    }
}
