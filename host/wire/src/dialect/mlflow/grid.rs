//! Arrays without names, read as `inputs` would be: what a NumPy file and a CSV without a header hold.
//!
//! Called by [`super::npy`] and [`super::csv`] with the number of elements that the shape asks for. Must never make an input
//! larger than those elements.

use std::borrow::Cow;

use super::context::{Context, bad_input};
use super::frame::{Frame, Plan, Values};
use super::scalar::Scalar;
use super::tensor::TensorBuilder;
use crate::fault::Fault;
use crate::signature::{Schema, Signature, TensorSpec};
use crate::values::{ElementType, Input};

/// An array, its elements in row-major order.
pub(super) struct Grid<'g, F> {
    /// The size of each axis.
    pub(super) shape: &'g [u32],
    /// The type of its elements, where it has one of its own.
    pub(super) element_type: Option<ElementType>,
    /// Element `i`.
    pub(super) element: F,
}

// === impl Grid ===

impl<'t, F: FnMut(usize) -> Scalar<'t>> Grid<'_, F> {
    /// What the signature makes of it: its only tensor, or its columns in their order.
    pub(super) fn input(self, signature: &Signature, context: &Context<'_>) -> Result<Input, Fault> {
        match &signature.inputs {
            Some(Schema::Columns(_)) => self.table(signature, context),
            Some(Schema::Tensors(specs)) => match specs.as_slice() {
                [spec] => self.tensor(Some(spec), context),
                specs => {
                    let wanted = specs.len();
                    Err(bad_input(format!(
                        "the model takes {wanted} tensors by name, this is one without: send JSON"
                    )))
                }
            },
            None => match self.element_type {
                // Its own type says more than what could be inferred.
                Some(element_type) => {
                    let shape = vec![None; self.shape.len()];
                    self.tensor(Some(&TensorSpec { name: None, element_type, shape }), context)
                }
                None => self.tensor(None, context),
            },
        }
    }

    fn tensor(mut self, spec: Option<&TensorSpec>, context: &Context<'_>) -> Result<Input, Fault> {
        let name = spec.and_then(|spec| spec.name.as_deref()).unwrap_or_default();
        let mut tensor = TensorBuilder::new(Cow::Borrowed(name), spec, context);
        for axis in 0..self.shape.len() {
            tensor.open(axis)?;
        }
        for index in 0..elements(self.shape) {
            tensor.push(self.shape.len(), (self.element)(index))?;
        }
        for (axis, size) in self.shape.iter().enumerate() {
            tensor.close(axis, *size as usize)?;
        }
        Ok(Input::Tensors(vec![tensor.finish(true)?]))
    }

    fn table(mut self, signature: &Signature, context: &Context<'_>) -> Result<Input, Fault> {
        let plan = Plan::new(signature, false);
        let (rows, width) = match *self.shape {
            [rows] => (rows as usize, 1),
            [rows, width] => (rows as usize, width as usize),
            _ => {
                let axes = self.shape.len();
                return Err(bad_input(format!("the model takes a table, this array has {axes} axes")));
            }
        };
        let mut frame = Frame::new(plan, context);
        let targets = positions(&mut frame, width)?;
        for row in 0..rows {
            for (position, slot) in targets.iter().enumerate() {
                frame.begin(*slot, row)?;
                let Values::Column(column) = &mut frame.slots[*slot].values else { continue };
                if column.takes_json() {
                    let name = &column.name;
                    return Err(bad_input(format!("column `{name}` holds lists or objects: send JSON")));
                }
                column.push((self.element)(row * width + position))?;
            }
        }
        frame.finish(rows, true)
    }
}

/// The places of `width` values without names: the signature's columns in their order.
pub(super) fn positions(frame: &mut Frame<'_, '_>, width: usize) -> Result<Vec<usize>, Fault> {
    let names: Vec<String> = match frame.plan {
        Plan::NamedColumns(specs) if specs.len() == width => {
            specs.iter().map(|spec| spec.name.clone().unwrap_or_default()).collect()
        }
        Plan::NamedColumns(specs) => {
            let wanted = specs.len();
            return Err(bad_input(format!("a row has {width} values, the model takes {wanted} columns")));
        }
        Plan::PositionalColumns(specs) if width < specs.len() => return Err(frame.too_few(width)),
        Plan::PositionalColumns(specs) => (0..specs.len()).map(|at| at.to_string()).collect(),
        _ => (0..width).map(|at| at.to_string()).collect(),
    };
    let slots = names.iter().enumerate().map(|(at, name)| frame.find(name, at)).collect::<Option<Vec<_>>>();
    slots.ok_or_else(|| bad_input("the model takes no columns without names: send JSON"))
}

/// How many elements a shape asks for.
pub(super) fn elements(shape: &[u32]) -> usize {
    if shape.contains(&0) {
        return 0;
    }
    shape.iter().fold(1, |product: usize, size| product.saturating_mul(*size as usize))
}
