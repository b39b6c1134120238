//! Runs whose outputs ONNX Runtime writes where they are wanted, into vectors of ours.
//!
//! `session.rs` asks [`Foresight`] what a run of so many rows gives; it knows once an ordinary run has shown it. Only
//! numbers with one entry for each row and otherwise fixed axes are foreseen. Nothing is trusted: ONNX Runtime refuses to
//! write an output of another shape than the one it is lent, and such a graph is not foreseen any more.

use std::ffi::{CString, NulError, c_char};

use half::slice::HalfBitsSliceExt as _;
use half::{bf16, f16};
use mlhost_wire::values::{ElementType, Elements, Tensor};
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{PrimitiveTensorElementType, Shape, TensorRefMut, ValueRefMut};
// The macro calls itself by its bare name.
use ort::{AsPointer, ortsys};

use crate::Port;

/// What is known of a graph's outputs.
#[derive(Debug)]
pub(crate) enum Foresight {
    /// Nothing yet.
    Unknown,
    /// Each output of the session has one entry of this form for each row.
    Rows(Vec<RowForm>),
    /// They cannot be known before a run.
    Never,
}

/// One row of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowForm {
    element_type: ElementType,
    /// The axes after the first.
    axes: Vec<u32>,
}

/// The names of a session's inputs and outputs, as ONNX Runtime wants them.
pub(crate) struct Names {
    inputs: Vec<CString>,
    outputs: Vec<CString>,
}

// === impl Foresight ===

impl Foresight {
    /// What the declared outputs leave to be found out.
    pub(crate) fn of(outputs: &[Port]) -> Self {
        let fixed = |port: &Port| !port.shape.is_empty() && port.shape.iter().skip(1).all(Option::is_some);
        if outputs.iter().all(fixed) { Self::Unknown } else { Self::Never }
    }

    /// Learns from what a run of `rows` rows gave, all outputs in the session's order.
    pub(crate) fn learn(&mut self, rows: u32, outputs: &[&Tensor]) {
        let form = |tensor: &&Tensor| {
            let (first, axes) = tensor.shape.split_first()?;
            let element_type = tensor.elements.element_type();
            let numbers = !matches!(element_type, ElementType::Text | ElementType::Boolean);
            (*first == rows && numbers).then(|| RowForm { element_type, axes: axes.to_vec() })
        };
        *self = outputs.iter().map(form).collect::<Option<_>>().map_or(Self::Never, Self::Rows);
    }
}

// === impl RowForm ===

impl RowForm {
    /// Room for `rows` rows; `None` past the size of memory.
    fn room(&self, rows: u32) -> Option<Tensor> {
        let shape: Vec<u32> = std::iter::once(rows).chain(self.axes.iter().copied()).collect();
        let count = shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size as usize))?;
        let elements = match self.element_type {
            ElementType::Bf16 => Elements::Bf16(vec![0; count]),
            ElementType::F16 => Elements::F16(vec![0; count]),
            ElementType::F32 => Elements::F32(vec![0.0; count]),
            ElementType::F64 => Elements::F64(vec![0.0; count]),
            ElementType::S8 => Elements::S8(vec![0; count]),
            ElementType::S16 => Elements::S16(vec![0; count]),
            ElementType::S32 => Elements::S32(vec![0; count]),
            ElementType::S64 => Elements::S64(vec![0; count]),
            ElementType::U8 => Elements::U8(vec![0; count]),
            ElementType::U16 => Elements::U16(vec![0; count]),
            ElementType::U32 => Elements::U32(vec![0; count]),
            ElementType::U64 => Elements::U64(vec![0; count]),
            ElementType::Boolean | ElementType::Text => return None,
        };
        Some(Tensor { shape, elements })
    }
}

// === impl Names ===

impl Names {
    pub(crate) fn of(session: &Session) -> Result<Self, NulError> {
        let names = |outlets: &[ort::value::Outlet]| {
            outlets.iter().map(|outlet| CString::new(outlet.name())).collect::<Result<_, _>>()
        };
        Ok(Self { inputs: names(session.inputs())?, outputs: names(session.outputs())? })
    }
}

