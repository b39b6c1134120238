//! A model's input out of a record batch, enforced on its signature as MLflow enforces a DataFrame.
//!
//! Called for chunks of Parquet and Arrow files, and by the Python wheel for what Python holds. Numbers are copied once, as
//! blocks: a model's input owns its values.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, GenericBinaryArray, GenericStringArray, OffsetSizeTrait, RecordBatch,
};
use arrow_schema::{DataType, TimeUnit};
use mlhost_wire::dialect::mlflow::typed::{self, Dtype, TypedColumn};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::signature::Signature;
use mlhost_wire::values::{Column, ColumnData, Input, Packed};

use crate::nested;

/// Nanoseconds.
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Values with their type, before missing ones are looked at.
struct Values {
    data: ColumnData,
    dtype: Dtype,
    element: Option<Dtype>,
    zoned: bool,
}

/// The input that `batch` is for a model of this signature.
///
/// # Errors
///
/// [`FaultKind::BadInput`] where MLflow would refuse such a DataFrame; the message names the column.
pub fn input_of(batch: &RecordBatch, signature: &Signature) -> Result<Input, Fault> {
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let name = field.name();
        columns.push(if typed::is_wanted(signature, name) {
            typed_column(name, array)?
        } else {
            let column = Column { name: name.clone(), data: ColumnData::F64(Vec::new()), validity: None };
            TypedColumn { column, dtype: Dtype::Object, element: None, zoned: false }
        });
    }
    typed::fit(columns, batch.num_rows(), signature)
}

/// A column as pandas would have it.
fn typed_column(name: &str, array: &ArrayRef) -> Result<TypedColumn, Fault> {
    let values = values(array).map_err(|problem| {
        Fault::new(FaultKind::BadInput, format!("Column `{name}` of type {}: {problem}", array.data_type()))
    })?;
    let Values { data, dtype, element, zoned } = values;
    let column = |data, validity| Column { name: name.to_owned(), data, validity };
    if array.logical_null_count() == 0 {
        return Ok(TypedColumn { column: column(data, None), dtype, element, zoned });
    }
    let validity: Vec<u8> = match array.logical_nulls() {
        Some(nulls) => nulls.iter().map(u8::from).collect(),
        None => vec![1; array.len()],
    };
    let (data, dtype, masked) = with_missing(data, dtype, &validity);
    Ok(TypedColumn { column: column(data, masked.then_some(validity)), dtype, element, zoned })
}

/// As pandas has place for what is missing: integers become floats, truth values objects.
fn with_missing(data: ColumnData, dtype: Dtype, validity: &[u8]) -> (ColumnData, Dtype, bool) {
    fn absent<T: Copy>(mut values: Vec<T>, validity: &[u8], absent: T) -> Vec<T> {
        for (value, valid) in values.iter_mut().zip(validity) {
            if *valid == 0 {
                *value = absent;
            }
        }
        values
    }
    match data {
        ColumnData::S32(values) => {
            let values = values.into_iter().map(f64::from).collect();
            (ColumnData::F64(absent(values, validity, f64::NAN)), Dtype::Float(8), false)
        }
        ColumnData::S64(values) => {
            let values = values.into_iter().map(|value| value as f64).collect();
            (ColumnData::F64(absent(values, validity, f64::NAN)), Dtype::Float(8), false)
        }
        ColumnData::F64(values) => {
            let masked = dtype == Dtype::Nothing;
            (ColumnData::F64(absent(values, validity, f64::NAN)), dtype, masked)
        }
        ColumnData::F32(values) => (ColumnData::F32(absent(values, validity, f32::NAN)), dtype, false),
        ColumnData::Boolean(values) => {
            (ColumnData::Boolean(absent(values, validity, 0)), Dtype::Object, true)
        }
        ColumnData::Datetime(values) => (ColumnData::Datetime(absent(values, validity, 0)), dtype, true),
        packed => (packed, dtype, true),
    }
}

