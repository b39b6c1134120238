//! The `data` of an input: JSON, flat or nested, straight into a vector of its datatype.
//!
//! Called by `rest::decode` and `rest::generate`. Nothing is cast: a whole number is a float, and else each value is what the
//! datatype says or is refused with its place. `null` is NaN to floats and a missing value to all others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use half::{bf16, f16};
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use crate::dialect::mlflow::lenient::{INFINITY, NEGATIVE_INFINITY};
use crate::dialect::mlflow::scalar::{Scalar, forward_scalars};
use crate::dialect::v2::{bad_input, datatype};
use crate::fault::Fault;
use crate::values::{ElementType, Elements, Packed};

/// What JSON there is, and how it is to be read.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    /// The input that it is of.
    pub(super) name: &'t str,
    /// The JSON.
    pub(super) text: &'t str,
    /// Whether texts are base64.
    pub(super) base64: bool,
    /// Whether bare infinities were replaced by texts.
    pub(super) lenient: bool,
}

/// Elements, and which of them are missing.
pub(super) struct Read {
    pub(super) elements: Elements,
    pub(super) validity: Option<Vec<u8>>,
}

/// Reads one array, or one value, and what is in it.
struct Values<'p, F> {
    push: &'p mut F,
}

// === impl Source ===

impl Source<'_> {
    /// The elements of this type.
    pub(super) fn read(self, element_type: ElementType) -> Result<Read, Fault> {
        let mut elements = datatype::empty(element_type, 0);
        let to = element_type;
        let missing = match &mut elements {
            Elements::F32(values) => self.floats(values, to, |value| value as f32)?,
            Elements::F64(values) => self.floats(values, to, |value| value)?,
            Elements::F16(values) => self.floats(values, to, |value| f16::from_f64(value).to_bits())?,
            Elements::Bf16(values) => self.floats(values, to, |value| bf16::from_f64(value).to_bits())?,
            Elements::Boolean(values) => self.each(values, to, |scalar| match scalar {
                Scalar::Boolean(value) => Some(u8::from(value)),
                _ => None,
            })?,
            Elements::U8(values) => self.each(values, to, integer)?,
            Elements::U16(values) => self.each(values, to, integer)?,
            Elements::U32(values) => self.each(values, to, integer)?,
            Elements::U64(values) => self.each(values, to, integer)?,
            Elements::S8(values) => self.each(values, to, integer)?,
            Elements::S16(values) => self.each(values, to, integer)?,
            Elements::S32(values) => self.each(values, to, integer)?,
            Elements::S64(values) => self.each(values, to, integer)?,
            Elements::Text(values) => self.texts(values)?,
        };
        let validity = (!missing.is_empty()).then(|| {
            let mut mask = vec![1; elements.len()];
            for place in missing {
                if let Some(byte) = mask.get_mut(place) {
                    *byte = 0;
                }
            }
            mask
        });
        Ok(Read { elements, validity })
    }

    /// Floats, of which none is missing: `null` is NaN.
    fn floats<T>(
        self,
        values: &mut Vec<T>,
        to: ElementType,
        shorten: impl Fn(f64) -> T,
    ) -> Result<Vec<usize>, Fault> {
        let lenient = self.lenient;
        let mut push = |scalar: Scalar<'_>| {
            let value = float(scalar, lenient).ok_or_else(|| unfit(scalar, values.len(), to))?;
            values.push(shorten(value));
            Ok(())
        };
        self.collect(&mut push)?;
        Ok(Vec::new())
    }

    /// All others, and the places of those that are missing.
    fn each<T: Default>(
        self,
        values: &mut Vec<T>,
        to: ElementType,
        read: impl Fn(Scalar<'_>) -> Option<T>,
    ) -> Result<Vec<usize>, Fault> {
        let mut missing = Vec::new();
        let mut push = |scalar: Scalar<'_>| {
            let place = values.len();
            if scalar == Scalar::Null {
                missing.push(place);
                values.push(T::default());
            } else {
                values.push(read(scalar).ok_or_else(|| unfit(scalar, place, to))?);
            }
            Ok(())
        };
        self.collect(&mut push)?;
        Ok(missing)
    }

    fn texts(self, values: &mut Packed) -> Result<Vec<usize>, Fault> {
        let mut missing = Vec::new();
        let mut decoded = Vec::new();
        let mut push = |scalar: Scalar<'_>| {
            let place = values.len();
            let value = match scalar {
                Scalar::Null => {
                    missing.push(place);
                    &[][..]
                }
                Scalar::Text(text) if self.lenient && matches!(text, INFINITY | NEGATIVE_INFINITY) => {
                    return Err(unfit(Scalar::Float(f64::INFINITY), place, ElementType::Text));
                }
                Scalar::Text(text) if self.base64 => {
                    decoded.clear();
                    STANDARD
                        .decode_vec(text, &mut decoded)
                        .map_err(|error| format!("element {place} is not base64: {error}"))?;
                    decoded.as_slice()
                }
                Scalar::Text(text) => text.as_bytes(),
                scalar => return Err(unfit(scalar, place, ElementType::Text)),
            };
            if values.push(value) { Ok(()) } else { Err("its values exceed 4 GiB".to_owned()) }
        };
        self.collect(&mut push)?;
        Ok(missing)
    }

    fn collect<F: FnMut(Scalar<'_>) -> Result<(), String>>(self, push: &mut F) -> Result<(), Fault> {
        let mut deserializer = serde_json::Deserializer::from_str(self.text);
        Values { push }.deserialize(&mut deserializer).map_err(|error| {
            // serde_json ends its text with a place within this value, which says nothing to a client.
            let message = error.to_string();
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            bad_input(format!("`data` of input `{}`: {message}", self.name))
        })
    }
}

fn float(scalar: Scalar<'_>, lenient: bool) -> Option<f64> {
    match scalar {
        Scalar::Float(value) => Some(value),
        Scalar::Null => Some(f64::NAN),
        Scalar::Integer(value) => Some(value as f64),
        Scalar::Unsigned(value) => Some(value as f64),
        Scalar::Text(INFINITY) if lenient => Some(f64::INFINITY),
        Scalar::Text(NEGATIVE_INFINITY) if lenient => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn integer<T: TryFrom<i64> + TryFrom<u64>>(scalar: Scalar<'_>) -> Option<T> {
    match scalar {
        Scalar::Integer(value) => T::try_from(value).ok(),
        Scalar::Unsigned(value) => T::try_from(value).ok(),
        _ => None,
    }
}

#[cold]
fn unfit(scalar: Scalar<'_>, place: usize, element_type: ElementType) -> String {
    let datatype = datatype::name(element_type);
    match scalar {
        Scalar::Integer(value) => format!("element {place} is {value}, which is no {datatype}"),
        Scalar::Unsigned(value) => format!("element {place} is {value}, which is no {datatype}"),
        Scalar::Float(value) => format!("element {place} is {value}, which is no {datatype}"),
        other => format!("element {place} is {}, which is no {datatype}", other.kind()),
    }
}

// === impl Values ===

impl<'de, F: FnMut(Scalar<'_>) -> Result<(), String>> DeserializeSeed<'de> for Values<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<F: FnMut(Scalar<'_>) -> Result<(), String>> Values<'_, F> {
    #[inline]
    fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        (self.push)(scalar).map_err(E::custom)
    }
}

impl<'de, F: FnMut(Scalar<'_>) -> Result<(), String>> Visitor<'de> for Values<'_, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("lists and single values")
    }

    // serde_json bounds how deep lists may nest.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Values { push: &mut *self.push })?.is_some() {}
        Ok(())
    }

    forward_scalars!();
}
