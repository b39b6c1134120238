//! `application/jsonlines`: a JSON value a line, each a row.
//!
//! Called by [`super::SageMaker`].

use serde_json::value::RawValue;

use crate::fault::{Fault, FaultKind};
use crate::signature::Signature;

/// The lines as one of MLflow's forms: records where the model has columns or says nothing of its input and every line is an
/// object, else instances.
pub(super) fn list(body: &[u8], signature: &Signature) -> Result<Vec<u8>, Fault> {
    let mut rows = Vec::new();
    for (number, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        // Each by itself, so that no line is completed by the next.
        let row: &RawValue = serde_json::from_slice(line).map_err(|error| {
            let line = number + 1;
            Fault::new(FaultKind::BadInput, format!("Invalid input. Line {line} is not JSON: {error}"))
        })?;
        rows.push(row.get());
    }
    if rows.is_empty() {
        return Err(Fault::new(FaultKind::BadInput, "Invalid input. There is no line with a JSON value."));
    }
    let records = signature.inputs.is_none() && rows.iter().all(|row| row.starts_with('{'));
    let form = if records { "dataframe_records" } else { "instances" };
    let mut text = format!("{{\"{form}\": [");
    text.push_str(&rows.join(", "));
    text.push_str("]}");
    Ok(text.into_bytes())
}