fn values(array: &ArrayRef) -> Result<Values, String> {
    let plain = |data, dtype| Ok(Values { data, dtype, element: None, zoned: false });
    match array.data_type() {
        DataType::Null => plain(ColumnData::F64(vec![f64::NAN; array.len()]), Dtype::Nothing),
        DataType::Boolean => {
            let values = array.as_boolean().values().iter().map(u8::from).collect();
            plain(ColumnData::Boolean(values), Dtype::Boolean)
        }
        DataType::Int8 => plain(ColumnData::S32(wider::<Int8Type, _>(array)), Dtype::Signed(1)),
        DataType::Int16 => plain(ColumnData::S32(wider::<Int16Type, _>(array)), Dtype::Signed(2)),
        DataType::Int32 => plain(ColumnData::S32(copied::<Int32Type>(array)), Dtype::Signed(4)),
        DataType::Int64 => plain(ColumnData::S64(copied::<Int64Type>(array)), Dtype::Signed(8)),
        DataType::UInt8 => plain(ColumnData::S32(wider::<UInt8Type, _>(array)), Dtype::Unsigned(1)),
        DataType::UInt16 => plain(ColumnData::S32(wider::<UInt16Type, _>(array)), Dtype::Unsigned(2)),
        DataType::UInt32 => plain(ColumnData::S64(wider::<UInt32Type, _>(array)), Dtype::Unsigned(4)),
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().values().iter().map(|value| *value as f64);
            plain(ColumnData::F64(values.collect()), Dtype::Unsigned(8))
        }
        DataType::Float16 => {
            let values = array.as_primitive::<Float16Type>().values().iter().map(|value| value.to_f32());
            plain(ColumnData::F32(values.collect()), Dtype::Float(2))
        }
        DataType::Float32 => plain(ColumnData::F32(copied::<Float32Type>(array)), Dtype::Float(4)),
        DataType::Float64 => plain(ColumnData::F64(copied::<Float64Type>(array)), Dtype::Float(8)),
        DataType::Decimal128(_, scale) => {
            let unit = 10f64.powi(i32::from(*scale));
            let values = array.as_primitive::<Decimal128Type>().values().iter();
            plain(ColumnData::F64(values.map(|value| *value as f64 / unit).collect()), Dtype::Object)
        }
        DataType::Utf8 => plain(ColumnData::Text(texts(array.as_string::<i32>())?), Dtype::Text),
        DataType::LargeUtf8 => plain(ColumnData::Text(texts(array.as_string::<i64>())?), Dtype::Text),
        DataType::Binary => plain(ColumnData::Binary(bytes(array.as_binary::<i32>())?), Dtype::Object),
        DataType::LargeBinary => plain(ColumnData::Binary(bytes(array.as_binary::<i64>())?), Dtype::Object),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => moments(array),
        DataType::Utf8View
        | DataType::BinaryView
        | DataType::Dictionary(..)
        | DataType::RunEndEncoded(..) => unfolded(array),
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::Struct(_)
        | DataType::Map(..) => {
            let element = nested::element(array.data_type()).and_then(|element| dtype_of(&element));
            Ok(Values {
                data: ColumnData::Json(nested::texts(array)?),
                dtype: Dtype::Object,
                element,
                zoned: false,
            })
        }
        _ => Err("is no type that models are given".to_owned()),
    }
}

/// Values of another layout, laid out as one after another.
fn unfolded(array: &ArrayRef) -> Result<Values, String> {
    let (plain, category) = match array.data_type() {
        DataType::Utf8View => (DataType::LargeUtf8, false),
        DataType::BinaryView => (DataType::LargeBinary, false),
        DataType::Dictionary(_, value) => (value.as_ref().clone(), true),
        DataType::RunEndEncoded(_, values) => (values.data_type().clone(), false),
        other => (other.clone(), false),
    };
    if plain == *array.data_type() {
        return Err("is no type that models are given".to_owned());
    }
    let array = arrow_cast::cast(array, &plain).map_err(|error| error.to_string())?;
    let values = values(&array)?;
    // pandas' own type of texts of a closed list, which MLflow refuses everywhere.
    Ok(if category { Values { dtype: Dtype::Unnamed("category"), ..values } } else { values })
}

fn copied<T: ArrowPrimitiveType>(array: &ArrayRef) -> Vec<T::Native> {
    array.as_primitive::<T>().values().to_vec()
}

fn wider<T: ArrowPrimitiveType, U: From<T::Native>>(array: &ArrayRef) -> Vec<U> {
    array.as_primitive::<T>().values().iter().map(|value| U::from(*value)).collect()
}

