//! `application/x-npy`: one array as `numpy.save` writes it.
//!
//! Called by `sagemaker`'s dialect. Format: `numpy/lib/format.py`, versions 1 to 3. Objects, structures and texts are
//! not read: none of them is an array of numbers, and objects are Python's pickles.

use super::compat::Compat;
use super::context::{Context, Form, bad_input};
use super::grid::{Grid, elements};
use super::scalar::Scalar;
use crate::fault::Fault;
use crate::signature::Signature;
use crate::values::{ElementType, Elements, Input, Tensor};

const MAGIC: &[u8] = b"\x93NUMPY";

/// numpy's limit.
const MAX_RANK: usize = 64;

/// What the header says.
struct Header {
    element_type: ElementType,
    big_endian: bool,
    /// Whether the first axis varies fastest.
    fortran: bool,
    shape: Vec<u32>,
}

/// Reads a body.
pub(in crate::dialect) fn decode(body: &[u8], signature: &Signature) -> Result<Input, Fault> {
    let (header, data) = split(body).ok_or_else(|| unreadable("it does not begin as `numpy.save` begins"))?;
    let header = Header::read(header)?;
    let (count, size) = (elements(&header.shape), header.size());
    if count.checked_mul(size) != Some(data.len()) {
        let shape = &header.shape;
        return Err(unreadable(&format!(
            "shape {shape:?} of {} takes {count} times {size} bytes, there are {}",
            header.element_type,
            data.len()
        )));
    }
    let context = Context::new("", None, Compat::Sane);
    context.form.set(Form::Inputs);
    let element = |index: usize| {
        let at = header.place(index) * size;
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&data[at..at + size]);
        if header.big_endian {
            bytes[..size].reverse();
        }
        header.scalar(bytes)
    };
    Grid { shape: &header.shape, element_type: Some(header.element_type), element }.input(signature, &context)
}

