//! What a model says it takes and gives: MLflow's model signature.
//!
//! `bundle` reads it from the MLmodel file, dialects enforce it once while decoding. Format: MLflow's
//! `ModelSignature.to_dict`, whose `inputs`, `outputs` and `params` are each a JSON text.

use crate::values::ElementType;

/// A model's inputs, outputs and parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// `None` where the model has no input schema: then types are inferred from the request.
    pub inputs: Option<Schema>,
    /// Documentation only: a model's answers are not forced into it.
    pub outputs: Option<Schema>,
    /// Empty where the model takes no parameters.
    pub params: Vec<ParamSpec>,
}

/// Columns or tensors; MLflow never mixes them.
#[derive(Clone, Debug, PartialEq)]
pub enum Schema {
    /// A table.
    Columns(Vec<ColumnSpec>),
    /// One unnamed tensor, or one or more named ones.
    Tensors(Vec<TensorSpec>),
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// `None` for columns that go by position.
    pub name: Option<String>,
    /// The type of its values.
    pub column_type: ColumnType,
    /// Whether a request without it is refused.
    pub required: bool,
}

/// MLflow's data types.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "MLflow's names")]
pub enum ColumnType {
    Boolean,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
    String,
    Binary,
    Datetime,
    Array(Box<ColumnType>),
    Object(Vec<Property>),
    Map(Box<ColumnType>),
    Any,
}

/// One property of an object type.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The key.
    pub name: String,
    /// The type of its value.
    pub column_type: ColumnType,
    /// Whether an object without it is refused.
    pub required: bool,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// `None` for the single unnamed tensor.
    pub name: Option<String>,
    /// The type of its elements.
    pub element_type: ElementType,
    /// The size of each axis; `None` (MLflow's -1) is free.
    pub shape: Vec<Option<u32>>,
}

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    /// The key in `params`.
    pub name: String,
    /// The type of its value, or of its elements when it is a list.
    pub column_type: ColumnType,
    /// What the model sees when the caller says nothing.
    pub default: serde_json::Value,
    /// Whether it is a one-dimensional list (MLflow's shape `(-1,)`).
    pub list: bool,
}
