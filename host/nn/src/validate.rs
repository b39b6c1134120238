//! A call's tensors against a graph's own signature, before anything is queued or run.
//!
//! ONNX Runtime notices a missing input only deep inside a kernel, and a wrong type only after the call has waited
//! its turn; both cost a run and read badly. `graph.rs` calls this on the caller's side. Pure functions: no ONNX
//! Runtime, no clock.

use mlhost_wire::values::{NamedTensor, Tensor};

use crate::NnError;
use crate::port::{GraphInfo, Port, describe};

/// The tensors in the order of the graph's inputs, each known to fit its input.
///
/// A tensor with the empty name belongs to the graph's only input. At most `max_elements` elements are let in,
/// over all inputs; a text counts as one.
///
/// # Errors
///
/// The first of: a name that is no input, a name given twice, an input not given, too many elements, a wrong element
/// type, a wrong shape, a tensor that contradicts itself.
pub(crate) fn bind(
    info: &GraphInfo,
    tensors: Vec<NamedTensor>,
    max_elements: u64,
) -> Result<Vec<Tensor>, NnError> {
    let mut slots: Vec<Option<Tensor>> = info.inputs.iter().map(|_| None).collect();
    for NamedTensor { name, tensor } in tensors {
        let position = match info.inputs.as_slice() {
            [_] if name.is_empty() => Some(0),
            ports => ports.iter().position(|port| port.name == name),
        };
        let Some(position) = position else {
            return Err(NnError::InputNotFound { input: name, names: names(&info.inputs) });
        };
        if slots[position].replace(tensor).is_some() {
            return Err(NnError::Duplicate { name: info.inputs[position].name.clone() });
        }
    }
    let given = slots.into_iter().zip(&info.inputs).map(|(tensor, port)| {
        tensor.ok_or_else(|| NnError::InputMissing { input: port.name.clone(), expected: port.describe() })
    });
    let tensors = given.collect::<Result<Vec<_>, _>>()?;
    // Before the checks below, which look at every byte of a text.
    check_size(&tensors, max_elements)?;
    for (tensor, port) in tensors.iter().zip(&info.inputs) {
        check(port, tensor)?;
    }
    Ok(tensors)
}

/// The positions of the outputs called `wanted` in the graph's own order of outputs; empty means all of them.
///
/// # Errors
///
/// A name that is no output, a name asked for twice.
pub(crate) fn select(info: &GraphInfo, wanted: &[String]) -> Result<Vec<usize>, NnError> {
    if wanted.is_empty() {
        return Ok((0..info.outputs.len()).collect());
    }
    let mut positions = Vec::with_capacity(wanted.len());
    for name in wanted {
        let Some(position) = info.outputs.iter().position(|port| port.name == *name) else {
            return Err(NnError::OutputNotFound { output: name.clone(), names: names(&info.outputs) });
        };
        if positions.contains(&position) {
            return Err(NnError::Duplicate { name: name.clone() });
        }
        positions.push(position);
    }
    Ok(positions)
}

/// Counts what is there and what each shape spans.
///
/// A shape such as `[4294967295, 4294967295, 0]` holds no element but makes kernels compute sizes from its other
/// axes, so those are held to the limit as well.
fn check_size(tensors: &[Tensor], limit: u64) -> Result<(), NnError> {
    let elements = tensors.iter().fold(0u64, |sum, tensor| sum.saturating_add(tensor.elements.len() as u64));
    let spans = tensors.iter().map(|tensor| {
        tensor.shape.iter().fold(1u64, |product, size| product.saturating_mul(u64::from(*size).max(1)))
    });
    let found = spans.fold(elements, u64::max);
    if found > limit { Err(NnError::TooLarge { found, limit }) } else { Ok(()) }
}

fn check(port: &Port, tensor: &Tensor) -> Result<(), NnError> {
    let input = || port.name.clone();
    if tensor.elements.element_type() != port.element_type {
        let (expected, found) = (port.describe(), describe(tensor));
        return Err(NnError::ElementType { input: input(), expected, found });
    }
    if !port.fits(&tensor.shape) {
        let (expected, found) = (port.describe(), describe(tensor));
        return Err(NnError::Shape { input: input(), expected, found });
    }
    Ok(tensor.check(&port.name)?)
}

fn names(ports: &[Port]) -> Vec<String> {
    ports.iter().map(|port| port.name.clone()).collect()
}

#[cfg(test)]
mod tests;
