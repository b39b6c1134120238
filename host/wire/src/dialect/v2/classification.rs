//! The classification extension: an output's largest values with their places, `"0.981557:0"`, in place of the output itself.
//!
//! Called by [`super::reply`]. As in Triton (`docs/protocol/extension_classification.md`): values as C's `%f` spells them, the
//! largest first, those of each entry of the first axis by themselves. Without labels, which ONNX graphs do not have.

use std::cmp::Ordering;
use std::fmt::Write as _;

use half::{bf16, f16};

use super::bad_input;
use super::message::{InferTensor, Parameter, Parameters};
use crate::fault::Fault;
use crate::values::{Elements, Packed};

/// How many classes are asked for, where they are.
pub(super) fn asked(parameters: &Parameters) -> Result<Option<usize>, Fault> {
    match parameters.get("classification") {
        None => Ok(None),
        Some(Parameter::Integer(classes)) if *classes >= 0 => {
            // Zero asks for none.
            Ok(usize::try_from(*classes).ok().filter(|classes| *classes > 0))
        }
        Some(_) => Err(bad_input("parameter `classification` is a whole number of classes")),
    }
}

/// The `classes` largest values of each entry of `tensor`.
pub(super) fn classify(tensor: &InferTensor, classes: usize) -> Result<InferTensor, Fault> {
    let name = &tensor.name;
    if matches!(tensor.elements, Elements::Text(_)) {
        return Err(bad_input(format!("output `{name}` is BYTES, which are not classified")));
    }
    let entries = match tensor.shape.as_slice() {
        [entries, _, ..] => *entries as usize,
        _ => 1,
    };
    let width = tensor.elements.len().checked_div(entries).unwrap_or(0);
    let classes = classes.min(width);
    let mut packed = Packed::with_capacity(entries * classes, entries * classes * 12);
    let mut text = String::new();
    let mut places: Vec<usize> = Vec::with_capacity(width);
    // Without a class there is nothing to say, however many entries a shape speaks of.
    for entry in 0..if classes == 0 { 0 } else { entries } {
        places.clear();
        places.extend(entry * width..(entry + 1) * width);
        let value = |place: &usize| value(&tensor.elements, *place);
        // NaN is the least of all; of equal values the first.
        places.sort_by(|left, right| descending(value(left), value(right)));
        for place in &places[..classes] {
            text.clear();
            // Writing to a String cannot fail.
            let _ = match &tensor.elements {
                Elements::F16(_) | Elements::Bf16(_) | Elements::F32(_) | Elements::F64(_) => {
                    write!(text, "{:.6}:{}", value(place), place - entry * width)
                }
                elements => write!(text, "{}:{}", integer(elements, *place), place - entry * width),
            };
            if !packed.push(text.as_bytes()) {
                return Err(bad_input(format!("the classes of output `{name}` exceed 4 GiB")));
            }
        }
    }
    let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    let shape = match tensor.shape.len() {
        0 | 1 => vec![size(classes)],
        _ => vec![size(entries), size(classes)],
    };
    Ok(InferTensor::new(name.clone(), shape, Elements::Text(packed)))
}

fn descending(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => right.partial_cmp(&left).unwrap_or(Ordering::Equal),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "only compared; of integers that differ too little the first is taken"
)]
fn value(elements: &Elements, place: usize) -> f64 {
    match elements {
        Elements::F32(values) => values.get(place).copied().map_or(f64::NAN, f64::from),
        Elements::F64(values) => values.get(place).copied().unwrap_or(f64::NAN),
        Elements::F16(values) => values.get(place).map_or(f64::NAN, |bits| f16::from_bits(*bits).into()),
        Elements::Bf16(values) => values.get(place).map_or(f64::NAN, |bits| bf16::from_bits(*bits).into()),
        other => integer(other, place) as f64,
    }
}

fn integer(elements: &Elements, place: usize) -> i128 {
    let found = match elements {
        Elements::Boolean(values) | Elements::U8(values) => values.get(place).copied().map(i128::from),
        Elements::S8(values) => values.get(place).copied().map(i128::from),
        Elements::S16(values) => values.get(place).copied().map(i128::from),
        Elements::S32(values) => values.get(place).copied().map(i128::from),
        Elements::S64(values) => values.get(place).copied().map(i128::from),
        Elements::U16(values) => values.get(place).copied().map(i128::from),
        Elements::U32(values) => values.get(place).copied().map(i128::from),
        Elements::U64(values) => values.get(place).copied().map(i128::from),
        _ => None,
    };
    found.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tensor: &InferTensor) -> Vec<String> {
        let Elements::Text(values) = &tensor.elements else { panic!("{tensor:?}") };
        values.iter().map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
    }

    #[test]
    fn the_largest_of_each_row_come_first_as_triton_spells_them() {
        let elements = Elements::F32(vec![0.981_557_25, 0.018_442_78, 1.4e-8, f32::NAN, 2.0, 2.0]);
        let tensor = InferTensor::new("p", vec![2, 3], elements);
        let classified = classify(&tensor, 2).unwrap();
        assert_eq!(classified.shape, [2, 2]);
        assert_eq!(texts(&classified), ["0.981557:0", "0.018443:1", "2.000000:1", "2.000000:2"]);
        let all = classify(&tensor, 100).unwrap();
        assert_eq!(all.shape, [2, 3]);
        assert_eq!(texts(&all)[5], "NaN:0");
    }

    #[test]
    fn whole_numbers_and_nothing_are_classified_too() {
        let tensor = InferTensor::new("p", vec![3], Elements::S64(vec![1, i64::MAX, -1]));
        assert_eq!(texts(&classify(&tensor, 1).unwrap()), ["9223372036854775807:1"]);
        let none = InferTensor::new("p", vec![0, 3], Elements::F32(vec![]));
        assert_eq!(classify(&none, 2).unwrap().shape, [0, 0]);
        let wide = InferTensor::new("p", vec![u32::MAX, 0], Elements::F32(vec![]));
        assert_eq!(classify(&wide, 2).unwrap().shape, [u32::MAX, 0]);
        let text = InferTensor::new("p", vec![0], Elements::Text(Packed::with_capacity(0, 0)));
        assert!(classify(&text, 1).is_err());
    }
}
