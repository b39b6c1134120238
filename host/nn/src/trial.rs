//! Whether a call's answer is the same alone and joined with others. `worker.rs` asks it of the first joined runs.
//!
//! Kernels add up in another order for other sizes, and int8 graphs scale by the largest value of a whole tensor, so
//! numbers may differ a little. What mixes rows, such as a softmax over the wrong axis, differs by far more.

use half::slice::HalfBitsSliceExt as _;
use half::{bf16, f16};
use mlhost_wire::values::{Elements, NamedTensor};

/// How far two floats may be apart, as a part of the largest one of the tensor.
const TOLERANCE: f64 = 0.05;

/// Whether two answers are the same but for the noise of arithmetic.
pub(crate) fn alike(alone: &[NamedTensor], joined: &[NamedTensor]) -> bool {
    alone.len() == joined.len()
        && alone.iter().zip(joined).all(|(alone, joined)| {
            alone.tensor.shape == joined.tensor.shape
                && match (floats(&alone.tensor.elements), floats(&joined.tensor.elements)) {
                    (Some(alone), Some(joined)) => close(&alone, &joined),
                    _ => alone.tensor.elements == joined.tensor.elements,
                }
        })
}

fn floats(elements: &Elements) -> Option<Vec<f64>> {
    Some(match elements {
        Elements::F64(values) => values.clone(),
        Elements::F32(values) => values.iter().copied().map(f64::from).collect(),
        Elements::F16(bits) => bits.reinterpret_cast::<f16>().iter().copied().map(f64::from).collect(),
        Elements::Bf16(bits) => bits.reinterpret_cast::<bf16>().iter().copied().map(f64::from).collect(),
        _ => return None,
    })
}

fn close(alone: &[f64], joined: &[f64]) -> bool {
    let finite = alone.iter().filter(|value| value.is_finite());
    let largest = finite.fold(0f64, |largest, value| largest.max(value.abs()));
    alone.len() == joined.len()
        && alone.iter().zip(joined).all(|(alone, joined)| {
            (alone - joined).abs() <= TOLERANCE * largest
                || alone == joined
                || (alone.is_nan() && joined.is_nan())
        })
}

#[cfg(test)]
mod tests {
    use mlhost_wire::values::Tensor;

    use super::*;

    fn answer(elements: Elements) -> Vec<NamedTensor> {
        let shape = vec![elements.len() as u32];
        vec![NamedTensor { name: "y".into(), tensor: Tensor { shape, elements } }]
    }

    #[test]
    fn noise_is_alike_and_another_answer_is_not() {
        for (one, two, expected) in [
            (Elements::F32(vec![1.0, 0.0]), Elements::F32(vec![1.01, 0.001]), true),
            (Elements::F32(vec![1.0, 0.0]), Elements::F32(vec![0.5, 0.0]), false),
            (Elements::F64(vec![1e-9]), Elements::F64(vec![2e-9]), false),
            (
                Elements::F64(vec![f64::NAN, f64::INFINITY]),
                Elements::F64(vec![f64::NAN, f64::INFINITY]),
                true,
            ),
            (Elements::F64(vec![f64::NAN]), Elements::F64(vec![0.0]), false),
            (Elements::F64(vec![0.0]), Elements::F64(vec![0.0]), true),
            (Elements::F16(vec![0x3c00]), Elements::F16(vec![0x3c01]), true),
            (Elements::S64(vec![1]), Elements::S64(vec![1]), true),
            (Elements::S64(vec![1]), Elements::S64(vec![2]), false),
            (Elements::F32(vec![1.0]), Elements::F64(vec![1.0]), true),
            (Elements::F32(vec![1.0]), Elements::F32(vec![1.0, 1.0]), false),
        ] {
            assert_eq!(alike(&answer(one.clone()), &answer(two.clone())), expected, "{one:?} {two:?}");
        }
    }
}
