//! A reply as Python values: a kind, and what that kind has. `mlhost/answers.py` makes of it what the caller wants.
//!
//! Called by `model`. Tables and tensors are lent, not copied.

use mlhost_tables::predictions::predictions_of;
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::{NamedTensor, Output, Reply};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::border::{Batch, Values};
use crate::tensors;

/// A reply, made without Python's lock.
pub(crate) enum Answer {
    /// A table.
    Table(Batch),
    /// Tensors: name, type, shape, values.
    Tensors(Vec<(String, &'static str, Vec<u32>, Values)>),
    /// A JSON text.
    Json(String),
    /// A media type and bytes.
    Blob(String, Vec<u8>),
}

/// A table has rows of its own, and so has a tensor: here they need not be those that were asked about.
fn table(output: Output, asked: usize) -> Result<Answer, Fault> {
    let rows = match &output {
        Output::Table(table) => table.rows,
        Output::Tensors(tensors) => {
            let axis = tensors.first().and_then(|named| named.tensor.shape.first());
            axis.map_or(asked, |size| *size as usize)
        }
        Output::Json(_) | Output::Blob(_) => asked,
    };
    let batch = predictions_of(Reply { output }, rows);
    // Whoever asks in process is told what the model answered instead.
    batch
        .map(|batch| Answer::Table(Batch(batch)))
        .map_err(|error| Fault::new(FaultKind::GuestTrapped, format!("the answer is no table: {error}")))
}

// === impl Answer ===

impl Answer {
    /// What `reply` is; with `rows`, which were asked about, everything is put into a table.
    pub(crate) fn of(reply: Reply, rows: Option<usize>) -> Result<Self, Fault> {
        match (reply.output, rows) {
            (output @ Output::Table(_), _) => table(output, 0),
            (output, Some(rows)) => table(output, rows),
            (Output::Tensors(tensors), None) => {
                let tensor = |named: NamedTensor| {
                    let (dtype, values) = tensors::values(named.tensor.elements);
                    (named.name, dtype, named.tensor.shape, Values(values))
                };
                Ok(Self::Tensors(tensors.into_iter().map(tensor).collect()))
            }
            (Output::Json(text), None) => Ok(Self::Json(text)),
            (Output::Blob(blob), None) => Ok(Self::Blob(blob.content_type, blob.data)),
        }
    }

    /// For Python: the kind's name, and what it has.
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<(&'static str, Py<PyAny>)> {
        Ok(match self {
            Self::Table(batch) => ("table", Py::new(py, batch)?.into_any()),
            Self::Tensors(tensors) => {
                let list = PyList::empty(py);
                for (name, dtype, shape, values) in tensors {
                    list.append((name, dtype, shape, Py::new(py, values)?))?;
                }
                ("tensors", list.into_any().unbind())
            }
            Self::Json(text) => ("json", text.into_pyobject(py)?.into_any().unbind()),
            Self::Blob(content_type, data) => {
                let pair = (content_type, PyBytes::new(py, &data));
                ("blob", pair.into_pyobject(py)?.into_any().unbind())
            }
        })
    }
}
