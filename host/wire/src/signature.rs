//! What a model says it takes and gives: MLflow's model signature.
//!
//! `bundle` reads it from the MLmodel file, dialects enforce it once while decoding. Format: MLflow's
//! `ModelSignature.to_dict`, whose `inputs`, `outputs` and `params` are each a JSON text.

mod parse;

use crate::values::ElementType;

/// How deep a type may nest. Deeper ones are refused, so that code which walks a type may recurse.
pub const MAX_TYPE_DEPTH: usize = 32;

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
    /// Whether the name is a number and no text: so MLflow calls the columns of an array.
    pub numbered: bool,
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

/// Why a signature cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// One of the three texts is no JSON.
    #[error("the signature's `{part}` is not JSON: {source}")]
    Json {
        /// `inputs`, `outputs` or `params`.
        part: &'static str,
        /// What the parser found.
        source: serde_json::Error,
    },
    /// One of the three texts is JSON of another form than MLflow writes.
    #[error("the signature's `{path}` {problem}")]
    Form {
        /// Where, such as `inputs[2].items`.
        path: String,
        /// What is wrong there.
        problem: String,
    },
}

// === impl ColumnType ===

impl ColumnType {
    /// The numpy or MLflow name of the type, as MLflow's messages spell it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Boolean => "bool",
            Self::Integer => "int32",
            Self::Long => "int64",
            Self::Float => "float32",
            Self::Double => "float64",
            Self::String => "str",
            Self::Binary => "bytes",
            Self::Datetime => "datetime64[ns]",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
            Self::Map(_) => "map",
            Self::Any => "any",
        }
    }

    /// Whether a cell of this type travels as a JSON text.
    #[must_use]
    pub fn is_nested(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Object(_) | Self::Map(_) | Self::Any)
    }
}
