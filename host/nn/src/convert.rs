//! Tensors of wire to values of ONNX Runtime and back, for every element type that wire has.
//!
//! `session.rs` calls this around each run. Inputs are lent to ONNX Runtime where their layout is its own, outputs are
//! copied out once. A value is read by the shape and type that it has, never by what the graph declared.

use std::hash::Hash;

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};
use mlhost_wire::values::{ElementType, Elements, Packed, Tensor};
use ort::memory::Allocator;
use ort::session::SessionInputValue;
use ort::value::{
    DynMapValueType, DynTensor, DynValue, IntoTensorElementType, PrimitiveTensorElementType, Shape,
    TensorElementType, TensorRef,
};
// The macro calls itself by its bare name.
use ort::{AsPointer, ortsys};

/// A sequence of maps, one a row, as two tensors.
pub(crate) struct Maps {
    /// Float32 of shape `[rows, keys]`.
    pub(crate) values: Tensor,
    /// Int64 or text of shape `[keys]`.
    pub(crate) keys: Tensor,
}

/// The wire type of an ONNX element type; `None` for those that wire does not have (complex, 8-bit floats, 4-bit
/// integers).
pub(crate) fn element_type(ty: TensorElementType) -> Option<ElementType> {
    Some(match ty {
        TensorElementType::Bool => ElementType::Boolean,
        TensorElementType::Bfloat16 => ElementType::Bf16,
        TensorElementType::Float16 => ElementType::F16,
        TensorElementType::Float32 => ElementType::F32,
        TensorElementType::Float64 => ElementType::F64,
        TensorElementType::Int8 => ElementType::S8,
        TensorElementType::Int16 => ElementType::S16,
        TensorElementType::Int32 => ElementType::S32,
        TensorElementType::Int64 => ElementType::S64,
        TensorElementType::Uint8 => ElementType::U8,
        TensorElementType::Uint16 => ElementType::U16,
        TensorElementType::Uint32 => ElementType::U32,
        TensorElementType::Uint64 => ElementType::U64,
        TensorElementType::String => ElementType::Text,
        _ => return None,
    })
}

/// A value of ONNX Runtime that borrows the tensor's elements; booleans and texts are copied, since their layouts
/// differ. The tensor was checked.
pub(crate) fn lend(tensor: &Tensor) -> ort::Result<SessionInputValue<'_>> {
    let shape: Shape = tensor.shape.iter().copied().map(i64::from).collect();
    match &tensor.elements {
        Elements::Boolean(values) => {
            // Any byte but 0 is true: ONNX Runtime's own bool must hold 0 or 1 and nothing else.
            let values: Vec<bool> = values.iter().map(|byte| *byte != 0).collect();
            Ok(ort::value::Tensor::from_array((shape, values))?.into())
        }
        Elements::Bf16(bits) => view::<bf16>(shape, bits.reinterpret_cast()),
        Elements::F16(bits) => view::<f16>(shape, bits.reinterpret_cast()),
        Elements::F32(values) => view(shape, values),
        Elements::F64(values) => view(shape, values),
        Elements::S8(values) => view(shape, values),
        Elements::S16(values) => view(shape, values),
        Elements::S32(values) => view(shape, values),
        Elements::S64(values) => view(shape, values),
        Elements::U8(values) => view(shape, values),
        Elements::U16(values) => view(shape, values),
        Elements::U32(values) => view(shape, values),
        Elements::U64(values) => view(shape, values),
        Elements::Text(packed) => Ok(text(shape, packed)?.into()),
    }
}

/// A copy of a tensor that a run gave.
///
/// # Errors
///
/// A text for the log: no tensor, a type or size that wire does not have, texts that are not UTF-8.
pub(crate) fn copy(value: &DynValue) -> Result<Tensor, String> {
    let Some(ty) = value.dtype().tensor_type() else {
        return Err(format!("it is a {}, not a tensor", value.dtype()));
    };
    let Some(ty) = element_type(ty) else {
        return Err(format!("elements of type {ty} are not supported"));
    };
    let elements = match ty {
        ElementType::Boolean => Elements::Boolean(booleans(value)?),
        ElementType::Bf16 => Elements::Bf16(extract::<bf16>(value)?.reinterpret_cast().to_vec()),
        ElementType::F16 => Elements::F16(extract::<f16>(value)?.reinterpret_cast().to_vec()),
        ElementType::F32 => Elements::F32(extract(value)?.to_vec()),
        ElementType::F64 => Elements::F64(extract(value)?.to_vec()),
        ElementType::S8 => Elements::S8(extract(value)?.to_vec()),
        ElementType::S16 => Elements::S16(extract(value)?.to_vec()),
        ElementType::S32 => Elements::S32(extract(value)?.to_vec()),
        ElementType::S64 => Elements::S64(extract(value)?.to_vec()),
        ElementType::U8 => Elements::U8(extract(value)?.to_vec()),
        ElementType::U16 => Elements::U16(extract(value)?.to_vec()),
        ElementType::U32 => Elements::U32(extract(value)?.to_vec()),
        ElementType::U64 => Elements::U64(extract(value)?.to_vec()),
        ElementType::Text => {
            let (_, texts) = value.try_extract_strings().map_err(|error| error.to_string())?;
            Elements::Text(pack(&texts)?)
        }
    };
    let axes = value.shape().iter().map(|size| u32::try_from(*size));
    let shape =
        axes.collect::<Result<_, _>>().map_err(|_| format!("shape {} is too large", value.shape()))?;
    Ok(Tensor { shape, elements })
}

