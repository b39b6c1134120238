//! Answers, metadata and faults of the protocol to JSON, and binary outputs behind it.
//!
//! Called by `host/src/serve`. Numbers are as short as they can be to read back as the same ones of their datatype; what JSON has no
//! number for is `null`. Outputs asked for as binary are exact to the bit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use half::{bf16, f16};
use serde_json::{Value as Json, json};

use super::{Envelope, HEADER_LENGTH, truth};
use crate::dialect::mlflow::python::{push_finite, push_signed, push_unsigned};
use crate::dialect::v2::{
    InferResponse, InferTensor, ModelMetadata, ModelVersion, Parameter, Parameters, TensorMetadata, datatype,
    raw, response,
};
use crate::dialect::{Answer, Interface};
use crate::fault::Fault;
use crate::values::{Elements, Reply};

/// A reply to bytes, in the envelope that decoding its request gave.
///
/// # Errors
///
/// Those of [`response`].
pub fn encode(
    reply: Reply,
    envelope: Envelope,
    model: ModelVersion<'_>,
    interface: &Interface,
) -> Result<Answer, Fault> {
    let Envelope { wanted, binary } = envelope;
    let asked: Vec<(String, Option<bool>)> = wanted
        .outputs
        .iter()
        .map(|output| Ok((output.name.clone(), truth(&output.parameters, "binary_data")?)))
        .collect::<Result<_, Fault>>()?;
    let answer = response(reply, wanted, model, interface)?;
    let is_binary = |tensor: &InferTensor| {
        let column = tensor.name.strip_suffix(".valid");
        let named = |name: &str| asked.iter().find(|(known, _)| known == name).map(|(_, binary)| *binary);
        named(&tensor.name).or_else(|| column.and_then(named)).flatten().unwrap_or(binary)
    };
    Ok(spell(&answer, is_binary))
}

fn spell(answer: &InferResponse, is_binary: impl Fn(&InferTensor) -> bool) -> Answer {
    let binary: Vec<bool> = answer.outputs.iter().map(is_binary).collect();
    let size = |tensor: &InferTensor| raw::encoded_len(&tensor.elements).saturating_mul(2) + 128;
    let mut out = Vec::with_capacity(answer.outputs.iter().map(size).sum::<usize>() + 128);
    out.push(b'{');
    if let Some(id) = &answer.id {
        out.extend_from_slice(b"\"id\":");
        push_text(&mut out, id);
        out.push(b',');
    }
    out.extend_from_slice(b"\"model_name\":");
    push_text(&mut out, &answer.model_name);
    out.extend_from_slice(b",\"model_version\":");
    push_text(&mut out, &answer.model_version);
    if !answer.parameters.is_empty() {
        out.extend_from_slice(b",\"parameters\":");
        push_parameters(&mut out, &answer.parameters, None);
    }
    out.extend_from_slice(b",\"outputs\":[");
    for (position, (tensor, binary)) in answer.outputs.iter().zip(&binary).enumerate() {
        if position > 0 {
            out.push(b',');
        }
        push_output(&mut out, tensor, *binary);
    }
    out.extend_from_slice(b"]}");
    if !binary.contains(&true) {
        return Answer::json(200, out);
    }
    let header_length = out.len();
    for (tensor, _) in answer.outputs.iter().zip(&binary).filter(|(_, binary)| **binary) {
        raw::encode(&tensor.elements, &mut out);
    }
    Answer {
        status: 200,
        content_type: Some("application/octet-stream".to_owned()),
        headers: vec![(HEADER_LENGTH, header_length.to_string())],
        body: out,
    }
}

fn push_output(out: &mut Vec<u8>, tensor: &InferTensor, binary: bool) {
    out.extend_from_slice(b"{\"name\":");
    push_text(out, &tensor.name);
    out.extend_from_slice(b",\"datatype\":\"");
    out.extend_from_slice(datatype::name(tensor.element_type()).as_bytes());
    out.extend_from_slice(b"\",\"shape\":[");
    for (position, size) in tensor.shape.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        push_unsigned(out, u64::from(*size));
    }
    out.push(b']');
    let size = binary.then(|| raw::encoded_len(&tensor.elements));
    if size.is_some() || !tensor.parameters.is_empty() {
        out.extend_from_slice(b",\"parameters\":");
        push_parameters(out, &tensor.parameters, size);
    }
    if !binary {
        out.extend_from_slice(b",\"data\":[");
        push_data(out, tensor);
        out.push(b']');
    }
    out.push(b'}');
}