/// One tensor as `numpy.save` writes it; `None` for texts and for bfloat16, which numpy has no type for.
pub(in crate::dialect) fn encode(tensor: &Tensor) -> Option<Vec<u8>> {
    let (descr, data): (&str, Vec<u8>) = match &tensor.elements {
        Elements::Boolean(values) => ("|b1", values.clone()),
        Elements::U8(values) => ("|u1", values.clone()),
        Elements::S8(values) => ("|i1", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::F16(values) => ("<f2", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::S16(values) => ("<i2", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::U16(values) => ("<u2", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::F32(values) => ("<f4", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::S32(values) => ("<i4", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::U32(values) => ("<u4", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::F64(values) => ("<f8", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::S64(values) => ("<i8", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::U64(values) => ("<u8", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::Bf16(_) | Elements::Text(_) => return None,
    };
    let comma = if tensor.shape.len() == 1 { "," } else { "" };
    let shape: Vec<String> = tensor.shape.iter().map(u32::to_string).collect();
    let shape = shape.join(", ");
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}{comma}), }}");
    // So that the data begins at a multiple of 64 bytes.
    let padding = (64 - (MAGIC.len() + 4 + header.len() + 1) % 64) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let length = u16::try_from(header.len()).ok()?;
    let mut file = Vec::with_capacity(MAGIC.len() + 4 + header.len() + data.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&[1, 0]);
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(&data);
    Some(file)
}

/// Whether numpy has this type.
pub(in crate::dialect) fn has_type(element_type: ElementType) -> bool {
    !matches!(element_type, ElementType::Bf16 | ElementType::Text)
}

/// The header's text, and what is behind it.
fn split(body: &[u8]) -> Option<(&str, &[u8])> {
    let rest = body.strip_prefix(MAGIC)?;
    let ([major, _], rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (usize::try_from(u32::from_le_bytes(*length)).ok()?, rest)
        }
        _ => return None,
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

fn unreadable(problem: &str) -> Fault {
    bad_input(format!("Invalid input. The body is no NumPy array that can be read: {problem}"))
}

// === impl Header ===

impl Header {
    /// Reads the Python dictionary that the header is.
    fn read(text: &str) -> Result<Self, Fault> {
        let value = |key: &str| {
            let at = text.find(&format!("'{key}':"))? + key.len() + 3;
            Some(text[at..].trim_start())
        };
        let missing = |key| unreadable(&format!("its header has no `{key}`"));
        let descr = value("descr").ok_or_else(|| missing("descr"))?;
        let descr = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
        let (descr, _) = descr.ok_or_else(|| unreadable("its elements are no numbers"))?;
        let (order, kind) = descr.split_at_checked(1).unwrap_or_default();
        let element_type = match kind {
            "b1" => ElementType::Boolean,
            "i1" => ElementType::S8,
            "i2" => ElementType::S16,
            "i4" => ElementType::S32,
            "i8" => ElementType::S64,
            "u1" => ElementType::U8,
            "u2" => ElementType::U16,
            "u4" => ElementType::U32,
            "u8" => ElementType::U64,
            "f2" => ElementType::F16,
            "f4" => ElementType::F32,
            "f8" => ElementType::F64,
            _ => return Err(unreadable(&format!("its elements are `{}`", descr.escape_debug()))),
        };
        let fortran = value("fortran_order").ok_or_else(|| missing("fortran_order"))?.starts_with("True");
        let shape = value("shape").ok_or_else(|| missing("shape"))?;
        let shape = shape.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let (shape, _) = shape.ok_or_else(|| missing("shape"))?;
        let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
        let shape: Result<Vec<u32>, _> = sizes.map(str::parse).collect();
        let shape = shape.map_err(|_| unreadable("its shape has an axis of no size"))?;
        if shape.len() > MAX_RANK {
            return Err(unreadable("it has more axes than numpy allows"));
        }
        Ok(Self { element_type, big_endian: order == ">", fortran, shape })
    }

    /// The size of an element.
    fn size(&self) -> usize {
        match self.element_type {
            ElementType::Boolean | ElementType::S8 | ElementType::U8 => 1,
            ElementType::F16 | ElementType::S16 | ElementType::U16 => 2,
            ElementType::F32 | ElementType::S32 | ElementType::U32 => 4,
            _ => 8,
        }
    }

    /// Where the element is that comes `index`th in row-major order.
    fn place(&self, index: usize) -> usize {
        if !self.fortran {
            return index;
        }
        let (mut rest, mut strides) = (index, elements(&self.shape));
        let mut place = 0;
        for size in self.shape.iter().rev().map(|size| *size as usize) {
            strides /= size.max(1);
            place += rest % size.max(1) * strides;
            rest /= size.max(1);
        }
        place
    }

    /// An element of little-endian bytes.
    fn scalar(&self, bytes: [u8; 8]) -> Scalar<'static> {
        let [a, b, c, d, ..] = bytes;
        match self.element_type {
            ElementType::Boolean => Scalar::Boolean(a != 0),
            ElementType::S8 => Scalar::Integer(i64::from(a.cast_signed())),
            ElementType::U8 => Scalar::Integer(i64::from(a)),
            ElementType::S16 => Scalar::Integer(i64::from(i16::from_le_bytes([a, b]))),
            ElementType::U16 => Scalar::Integer(i64::from(u16::from_le_bytes([a, b]))),
            ElementType::S32 => Scalar::Integer(i64::from(i32::from_le_bytes([a, b, c, d]))),
            ElementType::U32 => Scalar::Integer(i64::from(u32::from_le_bytes([a, b, c, d]))),
            ElementType::S64 => Scalar::Integer(i64::from_le_bytes(bytes)),
            ElementType::U64 => {
                let value = u64::from_le_bytes(bytes);
                i64::try_from(value).map_or(Scalar::Unsigned(value), Scalar::Integer)
            }
            ElementType::F16 => Scalar::Float(half::f16::from_le_bytes([a, b]).to_f64()),
            ElementType::F32 => Scalar::Float(f64::from(f32::from_le_bytes([a, b, c, d]))),
            ElementType::F64 | ElementType::Bf16 | ElementType::Text => {
                Scalar::Float(f64::from_le_bytes(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{ColumnData, NamedTensor};

    fn file(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
    }

    fn tensor(body: &[u8], inputs: Option<&str>) -> Result<NamedTensor, String> {
        let signature = Signature::from_mlmodel(inputs, None, None).unwrap();
        match decode(body, &signature).map_err(|fault| fault.public)? {
            Input::Tensors(tensors) => Ok(tensors.into_iter().next().unwrap()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_array_keeps_its_type_and_its_order() {
        let rows: Vec<u8> = [1_i16, 2, 3, 4, 5, 6].iter().flat_map(|value| value.to_be_bytes()).collect();
        let found = tensor(&file(">i2", "False", "(2, 3)", &rows), None).unwrap().tensor;
        assert_eq!(found, Tensor { shape: vec![2, 3], elements: Elements::S16(vec![1, 2, 3, 4, 5, 6]) });
        let columns: Vec<u8> = [1_i16, 4, 2, 5, 3, 6].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(tensor(&file("<i2", "True", "(2, 3)", &columns), None).unwrap().tensor, found);
        let scalar = tensor(&file("|b1", "False", "()", &[1]), None).unwrap().tensor;
        assert_eq!(scalar, Tensor { shape: vec![], elements: Elements::Boolean(vec![1]) });
        assert_eq!(tensor(&file("<f4", "False", "(0, 4)", &[]), None).unwrap().tensor.shape, [0, 4]);
    }

    #[test]
    fn an_array_is_cast_to_the_signature_and_may_be_a_table() {
        let spec = r#"[{"name":"x","type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,2]}}]"#;
        let data: Vec<u8> = [1.0_f64, 2.5].iter().flat_map(|value| value.to_le_bytes()).collect();
        let body = file("<f8", "False", "(1, 2)", &data);
        let found = tensor(&body, Some(spec)).unwrap();
        assert_eq!((found.name.as_str(), found.tensor.elements), ("x", Elements::F32(vec![1.0, 2.5])));
        assert!(
            tensor(&file("<f8", "False", "(1, 1)", &data[..8]), Some(spec)).unwrap_err().contains("Shape")
        );
        let columns = r#"[{"type":"double","name":"a"},{"type":"double","name":"b"}]"#;
        let signature = Signature::from_mlmodel(Some(columns), None, None).unwrap();
        let Input::Table(table) = decode(&body, &signature).unwrap() else { panic!("no table") };
        assert_eq!((table.rows, &table.columns[1].data), (1, &ColumnData::F64(vec![2.5])));
        assert!(decode(&file("<f8", "False", "(2,)", &data), &signature).is_err());
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused() {
        for body in [
            &b""[..],
            b"\x93NUMPY",
            b"\x93NUMPY\x01\x00\xff\xff{}",
            b"\x93NUMPY\x09\x00\x02\x00{}",
            &file("|O", "False", "(1,)", &[0; 8]),
            &file("<U3", "False", "(1,)", &[0; 12]),
            &file("<f4", "False", "(2,)", &[0; 4]),
            &file("<f4", "False", "(4294967295, 4294967295, 4294967295)", &[0; 4]),
            &file("<f4", "False", "(-1,)", &[0; 4]),
            &file("", "False", "(1,)", &[0; 4]),
        ] {
            let refused = decode(body, &Signature::default()).unwrap_err();
            assert!(refused.public.contains("NumPy"), "{refused:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let tensor_of = |elements| Tensor { shape: vec![2], elements };
        for whole in [
            tensor_of(Elements::F32(vec![1.5, -2.0])),
            tensor_of(Elements::S64(vec![i64::MIN, 7])),
            tensor_of(Elements::U64(vec![u64::MAX, 0])),
            tensor_of(Elements::F16(vec![0x3c00, 0])),
            tensor_of(Elements::Boolean(vec![1, 0])),
        ] {
            let written = encode(&whole).unwrap();
            assert_eq!(tensor(&written, None).unwrap().tensor, whole);
        }
    }
}