/// A sequence of maps from class to number as two tensors, the classes in the order of the first row.
///
/// # Errors
///
/// A text for the log: no such sequence, or rows with different keys.
pub(crate) fn flatten(value: &DynValue, keys: ElementType) -> Result<Maps, String> {
    if keys == ElementType::Text {
        let (values, keys) = rows::<String>(value)?;
        let shape = vec![size(keys.len())?];
        Ok(Maps { values, keys: Tensor { shape, elements: Elements::Text(pack(&keys)?) } })
    } else {
        let (values, keys) = rows::<i64>(value)?;
        Ok(Maps { values, keys: Tensor { shape: vec![size(keys.len())?], elements: Elements::S64(keys) } })
    }
}

fn rows<K>(value: &DynValue) -> Result<(Tensor, Vec<K>), String>
where
    K: IntoTensorElementType + Clone + Hash + Eq,
{
    let maps = value.try_extract_sequence::<DynMapValueType>().map_err(|error| error.to_string())?;
    stack(maps.iter().map(|map| map.try_extract_key_values::<K, f32>().map_err(|error| error.to_string())))
}

/// The numbers of all rows one after another, and the keys that every row has.
fn stack<K: Clone + Eq>(
    rows: impl ExactSizeIterator<Item = Result<Vec<(K, f32)>, String>>,
) -> Result<(Tensor, Vec<K>), String> {
    let count = rows.len();
    let (mut keys, mut numbers) = (Vec::new(), Vec::new());
    for (row, pairs) in rows.enumerate() {
        let pairs = pairs?;
        if row == 0 {
            keys = pairs.iter().map(|(key, _)| key.clone()).collect();
            numbers.reserve(keys.len().saturating_mul(count));
        } else if !pairs.iter().map(|(key, _)| key).eq(&keys) {
            return Err(format!("row {row} has other keys than row 0"));
        }
        numbers.extend(pairs.iter().map(|(_, number)| number));
    }
    let shape = vec![size(count)?, size(keys.len())?];
    Ok((Tensor { shape, elements: Elements::F32(numbers) }, keys))
}

fn view<T>(shape: Shape, values: &[T]) -> ort::Result<SessionInputValue<'_>>
where
    T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
{
    Ok(TensorRef::from_array_view((shape, values))?.into())
}

/// `ort`'s own way for texts makes two copies of each and refuses a zero byte inside one.
fn text(shape: Shape, packed: &Packed) -> ort::Result<DynTensor> {
    let mut tensor = DynTensor::new(&Allocator::default(), TensorElementType::String, shape)?;
    for (index, text) in packed.iter().enumerate() {
        let mut buffer = std::ptr::null_mut();
        ortsys![unsafe GetResizedStringTensorElementBuffer(tensor.ptr_mut(), index, text.len(), &mut buffer)?];
        if !buffer.is_null() {
            // SAFETY: the call above made room for `text.len()` bytes at `buffer`, which belong to the tensor alone.
            unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast::<u8>(), text.len()) };
        }
    }
    Ok(tensor)
}

fn extract<T: PrimitiveTensorElementType>(value: &DynValue) -> Result<&[T], String> {
    value.try_extract_tensor().map(|(_, values)| values).map_err(|error| error.to_string())
}

/// Read as bytes: a model's own constants may put any byte into a bool, which Rust's `bool` must never hold.
fn booleans(value: &DynValue) -> Result<Vec<u8>, String> {
    let tensor = value.upcast_ref();
    if !tensor.memory_info().is_cpu_accessible() {
        return Err("it is not in the CPU's memory".to_owned());
    }
    let (data, count) = (tensor.data_ptr().cast::<u8>(), tensor.shape().num_elements());
    if data.is_null() || count == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: a tensor of bool holds one byte for each element, initialised by the run that gave it, and lives as
    // long as `value`.
    let bytes = unsafe { std::slice::from_raw_parts(data, count) };
    Ok(bytes.iter().map(|byte| u8::from(*byte != 0)).collect())
}

fn pack(texts: &[String]) -> Result<Packed, String> {
    let mut packed = Packed::with_capacity(texts.len(), texts.iter().map(String::len).sum());
    for text in texts {
        if !packed.push(text.as_bytes()) {
            return Err("its texts exceed 4 GiB".to_owned());
        }
    }
    Ok(packed)
}

fn size(count: usize) -> Result<u32, String> {
    u32::try_from(count).map_err(|_| format!("{count} is too large for an axis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_the_same_keys_are_a_matrix() {
        let rows = [Ok(vec![(1, 0.25), (2, 0.75)]), Ok(vec![(1, 0.5), (2, 0.5)])];
        let matrix = Tensor { shape: vec![2, 2], elements: Elements::F32(vec![0.25, 0.75, 0.5, 0.5]) };
        assert_eq!(stack(rows.into_iter()), Ok((matrix, vec![1, 2])));
    }

    #[test]
    fn rows_with_other_keys_are_an_error() {
        for second in [vec![(1, 0.5), (3, 0.5)], vec![(1, 1.0)], vec![(1, 0.2), (2, 0.2), (3, 0.6)]] {
            let rows = [Ok(vec![(1, 0.25), (2, 0.75)]), Ok(second)];
            assert_eq!(stack(rows.into_iter()), Err("row 1 has other keys than row 0".to_owned()));
        }
    }

    #[test]
    fn no_rows_are_an_empty_matrix_without_keys() {
        let matrix = Tensor { shape: vec![0, 0], elements: Elements::F32(vec![]) };
        assert_eq!(stack::<i64>(std::iter::empty()), Ok((matrix, vec![])));
    }
}
