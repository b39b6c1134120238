//! Nested lists read straight into a flat tensor, its shape found on the way.
//!
//! Called for tensor signatures, and for `inputs` and `instances` of models without a signature. Lists of unequal
//! lengths are refused. Recursion is bounded by the JSON parser's own limit of 128 levels.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::compat::{self, Compat};
use super::context::{Context, bad_input};
use super::infer;
use super::scalar::{Problem, Scalar, forward_scalars};
use crate::fault::Fault;
use crate::signature::TensorSpec;
use crate::values::{ElementType, Elements, NamedTensor, Packed, Tensor};

/// A tensor that grows element by element.
#[derive(Debug)]
pub(super) struct TensorBuilder<'c> {
    pub(super) name: Cow<'c, str>,
    spec: Option<&'c TensorSpec>,
    /// Whether the elements' type is inferred.
    inferred: bool,
    elements: Elements,
    /// The size of each axis; `None` until the first list at that depth is closed.
    axes: Vec<Option<u32>>,
    /// Whether an element was seen, so that no deeper list may come.
    ranked: bool,
    compat: Compat,
    /// Whether integers out of range wrap around.
    wraps: bool,
    lenient: bool,
    scratch: String,
}

/// Reads one value into the tensor: a list at `depth`, or an element within `depth` lists.
pub(super) struct Nested<'t, 'c, 'x> {
    pub(super) tensor: &'t mut TensorBuilder<'c>,
    pub(super) depth: usize,
    pub(super) context: &'x Context<'x>,
}

// === impl TensorBuilder ===

impl<'c> TensorBuilder<'c> {
    /// A tensor of the type of `spec`, or of a type to be found.
    pub(super) fn new(name: Cow<'c, str>, spec: Option<&'c TensorSpec>, context: &Context<'_>) -> Self {
        Self {
            name,
            spec,
            inferred: spec.is_none(),
            elements: empty(spec.map_or(ElementType::F64, |spec| spec.element_type)),
            axes: Vec::new(),
            ranked: false,
            compat: context.compat,
            wraps: context.compat.is_strict() && context.form.get().is_dataframe(),
            lenient: context.lenient,
            scratch: String::new(),
        }
    }

    /// The size of an axis, where it is known.
    pub(super) fn axis(&self, index: usize) -> Option<u32> {
        self.axes.get(index).copied().flatten()
    }

    /// Begins a list at `depth`.
    pub(super) fn open(&mut self, depth: usize) -> Result<(), Fault> {
        if depth == self.axes.len() {
            if self.ranked {
                return Err(self.ragged(depth));
            }
            self.axes.push(None);
        }
        Ok(())
    }

    /// Ends a list of `count` values at `depth`.
    pub(super) fn close(&mut self, depth: usize, count: usize) -> Result<(), Fault> {
        let count = u32::try_from(count).map_err(|_| bad_input("a list has 2^32 or more values"))?;
        match self.axes.get_mut(depth) {
            Some(axis @ None) => *axis = Some(count),
            Some(Some(size)) if *size == count => {}
            _ => return Err(self.ragged(depth)),
        }
        Ok(())
    }

    /// Appends an element within `depth` lists.
    #[inline]
    pub(super) fn push(&mut self, depth: usize, scalar: Scalar<'_>) -> Result<(), Fault> {
        if depth != self.axes.len() {
            return Err(self.ragged(depth));
        }
        self.ranked = true;
        let outcome = match &mut self.elements {
            Elements::F32(values) => scalar.float().map(|value| values.push(value as f32)),
            _ => self.push_other(scalar),
        };
        outcome.map_err(|problem| self.fault(&problem))
    }

