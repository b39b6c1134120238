//! Binary tensors: elements as little-endian bytes in row-major order; `BYTES` as a length of four bytes before each value.
//!
//! Called by REST's binary extension and by gRPC's `raw_input_contents` and `raw_output_contents`. A length that a client says
//! is never believed before the bytes are there.

use super::{bad_input, datatype, message};
use crate::fault::Fault;
use crate::values::{ElementType, Elements, Packed};

/// The elements of tensor `name` out of its bytes, which must be just as many as its type and shape want.
///
/// # Errors
///
/// Names the tensor, and the bytes that there are and should be.
pub fn decode(name: &str, element_type: ElementType, shape: &[u32], bytes: &[u8]) -> Result<Elements, Fault> {
    let count = message::count(shape);
    let Some(size) = datatype::size(element_type) else {
        return texts(name, count, bytes).map(Elements::Text);
    };
    let expected = count.saturating_mul(size as u64);
    if bytes.len() as u64 != expected {
        let (datatype, found) = (datatype::name(element_type), bytes.len());
        return Err(bad_input(format!(
            "input `{name}` has {found} bytes; {datatype} of shape {shape:?} takes {expected}"
        )));
    }
    macro_rules! numbers {
        ($number:ty) => {
            bytes.as_chunks().0.iter().map(|bytes| <$number>::from_le_bytes(*bytes)).collect()
        };
    }
    Ok(match element_type {
        ElementType::Boolean => match bytes.iter().position(|byte| *byte > 1) {
            None => Elements::Boolean(bytes.to_vec()),
            Some(index) => {
                let byte = bytes[index];
                return Err(bad_input(format!(
                    "element {index} of input `{name}` is {byte}; BOOL is 0 or 1"
                )));
            }
        },
        ElementType::U8 => Elements::U8(bytes.to_vec()),
        ElementType::S8 => Elements::S8(bytes.iter().map(|byte| byte.cast_signed()).collect()),
        ElementType::U16 => Elements::U16(numbers!(u16)),
        ElementType::F16 => Elements::F16(numbers!(u16)),
        ElementType::Bf16 => Elements::Bf16(numbers!(u16)),
        ElementType::S16 => Elements::S16(numbers!(i16)),
        ElementType::U32 => Elements::U32(numbers!(u32)),
        ElementType::S32 => Elements::S32(numbers!(i32)),
        ElementType::F32 => Elements::F32(numbers!(f32)),
        ElementType::U64 => Elements::U64(numbers!(u64)),
        ElementType::S64 => Elements::S64(numbers!(i64)),
        ElementType::F64 => Elements::F64(numbers!(f64)),
        // Has no size.
        ElementType::Text => Elements::Text(Packed::with_capacity(0, 0)),
    })
}

fn texts(name: &str, count: u64, bytes: &[u8]) -> Result<Packed, Fault> {
    let broken = |problem: String| bad_input(format!("input `{name}`: {problem}"));
    // Each value takes four bytes at least.
    let room = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len() / 4);
    let mut packed = Packed::with_capacity(room, bytes.len().saturating_sub(room * 4));
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let index = packed.len();
        let Some((value, after)) = after.split_at_checked(length) else {
            let left = after.len();
            return Err(broken(format!("value {index} says {length} bytes, and {left} are left")));
        };
        if !packed.push(value) {
            return Err(broken("the values exceed 4 GiB".to_owned()));
        }
        rest = after;
    }
    if !rest.is_empty() {
        let index = packed.len();
        return Err(broken(format!("{} bytes are left where value {index} should begin", rest.len())));
    }
    if packed.len() as u64 != count {
        return Err(broken(format!("{} values, its shape wants {count}", packed.len())));
    }
    Ok(packed)
}

/// Bytes that `elements` take as a binary tensor.
#[must_use]
pub fn encoded_len(elements: &Elements) -> usize {
    match (elements, datatype::size(elements.element_type())) {
        (_, Some(size)) => elements.len() * size,
        (Elements::Text(packed), None) => packed.len() * 4 + packed.data.len(),
        (_, None) => 0,
    }
}

/// Appends `elements` as a binary tensor.
pub fn encode(elements: &Elements, out: &mut Vec<u8>) {
    out.reserve(encoded_len(elements));
    macro_rules! numbers {
        ($values:expr) => {
            out.extend($values.iter().flat_map(|value| value.to_le_bytes()))
        };
    }
    match elements {
        Elements::Boolean(values) | Elements::U8(values) => out.extend_from_slice(values),
        Elements::S8(values) => numbers!(values),
        Elements::U16(values) | Elements::F16(values) | Elements::Bf16(values) => numbers!(values),
        Elements::S16(values) => numbers!(values),
        Elements::U32(values) => numbers!(values),
        Elements::S32(values) => numbers!(values),
        Elements::F32(values) => numbers!(values),
        Elements::U64(values) => numbers!(values),
        Elements::S64(values) => numbers!(values),
        Elements::F64(values) => numbers!(values),
        Elements::Text(packed) => {
            for value in packed.iter() {
                // A packed list holds 4 GiB at most.
                let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back_as_it_was() {
        for elements in [
            Elements::Boolean(vec![0, 1]),
            Elements::Bf16(vec![0x3fc0, 0xffff]),
            Elements::F16(vec![0x3e00, 0xc000]),
            Elements::F32(vec![f32::MIN_POSITIVE, -0.0]),
            Elements::F64(vec![f64::MAX, 1e-320]),
            Elements::S8(vec![-128, 127]),
            Elements::S16(vec![i16::MIN, i16::MAX]),
            Elements::S32(vec![i32::MIN, i32::MAX]),
            Elements::S64(vec![i64::MIN, i64::MAX]),
            Elements::U8(vec![0, 255]),
            Elements::U16(vec![0, u16::MAX]),
            Elements::U32(vec![0, u32::MAX]),
            Elements::U64(vec![0, u64::MAX]),
            Elements::Text([&b""[..], &b"\xff\0"[..]].into_iter().collect()),
        ] {
            let mut bytes = Vec::new();
            encode(&elements, &mut bytes);
            assert_eq!(bytes.len(), encoded_len(&elements));
            let back = decode("x", elements.element_type(), &[2], &bytes).unwrap();
            assert_eq!(back, elements);
            let short = bytes.len() - 1;
            assert!(decode("x", elements.element_type(), &[2], &bytes[..short]).is_err(), "{elements:?}");
            bytes.push(0);
            assert!(decode("x", elements.element_type(), &[2], &bytes).is_err(), "{elements:?}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused_before_anything_is_allocated_for_them() {
        for (shape, bytes) in [
            (&[1u32][..], &b"\xff\xff\xff\xffab"[..]),
            (&[u32::MAX, u32::MAX, u32::MAX], b"\x01\0\0\0a"),
            (&[0], b"\0\0\0\0"),
            (&[1], b"\0\0\0"),
        ] {
            assert!(decode("x", ElementType::Text, shape, bytes).is_err(), "{shape:?}");
        }
        assert!(decode("x", ElementType::F32, &[u32::MAX, u32::MAX, u32::MAX], &[0; 4]).is_err());
        assert_eq!(decode("x", ElementType::F32, &[u32::MAX, 0], &[]), Ok(Elements::F32(vec![])));
    }

    #[test]
    fn a_truth_value_is_one_byte_of_0_or_1() {
        let fault = decode("x", ElementType::Boolean, &[2], &[1, 2]).unwrap_err();
        assert!(fault.public.contains("element 1"), "{}", fault.public);
    }
}