/// One run of `rows` rows; all outputs, in the session's order. `None` where there is no room for them.
///
/// # Errors
///
/// ONNX Runtime's, for an output that is not as foreseen as for any other reason.
pub(crate) fn run(
    session: &mut Session,
    names: &Names,
    call: (&[SessionInputValue<'_>], &RunOptions),
    foreseen: (&[RowForm], u32),
) -> ort::Result<Option<Vec<Tensor>>> {
    let ((inputs, options), (forms, rows)) = (call, foreseen);
    let Some(mut outputs) = forms.iter().map(|form| form.room(rows)).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    if inputs.len() != names.inputs.len() || outputs.len() != names.outputs.len() {
        return Ok(None);
    }
    let mut lent = Vec::with_capacity(outputs.len());
    for output in &mut outputs {
        let Some(value) = lend(output)? else { return Ok(None) };
        lent.push(value);
    }
    let pointers = |names: &[CString]| names.iter().map(|name| name.as_ptr()).collect::<Vec<*const c_char>>();
    let (input_names, output_names) = (pointers(&names.inputs), pointers(&names.outputs));
    let inputs: Vec<_> = inputs.iter().map(|input| input.ptr()).collect();
    let mut values: Vec<_> = lent.iter().map(|value| value.ptr().cast_mut()).collect();
    // SAFETY: as many names as values, each ended by a zero byte, all of them alive until after the call; the session
    // is borrowed exclusively. Every output is given, so none is allocated by the run and none has to be released: each
    // pointer stays with the value that owns it, and writes no further than the slice that it was lent.
    ortsys![unsafe Run(
        session.ptr_mut(),
        options.ptr(),
        input_names.as_ptr(),
        inputs.as_ptr(),
        inputs.len(),
        output_names.as_ptr(),
        output_names.len(),
        values.as_mut_ptr()
    )?];
    drop(lent);
    Ok(Some(outputs))
}

/// The tensor as a value that a run writes into.
fn lend(tensor: &mut Tensor) -> ort::Result<Option<ValueRefMut<'_>>> {
    let shape: Shape = tensor.shape.iter().copied().map(i64::from).collect();
    Ok(Some(match &mut tensor.elements {
        Elements::Bf16(bits) => view::<bf16>(shape, bits.reinterpret_cast_mut())?,
        Elements::F16(bits) => view::<f16>(shape, bits.reinterpret_cast_mut())?,
        Elements::F32(values) => view(shape, values)?,
        Elements::F64(values) => view(shape, values)?,
        Elements::S8(values) => view(shape, values)?,
        Elements::S16(values) => view(shape, values)?,
        Elements::S32(values) => view(shape, values)?,
        Elements::S64(values) => view(shape, values)?,
        Elements::U8(values) => view(shape, values)?,
        Elements::U16(values) => view(shape, values)?,
        Elements::U32(values) => view(shape, values)?,
        Elements::U64(values) => view(shape, values)?,
        Elements::Boolean(_) | Elements::Text(_) => return Ok(None),
    }))
}

fn view<T>(shape: Shape, values: &mut [T]) -> ort::Result<ValueRefMut<'_>>
where
    T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static,
{
    Ok(TensorRefMut::from_array_view_mut((shape, values))?.into_dyn())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(shape: &[Option<u32>]) -> Port {
        Port { name: "y".into(), element_type: ElementType::F32, shape: shape.to_vec() }
    }

    fn tensor(shape: &[u32]) -> Tensor {
        let count = shape.iter().product::<u32>() as usize;
        Tensor { shape: shape.to_vec(), elements: Elements::F32(vec![1.0; count]) }
    }

    #[test]
    fn only_what_has_fixed_axes_behind_the_first_is_foreseen() {
        assert!(matches!(Foresight::of(&[port(&[None, Some(3)]), port(&[None])]), Foresight::Unknown));
        // A wrong first axis, as LightGBM declares it, is no obstacle.
        assert!(matches!(Foresight::of(&[port(&[Some(1)])]), Foresight::Unknown));
        assert!(matches!(Foresight::of(&[port(&[None, None])]), Foresight::Never));
        assert!(matches!(Foresight::of(&[port(&[])]), Foresight::Never));
    }

    #[test]
    fn what_a_run_gave_is_what_the_next_one_gets_room_for() {
        let mut foresight = Foresight::Unknown;
        foresight.learn(2, &[&tensor(&[2, 3]), &tensor(&[2])]);
        let Foresight::Rows(forms) = &foresight else { panic!("{foresight:?}") };
        assert_eq!(forms[0].room(5).unwrap().shape, [5, 3]);
        assert_eq!(forms[0].room(5).unwrap().elements, Elements::F32(vec![0.0; 15]));
        assert_eq!(forms[1].room(5).unwrap().shape, [5]);
    }

    #[test]
    fn an_output_without_a_row_for_each_row_or_of_texts_is_never_foreseen() {
        let texts = Tensor {
            shape: vec![1],
            elements: Elements::Text(mlhost_wire::values::Packed::with_capacity(0, 0)),
        };
        for outputs in [vec![tensor(&[3, 3])], vec![tensor(&[])], vec![tensor(&[2]), texts]] {
            let mut foresight = Foresight::Unknown;
            foresight.learn(2, &outputs.iter().collect::<Vec<_>>());
            assert!(matches!(foresight, Foresight::Never), "{outputs:?}");
        }
    }
}
