//! A request and an answer of the protocol, whatever carries them: REST with JSON, REST with binary tensors, gRPC.
//!
//! Made by the decoders, consumed by [`super::call`]; made by [`super::response`], consumed by the encoders. Plain values.

use std::collections::BTreeMap;

use super::bad_input;
use crate::fault::Fault;
use crate::values::{ElementType, Elements};

/// One inference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferRequest {
    /// The client's own name for it, which the answer repeats. Without one the answer has none.
    pub id: Option<String>,
    /// Those of the whole request: the model's parameters, and the protocol's own such as `binary_data_output`.
    pub parameters: Parameters,
    /// In the order in which they came.
    pub inputs: Vec<InferTensor>,
    /// Which outputs are wanted, in this order; empty for all.
    pub outputs: Vec<RequestedOutput>,
}

/// An output that a request asks for by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestedOutput {
    /// The output.
    pub name: String,
    /// Such as `classification` and `binary_data`.
    pub parameters: Parameters,
}

/// What a model answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferResponse {
    /// The model's name.
    pub model_name: String,
    /// Its version.
    pub model_version: String,
    /// As in the request.
    pub id: Option<String>,
    /// Of the whole answer.
    pub parameters: Parameters,
    /// In the order asked for, or the model's own.
    pub outputs: Vec<InferTensor>,
}

/// A named tensor on its way in or out.
#[derive(Clone, Debug, PartialEq)]
pub struct InferTensor {
    /// The input or output.
    pub name: String,
    /// The size of each axis.
    pub shape: Vec<u32>,
    /// The values in row-major order. `BYTES` are [`Elements::Text`], though they need not be UTF-8 here.
    pub elements: Elements,
    /// One byte an element, 0 where it is missing; `None` when none is. Only JSON can say so, with `null`; the element itself is
    /// then NaN, 0 or empty.
    pub validity: Option<Vec<u8>>,
    /// Such as `content_type`, which is `base64` for `BYTES` that JSON spells so.
    pub parameters: Parameters,
}

/// Parameters by name.
pub type Parameters = BTreeMap<String, Parameter>;

/// A parameter's value.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Parameter {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

/// The parameter of a `BYTES` tensor that says how JSON spells its values.
pub(super) const CONTENT_TYPE: &str = "content_type";
/// Its only value that means something here, as in MLServer.
pub(super) const BASE64: &str = "base64";

// === impl InferTensor ===

impl InferTensor {
    /// A tensor without missing values and parameters.
    #[must_use]
    pub fn new(name: impl Into<String>, shape: Vec<u32>, elements: Elements) -> Self {
        Self { name: name.into(), shape, elements, validity: None, parameters: Parameters::new() }
    }

    /// The type of its elements.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        self.elements.element_type()
    }

    /// Whether JSON spells its values in base64.
    #[must_use]
    pub fn is_base64(&self) -> bool {
        matches!(self.parameters.get(CONTENT_TYPE), Some(Parameter::Text(text)) if text == BASE64)
    }
}

// === impl InferRequest ===

impl InferRequest {
    /// The output called `name`, where it is asked for.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&RequestedOutput> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

// === impl Parameter ===

impl Parameter {
    /// Its truth value, where it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

/// The shape that a message has as signed numbers.
///
/// # Errors
///
/// Names the tensor whose shape has a negative size or one past 2^32.
pub fn shape(name: &str, sizes: impl IntoIterator<Item = i64>) -> Result<Vec<u32>, Fault> {
    let size = |size: i64| {
        u32::try_from(size).map_err(|_| {
            bad_input(format!("the shape of `{name}` has size {size}; sizes are from 0 to {}", u32::MAX))
        })
    };
    sizes.into_iter().map(size).collect()
}

/// How many elements a tensor of this shape has.
pub(super) fn count(shape: &[u32]) -> u64 {
    // Zero absorbs whatever comes after it; only a product over u64 saturates, and no tensor is that large.
    if shape.contains(&0) {
        return 0;
    }
    shape.iter().fold(1u64, |product, size| product.saturating_mul(u64::from(*size)))
}