fn push_parameters(out: &mut Vec<u8>, parameters: &Parameters, binary_size: Option<usize>) {
    let mut first = true;
    let mut begin = |out: &mut Vec<u8>, name: &str| {
        out.push(if std::mem::take(&mut first) { b'{' } else { b',' });
        push_text(out, name);
        out.push(b':');
    };
    if let Some(size) = binary_size {
        begin(out, "binary_data_size");
        push_unsigned(out, size as u64);
    }
    for (name, parameter) in parameters {
        begin(out, name);
        match parameter {
            Parameter::Boolean(value) => push_boolean(out, *value),
            Parameter::Integer(value) => push_signed(out, *value),
            Parameter::Number(value) => push_double(out, *value),
            Parameter::Text(text) => push_text(out, text),
        }
    }
    out.extend_from_slice(if first { b"{}" } else { b"}" });
}

/// The elements with commas between them.
pub(super) fn push_data(out: &mut Vec<u8>, tensor: &InferTensor) {
    macro_rules! each {
        ($values:expr, $push:expr) => {{
            let push = $push;
            for (position, value) in $values.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                push(out, value);
            }
        }};
    }
    match &tensor.elements {
        Elements::Boolean(values) => {
            each!(values, |out: &mut Vec<u8>, value: &u8| push_boolean(out, *value != 0));
        }
        Elements::F32(values) => each!(values, |out: &mut Vec<u8>, value: &f32| push_single(out, *value)),
        Elements::F64(values) => each!(values, |out: &mut Vec<u8>, value: &f64| push_double(out, *value)),
        Elements::F16(values) => {
            each!(values, |out: &mut Vec<u8>, bits: &u16| push_single(out, f16::from_bits(*bits).to_f32()));
        }
        Elements::Bf16(values) => {
            each!(values, |out: &mut Vec<u8>, bits: &u16| push_single(out, bf16::from_bits(*bits).to_f32()));
        }
        Elements::S8(values) => {
            each!(values, |out: &mut Vec<u8>, value: &i8| push_signed(out, (*value).into()));
        }
        Elements::S16(values) => {
            each!(values, |out: &mut Vec<u8>, value: &i16| push_signed(out, (*value).into()));
        }
        Elements::S32(values) => {
            each!(values, |out: &mut Vec<u8>, value: &i32| push_signed(out, (*value).into()));
        }
        Elements::S64(values) => each!(values, |out: &mut Vec<u8>, value: &i64| push_signed(out, *value)),
        Elements::U8(values) => {
            each!(values, |out: &mut Vec<u8>, value: &u8| push_unsigned(out, (*value).into()));
        }
        Elements::U16(values) => {
            each!(values, |out: &mut Vec<u8>, value: &u16| push_unsigned(out, (*value).into()));
        }
        Elements::U32(values) => {
            each!(values, |out: &mut Vec<u8>, value: &u32| push_unsigned(out, (*value).into()));
        }
        Elements::U64(values) => each!(values, |out: &mut Vec<u8>, value: &u64| push_unsigned(out, *value)),
        Elements::Text(packed) => {
            let base64 = tensor.is_base64();
            for (position, value) in packed.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                match std::str::from_utf8(value) {
                    Ok(text) if !base64 => push_text(out, text),
                    // Answers that are not base64 were checked to be UTF-8.
                    _ => push_text(out, &STANDARD.encode(value)),
                }
            }
        }
    }
}

fn push_boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn push_double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() { push_finite(out, value) } else { out.extend_from_slice(b"null") }
}

/// The shortest text that reads back as this float32: its double's has twice the digits and says no more.
fn push_single(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    // Writing to a Vec cannot fail, and neither can a text.
    let _ = serde_json::to_writer(out, text);
}

/// The answer to `GET /v2/models/{model}`.
#[must_use]
pub fn model_metadata(metadata: &ModelMetadata) -> Answer {
    let tensors = |tensors: &[TensorMetadata]| -> Vec<Json> {
        let one = |tensor: &TensorMetadata| {
            json!({
                "name": tensor.name,
                "datatype": datatype::name(tensor.element_type),
                "shape": tensor.shape,
            })
        };
        tensors.iter().map(one).collect()
    };
    let body = json!({
        "name": metadata.name,
        "versions": metadata.versions,
        "platform": metadata.platform,
        "inputs": tensors(&metadata.inputs),
        "outputs": tensors(&metadata.outputs),
    });
    Answer::json(200, body.to_string().into_bytes())
}

/// A fault in the protocol's words.
#[must_use]
pub fn refuse(fault: &Fault) -> Answer {
    let mut body = b"{\"error\":".to_vec();
    push_text(&mut body, &fault.public);
    body.push(b'}');
    Answer::json(fault.kind.status(), body)
}
