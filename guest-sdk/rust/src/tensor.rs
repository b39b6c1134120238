//! Tensors and named sets of them.
//!
//! What graphs take and give, and what a model of a tensor signature is given. A [`Tensor`] made by a guest
//! always has as many elements as its shape asks for; reading one as another type is an error, never a cast.

mod named;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::{Error, Packed};

pub use named::Tensors;

/// A dense tensor, elements in row-major order.
///
/// Constructors and views fail, they do not reject: a graph's tensors are this code's own business. Where the
/// tensor came from the caller, say `.map_err(Error::rejected)`.
///
/// ```
/// use mlhost_guest::{Error, Tensor};
///
/// let tensor = Tensor::f32([2, 2], vec![1.0, 2.0, 3.0, 4.0])?;
/// assert_eq!(tensor.shape(), [2, 2]);
/// assert_eq!(tensor.as_f32()?.chunks_exact(2).nth(1), Some(&[3.0, 4.0][..]));
/// assert!(tensor.as_s64().map_err(Error::rejected).is_err());
/// assert!(Tensor::f32([3], vec![1.0]).is_err());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) elements: Elements,
}

/// The element types a tensor can have. Displayed by numpy's names.
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

/// Constructor, view and taker of one element type.
macro_rules! element_types {
    ($($type:ty, $variant:ident, $new:ident, $view:ident, $take:ident, $what:literal;)*) => {$(
        #[doc = concat!("A tensor of ", $what, ".")]
        ///
        /// # Errors
        ///
        /// Failed, when the number of elements is not the product of `shape`.
        pub fn $new(shape: impl AsRef<[usize]>, elements: impl Into<Vec<$type>>) -> Result<Self, Error> {
            Self::new(shape, Elements::$variant(elements.into()))
        }

        #[doc = concat!("The elements, ", $what, ".")]
        ///
        /// # Errors
        ///
        /// Failed, when they have another type.
        pub fn $view(&self) -> Result<&[$type], Error> {
            if let Elements::$variant(elements) = &self.elements {
                Ok(elements)
            } else {
                Err(self.mistyped(ElementType::$variant))
            }
        }

        #[doc = concat!("The elements, ", $what, ", without a copy.")]
        ///
        /// # Errors
        ///
        /// Failed, when they have another type.
        pub fn $take(self) -> Result<Vec<$type>, Error> {
            if let Elements::$variant(elements) = self.elements {
                Ok(elements)
            } else {
                Err(self.mistyped(ElementType::$variant))
            }
        }
    )*};
}

// === impl Tensor ===

impl Tensor {
    element_types! {
        u8, Boolean, boolean, as_boolean, into_boolean, "booleans, one byte each, 0 or 1";
        u16, Bf16, bf16, as_bf16, into_bf16, "the bits of bfloat16 numbers";
        u16, F16, f16, as_f16, into_f16, "the bits of half-precision numbers";
        f32, F32, f32, as_f32, into_f32, "32-bit floats";
        f64, F64, f64, as_f64, into_f64, "64-bit floats";
        i8, S8, s8, as_s8, into_s8, "signed 8-bit integers";
        i16, S16, s16, as_s16, into_s16, "signed 16-bit integers";
        i32, S32, s32, as_s32, into_s32, "signed 32-bit integers";
        i64, S64, s64, as_s64, into_s64, "signed 64-bit integers";
        u8, U8, u8, as_u8, into_u8, "unsigned 8-bit integers";
        u16, U16, u16, as_u16, into_u16, "unsigned 16-bit integers";
        u32, U32, u32, as_u32, into_u32, "unsigned 32-bit integers";
        u64, U64, u64, as_u64, into_u64, "unsigned 64-bit integers";
    }

    /// A tensor of strings.
    ///
    /// # Errors
    ///
    /// Failed, when the number of strings is not the product of `shape`.
    pub fn text(
        shape: impl AsRef<[usize]>,
        elements: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<Self, Error> {
        let mut packed = Packed::new();
        for element in elements {
            packed.push(element.as_ref().as_bytes());
        }
        Self::new(shape, Elements::Text(packed))
    }

    /// The elements, strings.
    ///
    /// # Errors
    ///
    /// Failed, when they have another type or one is not UTF-8.
    pub fn as_text(&self) -> Result<Vec<&str>, Error> {
        let Elements::Text(packed) = &self.elements else {
            return Err(self.mistyped(ElementType::Text));
        };
        packed.iter().map(|text| std::str::from_utf8(text).map_err(Error::from)).collect()
    }

    /// A tensor of any type.
    ///
    /// # Errors
    ///
    /// Failed, when the number of elements is not the product of `shape`, or an axis has 2³² of them or more.
    pub fn new(shape: impl AsRef<[usize]>, elements: Elements) -> Result<Self, Error> {
        let shape = shape.as_ref();
        // Zero first: an empty tensor's other axes may multiply to more than a `usize` holds.
        let expected = if shape.contains(&0) {
            Some(0)
        } else {
            shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size))
        };
        let found = elements.len();
        if expected == Some(found) && shape.iter().all(|size| u32::try_from(*size).is_ok()) {
            Ok(Self { shape: shape.to_vec(), elements })
        } else {
            Err(Error::failed(format_args!("{found} elements do not fill a tensor of shape {shape:?}")))
        }
    }

    /// The size of each axis; empty for a scalar.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    #[must_use]
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The type of the elements.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        self.elements.element_type()
    }

    fn mistyped(&self, wanted: ElementType) -> Error {
        Error::failed(format_args!("the tensor is of type {}, not {wanted}", self.element_type()))
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

// === impl ElementType ===

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
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
        })
    }
}