fn moments(array: &ArrayRef) -> Result<Values, String> {
    let in_unit = |values: &[i64], unit: i64| {
        // What stands where a value is missing may be anything.
        let nanoseconds = values.iter().enumerate().map(|(row, value)| match value.checked_mul(unit) {
            Some(value) => Ok(value),
            None if array.is_null(row) => Ok(0),
            None => Err("a moment is out of range: 1677-09-21 to 2262-04-11".to_owned()),
        });
        nanoseconds.collect::<Result<Vec<i64>, String>>()
    };
    let (values, dtype, zoned) = match array.data_type() {
        DataType::Date32 => {
            let days: Vec<i64> = wider::<Date32Type, i64>(array);
            (in_unit(&days, DAY)?, Dtype::Object, false)
        }
        DataType::Date64 => {
            (in_unit(array.as_primitive::<Date64Type>().values(), SECOND / 1000)?, Dtype::Object, false)
        }
        DataType::Timestamp(unit, zone) => {
            let values = match unit {
                TimeUnit::Second => in_unit(array.as_primitive::<TimestampSecondType>().values(), SECOND),
                TimeUnit::Millisecond => {
                    in_unit(array.as_primitive::<TimestampMillisecondType>().values(), SECOND / 1000)
                }
                TimeUnit::Microsecond => {
                    in_unit(array.as_primitive::<TimestampMicrosecondType>().values(), 1000)
                }
                TimeUnit::Nanosecond => in_unit(array.as_primitive::<TimestampNanosecondType>().values(), 1),
            };
            (values?, Dtype::Datetime, zone.is_some())
        }
        _ => return Err("is no moment".to_owned()),
    };
    Ok(Values { data: ColumnData::Datetime(values), dtype, element: None, zoned })
}

fn texts<O: OffsetSizeTrait>(array: &GenericStringArray<O>) -> Result<Packed, String> {
    packed(array.offsets(), array.value_data(), array.nulls())
}

fn bytes<O: OffsetSizeTrait>(array: &GenericBinaryArray<O>) -> Result<Packed, String> {
    packed(array.offsets(), array.value_data(), array.nulls())
}

/// The values in two buffers of their own; nothing where one is missing.
fn packed<O: OffsetSizeTrait>(
    offsets: &[O],
    data: &[u8],
    nulls: Option<&arrow_buffer::NullBuffer>,
) -> Result<Packed, String> {
    let full = || "its values take 4 GiB or more".to_owned();
    let (first, last) = match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => (first.as_usize(), last.as_usize()),
        _ => (0, 0),
    };
    u32::try_from(last - first).map_err(|_| full())?;
    if nulls.is_none_or(|nulls| nulls.null_count() == 0) {
        let offsets = offsets.iter().map(|offset| (offset.as_usize() - first) as u32).collect();
        return Ok(Packed { offsets, data: data.get(first..last).unwrap_or_default().to_vec() });
    }
    let mut values = Packed::with_capacity(offsets.len(), last - first);
    for (row, ends) in offsets.windows(2).enumerate() {
        let valid = nulls.is_none_or(|nulls| nulls.is_valid(row));
        let value = data.get(ends[0].as_usize()..ends[1].as_usize()).filter(|_| valid).unwrap_or_default();
        if !values.push(value) {
            return Err(full());
        }
    }
    Ok(values)
}

/// The type of single values in a list.
fn dtype_of(data_type: &DataType) -> Option<Dtype> {
    Some(match data_type {
        DataType::Boolean => Dtype::Boolean,
        DataType::Int8 => Dtype::Signed(1),
        DataType::Int16 => Dtype::Signed(2),
        DataType::Int32 => Dtype::Signed(4),
        DataType::Int64 => Dtype::Signed(8),
        DataType::UInt8 => Dtype::Unsigned(1),
        DataType::UInt16 => Dtype::Unsigned(2),
        DataType::UInt32 => Dtype::Unsigned(4),
        DataType::UInt64 => Dtype::Unsigned(8),
        DataType::Float16 => Dtype::Float(2),
        DataType::Float32 => Dtype::Float(4),
        DataType::Float64 => Dtype::Float(8),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Dtype::Text,
        DataType::Timestamp(..) => Dtype::Datetime,
        _ => return None,
    })
}
