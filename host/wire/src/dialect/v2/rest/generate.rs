//! Triton's `generate` extension: a flat object of inputs and parameters in, a flat object of outputs out.
//!
//! Called by `host/src/serve` for `/generate` and `/generate_stream` (Triton, `docs/protocol/extension_generate.md`). A key that
//! names an input is one, all others are parameters; single values stand for tensors of one element both ways.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::data::{Read, Source};
use super::encode::{push_data, push_text};
use crate::dialect::v2::call::{Wanted, call};
use crate::dialect::v2::{InferRequest, InferResponse, InferTensor, ModelMetadata, Parameters, bad_input};
use crate::dialect::{Decoded, Interface};
use crate::fault::Fault;
use crate::values::ElementType;

/// Reads a flat request.
///
/// # Errors
///
/// [`crate::fault::FaultKind::BadInput`] names the key that does not fit.
pub fn decode_flat(body: &[u8], interface: &Interface) -> Result<Decoded<Wanted>, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| bad_input("the request is not UTF-8"))?;
    let given: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| bad_input(format!("the request's JSON: {error}")))?;
    let ModelMetadata { inputs, .. } = ModelMetadata::new("", Vec::new(), "", interface);
    let mut request = InferRequest::default();
    for (name, value) in given {
        let known = inputs.iter().find(|input| input.name == name);
        let is_text = || value.get().trim_start_matches(['[', ' ', '\t', '\r', '\n']).starts_with('"');
        let axes = match known {
            Some(input) => Some((input.element_type, input.shape.len())),
            // A model that does not say what it takes is one of texts here.
            None if inputs.is_empty() && is_text() && name != "id" => Some((ElementType::Text, 1)),
            None => None,
        };
        if let Some((element_type, axes)) = axes {
            let source = Source { name: &name, text: value.get(), base64: false, lenient: false };
            let Read { elements, validity } = source.read(element_type)?;
            let shape = shape(&name, value.get(), axes)?;
            request.inputs.push(InferTensor { validity, ..InferTensor::new(name, shape, elements) });
            continue;
        }
        let misfit =
            |error: serde_json::Error| bad_input(format!("`{name}` is no input and no parameter: {error}"));
        match name.as_str() {
            "id" => request.id = Some(serde_json::from_str(value.get()).map_err(misfit)?),
            "parameters" => {
                let nested: Parameters = serde_json::from_str(value.get()).map_err(misfit)?;
                request.parameters.extend(nested);
            }
            _ => {
                let parameter = serde_json::from_str(value.get()).map_err(misfit)?;
                request.parameters.insert(name, parameter);
            }
        }
    }
    call(request, interface)
}

/// The sizes of the lists that `text` consists of, with axes of one before them where there are fewer than `axes`.
fn shape(name: &str, text: &str, axes: usize) -> Result<Vec<u32>, Fault> {
    let value: Json = serde_json::from_str(text).map_err(|error| bad_input(format!("`{name}`: {error}")))?;
    let mut sizes = Vec::new();
    let mut value = &value;
    while let Json::Array(items) = value {
        sizes.push(u32::try_from(items.len()).map_err(|_| bad_input(format!("`{name}` is too long")))?);
        let Some(first) = items.first() else { break };
        value = first;
    }
    let missing = axes.saturating_sub(sizes.len());
    Ok(std::iter::repeat_n(1, missing).chain(sizes).collect())
}

/// An answer as a flat object.
#[must_use]
pub fn encode_flat(answer: &InferResponse) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let begin = |out: &mut Vec<u8>, name: &str| {
        out.push(if out.is_empty() { b'{' } else { b',' });
        push_text(out, name);
        out.push(b':');
    };
    let is_output = |name: &str| answer.outputs.iter().any(|tensor| tensor.name == name);
    let own = [
        ("id", answer.id.as_deref()),
        ("model_name", Some(&answer.model_name)),
        ("model_version", Some(&answer.model_version)),
    ];
    for (name, value) in own {
        if let Some(value) = value.filter(|_| !is_output(name)) {
            begin(&mut out, name);
            push_text(&mut out, value);
        }
    }
    for tensor in &answer.outputs {
        begin(&mut out, &tensor.name);
        let single = tensor.elements.len() == 1;
        if !single {
            out.push(b'[');
        }
        push_data(&mut out, tensor);
        if !single {
            out.push(b']');
        }
    }
    out.extend_from_slice(if out.is_empty() { b"{}" } else { b"}" });
    out
}
