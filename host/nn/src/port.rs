//! What a graph says it takes and gives: [`GraphInfo`], read once by `session.rs`, checked against by
//! `validate.rs`, shown to guests by `describe`. Plain values; never touches ONNX Runtime.

use mlhost_wire::values::{ElementType, Tensor};

/// What the tensor with a sequence of maps' keys is called, after the output's name.
pub const MAP_KEYS_SUFFIX: &str = ".keys";

/// A graph's signature, as ONNX Runtime reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphInfo {
    /// Every input that must be given, in the graph's order.
    pub inputs: Vec<Port>,
    /// Every output that can be asked for, in the graph's order.
    ///
    /// An output that is a sequence of maps (skl2onnx's `ZipMap`, class to probability) counts as two: the
    /// probabilities under the output's own name, float32 of shape `[rows, classes]`, and the classes under
    /// `<name>.keys`, int64 or text of shape `[classes]`.
    pub outputs: Vec<Port>,
}

/// One input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// The type of its elements.
    pub element_type: ElementType,
    /// The size of each axis, `None` where it is free.
    ///
    /// Empty for a scalar and for a port that declares no shape at all: ONNX Runtime reports both alike, so an
    /// input with an empty shape takes tensors of any shape. An output's shape is a hint and no more: converters
    /// declare wrong ones (LightGBM's `label` says `[1]` and has one element a row).
    pub shape: Vec<Option<u32>>,
}

// === impl Port ===

impl Port {
    /// Whether a tensor of this shape fits: the same rank, and the same size on every fixed axis.
    pub(crate) fn fits(&self, shape: &[u32]) -> bool {
        self.shape.is_empty()
            || self.shape.len() == shape.len()
                && self.shape.iter().zip(shape).all(|(axis, size)| axis.is_none_or(|axis| axis == *size))
    }

    /// What a message says the port takes.
    pub(crate) fn describe(&self) -> String {
        if self.shape.is_empty() {
            return format!("{} of any shape", self.element_type);
        }
        spell(self.element_type, self.shape.iter().map(|axis| axis.map_or(-1, i64::from)))
    }
}

/// What a message says a tensor is.
pub(crate) fn describe(tensor: &Tensor) -> String {
    spell(tensor.elements.element_type(), tensor.shape.iter().copied().map(i64::from))
}

/// An element type and a shape the way numpy and MLflow spell them: `float32 of shape (-1, 4)`, `(4,)` for one axis.
fn spell(element_type: ElementType, axes: impl Iterator<Item = i64>) -> String {
    let axes: Vec<_> = axes.map(|axis| axis.to_string()).collect();
    let comma = if axes.len() == 1 { "," } else { "" };
    format!("{element_type} of shape ({}{comma})", axes.join(", "))
}
