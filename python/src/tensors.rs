//! Tensors: Arrow has their values, one after another, and Python says their shapes.
//!
//! Called by `model` for what goes in and by `answer` for what comes back, whose values are lent to Python and never copied.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float16Array, Float32Array, Float64Array, GenericStringArray, Int8Array,
    Int16Array, Int32Array, Int64Array, OffsetSizeTrait, StringArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow_schema::DataType;
use half::{bf16, f16};
use mlhost_wire::dialect::v2::InferTensor;
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::{Elements, Packed};

/// A tensor out of its values.
pub(crate) fn tensor(name: String, shape: Vec<u32>, values: &dyn Array) -> Result<InferTensor, Fault> {
    if values.null_count() > 0 {
        return Err(bad_input(format!("tensor `{name}` has missing values, which a tensor cannot have")));
    }
    let elements = elements(values).map_err(|problem| bad_input(format!("tensor `{name}` {problem}")))?;
    Ok(InferTensor::new(name, shape, elements))
}

fn bad_input(public: String) -> Fault {
    Fault::new(FaultKind::BadInput, public)
}

fn elements(values: &dyn Array) -> Result<Elements, String> {
    Ok(match values.data_type() {
        DataType::Boolean => Elements::Boolean(values.as_boolean().values().iter().map(u8::from).collect()),
        DataType::Int8 => Elements::S8(primitive::<Int8Type>(values)),
        DataType::Int16 => Elements::S16(primitive::<Int16Type>(values)),
        DataType::Int32 => Elements::S32(primitive::<Int32Type>(values)),
        DataType::Int64 => Elements::S64(primitive::<Int64Type>(values)),
        DataType::UInt8 => Elements::U8(primitive::<UInt8Type>(values)),
        DataType::UInt16 => Elements::U16(primitive::<UInt16Type>(values)),
        DataType::UInt32 => Elements::U32(primitive::<UInt32Type>(values)),
        DataType::UInt64 => Elements::U64(primitive::<UInt64Type>(values)),
        DataType::Float16 => Elements::F16(
            values.as_primitive::<Float16Type>().values().iter().map(|half| half.to_bits()).collect(),
        ),
        DataType::Float32 => Elements::F32(primitive::<Float32Type>(values)),
        DataType::Float64 => Elements::F64(primitive::<Float64Type>(values)),
        DataType::Utf8 => Elements::Text(packed(values.as_string::<i32>())?),
        DataType::LargeUtf8 => Elements::Text(packed(values.as_string::<i64>())?),
        other => return Err(format!("is of Arrow's type {other}, which no tensor is of")),
    })
}

fn primitive<T: ArrowPrimitiveType>(values: &dyn Array) -> Vec<T::Native> {
    values.as_primitive::<T>().values().to_vec()
}

fn packed<O: OffsetSizeTrait>(texts: &GenericStringArray<O>) -> Result<Packed, String> {
    let mut packed = Packed::with_capacity(texts.len(), 0);
    for text in texts.iter().flatten() {
        if !packed.push(text.as_bytes()) {
            return Err("has more than 4 GiB of text".to_owned());
        }
    }
    Ok(packed)
}

/// The values for Python, and what numpy calls their type. There is no bfloat16 in either: it becomes float32, which holds
/// all of it.
pub(crate) fn values(elements: Elements) -> (&'static str, ArrayRef) {
    match elements {
        Elements::Boolean(values) => {
            ("bool", Arc::new(values.iter().map(|byte| Some(*byte != 0)).collect::<BooleanArray>()))
        }
        Elements::Bf16(bits) => {
            let wide = bits.into_iter().map(|bits| bf16::from_bits(bits).to_f32());
            ("float32", Arc::new(Float32Array::from_iter_values(wide)))
        }
        Elements::F16(bits) => {
            ("float16", Arc::new(Float16Array::from_iter_values(bits.into_iter().map(f16::from_bits))))
        }
        Elements::F32(values) => ("float32", Arc::new(Float32Array::from(values))),
        Elements::F64(values) => ("float64", Arc::new(Float64Array::from(values))),
        Elements::S8(values) => ("int8", Arc::new(Int8Array::from(values))),
        Elements::S16(values) => ("int16", Arc::new(Int16Array::from(values))),
        Elements::S32(values) => ("int32", Arc::new(Int32Array::from(values))),
        Elements::S64(values) => ("int64", Arc::new(Int64Array::from(values))),
        Elements::U8(values) => ("uint8", Arc::new(UInt8Array::from(values))),
        Elements::U16(values) => ("uint16", Arc::new(UInt16Array::from(values))),
        Elements::U32(values) => ("uint32", Arc::new(UInt32Array::from(values))),
        Elements::U64(values) => ("uint64", Arc::new(UInt64Array::from(values))),
        Elements::Text(texts) => {
            let texts = texts.iter().map(|text| String::from_utf8_lossy(text).into_owned());
            ("object", Arc::new(StringArray::from_iter_values(texts)))
        }
    }
}
