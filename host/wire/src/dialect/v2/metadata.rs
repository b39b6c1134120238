//! What a model takes and gives, as the protocol says it.
//!
//! Made from the model's interface: each column of a table is a tensor of one axis, its rows. Asked by the metadata routes of REST
//! and gRPC, and by whoever has to know which input a request means.

use crate::dialect::Interface;
use crate::dialect::v2::datatype;
use crate::signature::{ColumnSpec, Schema, TensorSpec};
use crate::values::ElementType;

/// A model as `GET /v2/models/{model}` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelMetadata {
    /// Its name.
    pub name: String,
    /// Every version that can be asked for.
    pub versions: Vec<String>,
    /// What it runs on, such as `onnxruntime_onnx` as Triton calls it.
    pub platform: String,
    /// In the order of the signature; empty where the model has none.
    pub inputs: Vec<TensorMetadata>,
    /// The same of its answer.
    pub outputs: Vec<TensorMetadata>,
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// What its elements are offered as.
    pub element_type: ElementType,
    /// The size of each axis, -1 where it is free.
    pub shape: Vec<i64>,
    /// Whether a request may leave it out.
    pub optional: bool,
}

/// What an unnamed tensor is called by its position.
pub(super) fn unnamed_input(position: usize) -> String {
    format!("input{position}")
}

/// What an unnamed tensor of an answer is called by its position.
pub(super) fn unnamed_output(position: usize) -> String {
    format!("output{position}")
}

/// What a column is called: without a name by its position, as in [`crate::values::Column`].
pub(super) fn column_name(position: usize, spec: &ColumnSpec) -> String {
    spec.name.clone().unwrap_or_else(|| position.to_string())
}

// === impl ModelMetadata ===

impl ModelMetadata {
    /// The metadata of a model with this interface.
    #[must_use]
    pub fn new(name: &str, versions: Vec<String>, platform: &str, interface: &Interface) -> Self {
        Self {
            name: name.to_owned(),
            versions,
            platform: platform.to_owned(),
            inputs: tensors(interface.signature.inputs.as_ref(), unnamed_input),
            outputs: tensors(interface.signature.outputs.as_ref(), unnamed_output),
        }
    }
}

fn tensors(schema: Option<&Schema>, unnamed: fn(usize) -> String) -> Vec<TensorMetadata> {
    match schema {
        None => Vec::new(),
        Some(Schema::Columns(columns)) => {
            let column = |(position, spec)| of_column(position, spec);
            columns.iter().enumerate().map(column).collect()
        }
        Some(Schema::Tensors(specs)) => {
            let tensor = |(position, spec): (usize, &TensorSpec)| TensorMetadata {
                name: spec.name.clone().unwrap_or_else(|| unnamed(position)),
                element_type: spec.element_type,
                shape: spec.shape.iter().map(|size| size.map_or(-1, i64::from)).collect(),
                optional: false,
            };
            specs.iter().enumerate().map(tensor).collect()
        }
    }
}

fn of_column(position: usize, spec: &ColumnSpec) -> TensorMetadata {
    TensorMetadata {
        name: column_name(position, spec),
        element_type: datatype::of_column(&spec.column_type),
        shape: vec![-1],
        optional: !spec.required,
    }
}
