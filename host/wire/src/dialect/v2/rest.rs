//! The protocol over REST: JSON, with binary tensors behind it where a header says how long the JSON is.
//!
//! Called by `host/src/serve`. A body's parts: `Inference-Header-Content-Length` bytes of JSON ([`decode`]), then each binary input
//! in order; 0 of them makes the whole body the model's only input. An answer has the same parts ([`encode`]).

pub(super) mod data;
mod decode;
mod encode;
mod generate;

pub use self::encode::{encode, model_metadata, refuse};
pub use self::generate::{decode_flat, encode_flat};
use super::call::{Wanted, call};
use super::message::{Parameter, Parameters};
use super::{InferRequest, InferTensor, ModelMetadata, bad_input, raw};
use crate::dialect::{Decoded, Interface};
use crate::fault::Fault;
use crate::values::ElementType;

/// The header that says how many bytes of a body are JSON.
pub const HEADER_LENGTH: &str = "inference-header-content-length";

/// What an answer is put into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Envelope {
    /// What the request wanted.
    pub wanted: Wanted,
    /// Whether outputs are binary where the request says nothing of one by itself.
    pub binary: bool,
}

/// Reads a request, of which `header_length` is the header of that name.
///
/// # Errors
///
/// [`crate::fault::FaultKind::BadInput`] says what does not fit, and where.
pub fn decode(
    body: &[u8],
    header_length: Option<&str>,
    interface: &Interface,
) -> Result<Decoded<Envelope>, Fault> {
    let request = match header_length {
        None => decode::decode(body, None)?,
        Some(text) => {
            let length = text.trim().parse::<u64>().ok().and_then(|length| usize::try_from(length).ok());
            let parts = length.and_then(|length| body.split_at_checked(length));
            match parts {
                Some(([], whole)) => whole_body(whole, interface)?,
                Some((json, binary)) => decode::decode(json, Some(binary))?,
                None => {
                    let (text, most) = (text.escape_debug(), body.len());
                    return Err(bad_input(format!(
                        "`Inference-Header-Content-Length` is `{text}`; the body has {most} bytes"
                    )));
                }
            }
        }
    };
    let binary = truth(&request.parameters, "binary_data_output")?.unwrap_or(false);
    let Decoded { call, envelope } = call(request, interface)?;
    Ok(Decoded { call, envelope: Envelope { wanted: envelope, binary } })
}

/// A body that is the model's only input by itself; so is every output of its answer.
fn whole_body(body: &[u8], interface: &Interface) -> Result<InferRequest, Fault> {
    let ModelMetadata { inputs, .. } = ModelMetadata::new("", Vec::new(), "", interface);
    let [only] = inputs.as_slice() else {
        return Err(bad_input(format!(
            "a body without JSON is for models with one input, and this one says that it has {}",
            inputs.len()
        )));
    };
    let mut tensor = if only.element_type == ElementType::Text {
        let mut packed = crate::values::Packed::with_capacity(1, body.len());
        if !packed.push(body) {
            return Err(bad_input("the body exceeds 4 GiB"));
        }
        InferTensor::new("", Vec::new(), crate::values::Elements::Text(packed))
    } else {
        let size = super::datatype::size(only.element_type).unwrap_or(1);
        let count = u32::try_from(body.len() / size).unwrap_or(u32::MAX);
        let elements = raw::decode(&only.name, only.element_type, &[count], body)?;
        InferTensor::new("", Vec::new(), elements)
    };
    tensor.shape = free_axis(&only.shape, tensor.elements.len()).ok_or_else(|| {
        let (name, shape, count) = (&only.name, &only.shape, tensor.elements.len());
        bad_input(format!("the body's {count} elements make no `{name}` of shape {shape:?}"))
    })?;
    tensor.name.clone_from(&only.name);
    let parameters = Parameters::from([("binary_data_output".to_owned(), Parameter::Boolean(true))]);
    Ok(InferRequest { inputs: vec![tensor], parameters, ..InferRequest::default() })
}

/// The shape of `count` elements where at most one axis is free.
fn free_axis(shape: &[i64], count: usize) -> Option<Vec<u32>> {
    let fixed = shape.iter().filter_map(|size| u64::try_from(*size).ok());
    let fixed = fixed.fold(1u64, u64::saturating_mul);
    let free = shape.iter().filter(|size| **size < 0).count();
    let count = u64::try_from(count).ok()?;
    let own = match free {
        0 => (fixed == count).then_some(1)?,
        1 if fixed > 0 && count % fixed == 0 => count / fixed,
        _ => return None,
    };
    shape.iter().map(|size| u32::try_from(if *size < 0 { own } else { size.unsigned_abs() }).ok()).collect()
}

/// A parameter that is a truth value, where it is there.
fn truth(parameters: &Parameters, name: &str) -> Result<Option<bool>, Fault> {
    match parameters.get(name) {
        None => Ok(None),
        Some(Parameter::Boolean(value)) => Ok(Some(*value)),
        Some(_) => Err(bad_input(format!("parameter `{name}` is true or false"))),
    }
}

#[cfg(test)]
mod tests;