    fn push_other(&mut self, scalar: Scalar<'_>) -> Result<(), Problem> {
        if self.inferred {
            return infer::push_element(&mut self.elements, scalar, self.lenient);
        }
        let scalar = infer::lenient_scalar(scalar, self.lenient);
        let (strict, wraps) = (self.compat.is_strict(), self.wraps);
        /// An integer, or in the forms in which MLflow has pandas cast it what is left of it.
        macro_rules! integer {
            ($name:literal, $wide:literal, $type:ty) => {
                match scalar.integer($name) {
                    Ok(value) => value,
                    Err(problem) if wraps => compat::wrapped(scalar, $wide).ok_or(problem)? as $type,
                    Err(problem) => return Err(problem),
                }
            };
        }
        match &mut self.elements {
            Elements::Boolean(values) => values.push(match scalar {
                Scalar::Text(text) if strict => compat::truth(text),
                Scalar::Null if strict => 0,
                other => other.boolean()?.ok_or("null is not a boolean")?,
            }),
            Elements::Bf16(values) => values.push(half::bf16::from_f64(scalar.float()?).to_bits()),
            Elements::F16(values) => values.push(half::f16::from_f64(scalar.float()?).to_bits()),
            Elements::F32(values) => values.push(scalar.float()? as f32),
            Elements::F64(values) => values.push(scalar.float()?),
            Elements::S8(values) => values.push(integer!("int8", false, i8)),
            Elements::S16(values) => values.push(integer!("int16", false, i16)),
            Elements::S32(values) => values.push(integer!("int32", false, i32)),
            Elements::S64(values) => values.push(integer!("int64", true, i64)),
            Elements::U8(values) => values.push(integer!("uint8", false, u8)),
            Elements::U16(values) => values.push(integer!("uint16", false, u16)),
            Elements::U32(values) => values.push(integer!("uint32", true, u32)),
            Elements::U64(values) if wraps => values.push(compat::wrapped_unsigned(scalar)?),
            Elements::U64(values) => values.push(scalar.integer("uint64")?),
            Elements::Text(values) => {
                let text = match scalar {
                    Scalar::Text(text) => text,
                    Scalar::Null if strict => "None",
                    other => other.text(&mut self.scratch).ok_or("null is not a text")?,
                };
                if !values.push(text.as_bytes()) {
                    return Err(super::column::FULL.to_owned());
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn fault(&self, problem: &str) -> Fault {
        let number = self.elements.len();
        if self.name.is_empty() {
            bad_input(format!("Invalid input. {problem} (element {number})"))
        } else {
            bad_input(format!("Invalid input. {problem} (input `{}`, element {number})", self.name))
        }
    }

    #[cold]
    fn ragged(&self, depth: usize) -> Fault {
        self.fault(&format!(
            "setting an array element with a sequence. The requested array has an inhomogeneous shape after \
             {depth} dimensions."
        ))
    }

    /// The tensor, its shape as the signature wants it. `reshape` allows another shape of as many elements, as
    /// MLflow does for cells of a DataFrame.
    pub(super) fn finish(self, reshape: bool) -> Result<NamedTensor, Fault> {
        let mut shape: Vec<u32> = self.axes.iter().map(|axis| axis.unwrap_or(0)).collect();
        if let Some(spec) = self.spec
            && !fits(&shape, &spec.shape)
        {
            // Rows without elements are no tensor without rows.
            let fills = reshape && (!self.elements.is_empty() || shape.first() == Some(&0));
            let other = if fills { reshaped(self.elements.len(), &spec.shape) } else { None };
            shape = other.ok_or_else(|| {
                bad_input(format!(
                    "Shape of input {} does not match expected shape {}.",
                    python_tuple(shape.iter().map(|size| i64::from(*size))),
                    python_tuple(spec.shape.iter().map(|size| size.map_or(-1, i64::from))),
                ))
            })?;
        }
        Ok(NamedTensor { name: self.name.into_owned(), tensor: Tensor { shape, elements: self.elements } })
    }

    /// Makes rows of columns: the tensors are the columns of the one that is returned.
    pub(super) fn transpose(columns: &[Self], mut whole: Self, rows: usize) -> Result<Self, Fault> {
        whole.open(0)?;
        whole.open(1)?;
        for row in 0..rows {
            for column in columns {
                if column.axes.len() > 1 {
                    return Err(bad_input(format!(
                        "column `{}` holds lists; this model takes numbers",
                        column.name
                    )));
                }
                let text;
                let scalar = match &column.elements {
                    Elements::F64(values) => values.get(row).map(|value| Scalar::Float(*value)),
                    Elements::S64(values) => values.get(row).map(|value| Scalar::Integer(*value)),
                    Elements::Boolean(values) => values.get(row).map(|value| Scalar::Boolean(*value != 0)),
                    Elements::Text(values) => {
                        text = values.get(row).map(String::from_utf8_lossy).unwrap_or_default();
                        Some(Scalar::Text(&text))
                    }
                    _ => None,
                };
                whole.push(2, scalar.unwrap_or(Scalar::Null))?;
            }
        }
        whole.close(1, columns.len())?;
        whole.close(0, rows)?;
        Ok(whole)
    }
}

fn empty(element_type: ElementType) -> Elements {
    match element_type {
        ElementType::Boolean => Elements::Boolean(Vec::new()),
        ElementType::Bf16 => Elements::Bf16(Vec::new()),
        ElementType::F16 => Elements::F16(Vec::new()),
        ElementType::F32 => Elements::F32(Vec::new()),
        ElementType::F64 => Elements::F64(Vec::new()),
        ElementType::S8 => Elements::S8(Vec::new()),
        ElementType::S16 => Elements::S16(Vec::new()),
        ElementType::S32 => Elements::S32(Vec::new()),
        ElementType::S64 => Elements::S64(Vec::new()),
        ElementType::U8 => Elements::U8(Vec::new()),
        ElementType::U16 => Elements::U16(Vec::new()),
        ElementType::U32 => Elements::U32(Vec::new()),
        ElementType::U64 => Elements::U64(Vec::new()),
        ElementType::Text => Elements::Text(Packed::with_capacity(0, 0)),
    }
}

fn fits(shape: &[u32], wanted: &[Option<u32>]) -> bool {
    shape.len() == wanted.len()
        && shape.iter().zip(wanted).all(|(size, wanted)| wanted.is_none_or(|wanted| wanted == *size))
}

/// `wanted` with its one free axis chosen so that it holds `count` elements.
fn reshaped(count: usize, wanted: &[Option<u32>]) -> Option<Vec<u32>> {
    let known: u64 =
        wanted.iter().flatten().try_fold(1u64, |product, size| product.checked_mul(u64::from(*size)))?;
    let free = wanted.iter().filter(|size| size.is_none()).count();
    let count = count as u64;
    let size = match free {
        0 if known == count => 1,
        1 if known > 0 && count.is_multiple_of(known) => u32::try_from(count / known).ok()?,
        _ => return None,
    };
    Some(wanted.iter().map(|axis| axis.unwrap_or(size)).collect())
}

/// `(1, 3)`, `(4,)`, `()`.
fn python_tuple(sizes: impl ExactSizeIterator<Item = i64>) -> String {
    let comma = if sizes.len() == 1 { "," } else { "" };
    let sizes: Vec<String> = sizes.map(|size| size.to_string()).collect();
    format!("({}{comma})", sizes.join(", "))
}

// === impl Nested ===

impl Nested<'_, '_, '_> {
    #[inline]
    pub(super) fn scalar<E: serde::de::Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        self.tensor.push(self.depth, scalar).map_err(|fault| self.context.refuse(fault))
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_, '_, '_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nested lists of numbers, booleans or texts")
    }

    forward_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { tensor, depth, context } = self;
        tensor.open(depth).map_err(|fault| context.refuse(fault))?;
        let mut count = 0;
        while seq.next_element_seed(Nested { tensor, depth: depth + 1, context })?.is_some() {
            count += 1;
        }
        tensor.close(depth, count).map_err(|fault| context.refuse(fault))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.context.refuse(self.tensor.fault("an object cannot be an element of a tensor")))
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::mlflow::Mlflow;
    use crate::dialect::{Dialect as _, Interface, Request};
    use crate::signature::Signature;
    use crate::values::{Call, Input};

    fn decode(inputs: &str, body: &str) -> Result<Call, String> {
        let signature = Signature::from_mlmodel(Some(inputs), None, None).unwrap();
        let interface = Interface { signature, ..Interface::default() };
        let request = Request { content_type: Some("application/json"), body: body.as_bytes() };
        let decoded = Mlflow::default().decode(request, &interface);
        decoded.map(|decoded| decoded.call).map_err(|fault| fault.public)
    }

    #[test]
    fn lists_in_the_cells_of_a_table_fill_a_tensor_and_empty_ones_do_not() {
        let tensor = r#"[{"name":"x","type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,1]}}]"#;
        let shape = |body| -> Result<Vec<u32>, String> {
            match decode(tensor, body)?.input {
                Input::Tensors(tensors) => Ok(tensors[0].tensor.shape.clone()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(shape(r#"{"dataframe_split":{"columns":["x"],"data":[[1],[2]]}}"#), Ok(vec![2, 1]));
        assert_eq!(shape(r#"{"dataframe_split":{"columns":["x"],"data":[[[1]],[[2]]]}}"#), Ok(vec![2, 1]));
        assert_eq!(shape(r#"{"dataframe_split":{"columns":["x"],"data":[]}}"#), Ok(vec![0, 1]));
        assert_eq!(
            shape(r#"{"dataframe_split":{"columns":["x"],"data":[[[]]]}}"#).unwrap_err(),
            "Shape of input (1, 0) does not match expected shape (-1, 1)."
        );
    }

    #[test]
    fn rows_without_names_are_for_columns_called_by_numbers_and_not_by_their_digits() {
        let columns = |names: [&str; 2]| {
            format!(r#"[{{"type":"double","name":{}}},{{"type":"double","name":{}}}]"#, names[0], names[1])
        };
        let (numbers, digits) = (columns(["0", "1"]), columns([r#""0""#, r#""1""#]));
        for form in ["inputs", "instances"] {
            let body = format!(r#"{{"{form}":[[1,2],[3,4]]}}"#);
            let Input::Table(table) = decode(&numbers, &body).unwrap().input else { panic!("{form}") };
            assert_eq!(table.rows, 2);
            assert!(decode(&digits, &body).unwrap_err().starts_with("Model is missing inputs"), "{form}");
        }
    }
}
