//! From a reply to an answer: a table becomes one output a column, JSON and raw bytes one output of `BYTES`.
//!
//! Called by REST and gRPC alike, once the model has answered. Checks what a guest answered before anything is spelled.

use serde::de::IgnoredAny;

use super::call::{MEDIA_TYPE, Wanted};
use super::message::{BASE64, CONTENT_TYPE, InferResponse, InferTensor, Parameter, Parameters};
use super::metadata::unnamed_output;
use super::{bad_input, classification, column};
use crate::dialect::Interface;
use crate::fault::{Fault, FaultKind};
use crate::signature::Schema;
use crate::values::{Blob, Elements, NamedTensor, Output, Packed, Reply, Table};

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelVersion<'a> {
    /// The model's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// Axes that a tensor of an answer may have.
const MAX_RANK: usize = 64;

/// What answers a request that wanted `wanted`.
///
/// # Errors
///
/// [`FaultKind::BadInput`] where an output is wanted that is not there, or cannot be classified; [`FaultKind::GuestTrapped`] where
/// the model's answer contradicts itself.
pub fn response(
    reply: Reply,
    wanted: Wanted,
    model: ModelVersion<'_>,
    interface: &Interface,
) -> Result<InferResponse, Fault> {
    let mut outputs = match reply.output {
        Output::Table(table) => of_table(table)?,
        Output::Tensors(tensors) => of_tensors(tensors)?,
        Output::Json(text) => vec![of_json(&text, interface)?],
        Output::Blob(blob) => vec![of_blob(blob)?],
    };
    if !wanted.outputs.is_empty() {
        outputs = select(outputs, &wanted, model.name)?;
    }
    Ok(InferResponse {
        model_name: model.name.to_owned(),
        model_version: model.version.to_owned(),
        id: wanted.id,
        parameters: Parameters::new(),
        outputs,
    })
}

/// A model's answer that cannot be spelled. The client learns no more than that.
#[cold]
fn broken(detail: impl Into<String>) -> Fault {
    Fault::new(FaultKind::GuestTrapped, "the model's answer is not valid").with_detail(detail)
}

fn of_table(table: Table) -> Result<Vec<InferTensor>, Fault> {
    table.check().map_err(|error| broken(error.to_string()))?;
    let rows = u32::try_from(table.rows).map_err(|_| broken("the table has more than 2^32 rows"))?;
    let mut outputs: Vec<InferTensor> = Vec::with_capacity(table.columns.len());
    for column in table.columns {
        for tensor in column::encode(column, rows).into_iter().flatten() {
            if outputs.iter().any(|other| other.name == tensor.name) {
                return Err(broken(format!("two columns are called `{}`", tensor.name)));
            }
            outputs.push(tensor);
        }
    }
    Ok(outputs)
}

fn of_tensors(tensors: Vec<NamedTensor>) -> Result<Vec<InferTensor>, Fault> {
    let mut outputs: Vec<InferTensor> = Vec::with_capacity(tensors.len());
    for (position, NamedTensor { name, tensor }) in tensors.into_iter().enumerate() {
        let name = if name.is_empty() { unnamed_output(position) } else { name };
        tensor.check(&name).map_err(|error| broken(error.to_string()))?;
        if tensor.shape.len() > MAX_RANK {
            return Err(broken(format!("tensor `{name}` has more than {MAX_RANK} axes")));
        }
        if outputs.iter().any(|other| other.name == name) {
            return Err(broken(format!("two tensors are called `{name}`")));
        }
        outputs.push(InferTensor::new(name, tensor.shape, tensor.elements));
    }
    Ok(outputs)
}

fn of_json(text: &str, interface: &Interface) -> Result<InferTensor, Fault> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| broken(format!("it is not JSON: {error}")))?;
    let name = match &interface.signature.outputs {
        Some(Schema::Columns(specs)) if specs.len() == 1 => specs[0].name.clone(),
        Some(Schema::Tensors(specs)) if specs.len() == 1 => specs[0].name.clone(),
        _ => None,
    };
    single(name.unwrap_or_else(|| unnamed_output(0)), text.as_bytes())
}

fn of_blob(blob: Blob) -> Result<InferTensor, Fault> {
    let mut tensor = single(unnamed_output(0), &blob.data)?;
    tensor.parameters.insert(CONTENT_TYPE.to_owned(), Parameter::Text(BASE64.to_owned()));
    tensor.parameters.insert(MEDIA_TYPE.to_owned(), Parameter::Text(blob.content_type));
    Ok(tensor)
}

fn single(name: String, value: &[u8]) -> Result<InferTensor, Fault> {
    let mut packed = Packed::with_capacity(1, value.len());
    if !packed.push(value) {
        return Err(broken("it is longer than 4 GiB"));
    }
    Ok(InferTensor::new(name, vec![1], Elements::Text(packed)))
}

/// The outputs that are wanted, in the order in which they are; with each what says which of its values are missing.
fn select(outputs: Vec<InferTensor>, wanted: &Wanted, model: &str) -> Result<Vec<InferTensor>, Fault> {
    let mut outputs: Vec<Option<InferTensor>> = outputs.into_iter().map(Some).collect();
    let mut take = |name: &str| {
        outputs.iter_mut().find(|slot| slot.as_ref().is_some_and(|tensor| tensor.name == name))?.take()
    };
    let mut selected: Vec<InferTensor> = Vec::with_capacity(wanted.outputs.len());
    for output in &wanted.outputs {
        let Some(tensor) = take(&output.name) else {
            if selected.iter().any(|tensor| tensor.name == output.name) {
                continue;
            }
            return Err(bad_input(format!("model `{model}` has no output `{}`", output.name)));
        };
        let valid = take(&column::valid_name(&output.name));
        match classification::asked(&output.parameters)? {
            Some(classes) => selected.push(classification::classify(&tensor, classes)?),
            None => selected.push(tensor),
        }
        selected.extend(valid);
    }
    Ok(selected)
}
