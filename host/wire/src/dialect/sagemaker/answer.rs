//! Answers in other types than JSON: CSV without a header, JSON lines, a NumPy file.
//!
//! Called by [`super::SageMaker`]. Everything comes out of the checked JSON of the answer, so that a value is spelled the same in
//! each.

use serde_json::Value;

use crate::dialect::Answer;
use crate::dialect::mlflow::{Compat, Layout, npy as numpy, push_values};
use crate::fault::{Fault, FaultKind};
use crate::values::{Output, Tensor};

/// Rows of values.
pub(super) fn csv(output: &Output) -> Result<Answer, Fault> {
    let mut values = Vec::new();
    // Never strict, whose bare literals are no JSON: a missing number is an empty cell.
    push_values(&mut values, output, Layout::Lists, Compat::Sane)?;
    let values: Value = serde_json::from_slice(&values).map_err(|error| broken(error.to_string()))?;
    let rows = match values {
        Value::Array(rows) => rows,
        one => vec![one],
    };
    let mut writer = ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        let mut cells = Vec::new();
        flatten(row, &mut cells);
        writer.write_record(&cells).map_err(|error| broken(error.to_string()))?;
    }
    let body = writer.into_inner().map_err(|error| broken(error.to_string()))?;
    Ok(answer("text/csv; charset=utf-8", body))
}

/// A row's cells: a list's one by one, however deep it is.
fn flatten(value: Value, cells: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.into_iter().for_each(|value| flatten(value, cells)),
        Value::Null => cells.push(String::new()),
        Value::String(text) => cells.push(text),
        other => cells.push(other.to_string()),
    }
}

/// A value a line.
pub(super) fn lines(output: &Output, compat: Compat) -> Result<Answer, Fault> {
    let mut body = Vec::new();
    push_values(&mut body, output, Layout::Lines, compat)?;
    if body.last().is_some_and(|byte| *byte != b'\n') {
        body.push(b'\n');
    }
    Ok(answer("application/jsonlines", body))
}

/// The one tensor of numbers.
pub(super) fn npy(output: &Output) -> Result<Answer, Fault> {
    let tensor = sole_tensor(output).ok_or_else(|| broken("no single tensor".to_owned()))?;
    tensor.check("").map_err(|error| broken(error.to_string()))?;
    let body = numpy::encode(tensor).ok_or_else(|| broken("numpy has no such type".to_owned()))?;
    Ok(answer("application/x-npy", body))
}

/// The only tensor of an answer, where numpy has its type.
pub(super) fn sole_tensor(output: &Output) -> Option<&Tensor> {
    match output {
        Output::Tensors(tensors) => match tensors.as_slice() {
            [only] if numpy::has_type(only.tensor.elements.element_type()) => Some(&only.tensor),
            _ => None,
        },
        _ => None,
    }
}

fn answer(content_type: &str, body: Vec<u8>) -> Answer {
    Answer { status: 200, content_type: Some(content_type.to_owned()), headers: Vec::new(), body }
}

/// A guest's answer that cannot be spelled. The client learns no more than that.
fn broken(detail: String) -> Fault {
    Fault::new(FaultKind::GuestTrapped, "the model's answer is not valid").with_detail(detail)
}
