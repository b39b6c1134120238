//! A set of named tensors.
//!
//! The inputs and outputs of graphs, and the input of a model with a tensor signature. Order is kept; names are
//! not checked for duplicates, the first wins.

use std::fmt::Write as _;

use crate::{Error, Tensor};

/// Tensors by name, in order. An unnamed tensor has the empty name.
///
/// ```
/// use mlhost_guest::{Tensor, Tensors};
///
/// let mut outputs = Tensors::from([("label", Tensor::s64([1], [2])?)]);
/// assert_eq!(outputs.take("label")?.into_s64()?, [2]);
/// let error = outputs.take("label").unwrap_err();
/// assert_eq!(error.message(), "tensor `label` is missing, there are none");
/// # Ok::<(), mlhost_guest::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensors(pub(crate) Vec<(String, Tensor)>);

// === impl Tensors ===

impl Tensors {
    /// How many tensors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and tensors, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The tensor `name`.
    ///
    /// # Errors
    ///
    /// Failed, when there is none.
    pub fn get(&self, name: &str) -> Result<&Tensor, Error> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, tensor)| tensor).ok_or_else(|| self.missing(name))
    }

    /// Takes the tensor `name` out, without a copy.
    ///
    /// # Errors
    ///
    /// Failed, when there is none.
    pub fn take(&mut self, name: &str) -> Result<Tensor, Error> {
        match self.0.iter().position(|(known, _)| known == name) {
            Some(index) => Ok(self.0.remove(index).1),
            None => Err(self.missing(name)),
        }
    }

    /// The one tensor there is, whatever its name: the input of a signature with one unnamed tensor.
    ///
    /// # Errors
    ///
    /// Failed, when there are more or none.
    pub fn into_single(mut self) -> Result<Tensor, Error> {
        match (self.0.pop(), self.0.len()) {
            (Some((_, tensor)), 0) => Ok(tensor),
            (last, others) => {
                let count = others + usize::from(last.is_some());
                Err(Error::failed(format_args!("there must be one tensor, not {count}")))
            }
        }
    }

    fn missing(&self, name: &str) -> Error {
        let mut message = format!("tensor `{name}` is missing, there are");
        let mut separator = "";
        for (known, _) in &self.0 {
            let _ = write!(message, "{separator} `{known}`");
            separator = ",";
        }
        message.push_str(if self.0.is_empty() { " none" } else { "" });
        Error::failed(message)
    }
}

impl From<Tensor> for Tensors {
    fn from(tensor: Tensor) -> Self {
        Self(vec![(String::new(), tensor)])
    }
}

impl<S: Into<String>, const N: usize> From<[(S, Tensor); N]> for Tensors {
    fn from(tensors: [(S, Tensor); N]) -> Self {
        tensors.into_iter().collect()
    }
}

impl<S: Into<String>> FromIterator<(S, Tensor)> for Tensors {
    fn from_iter<I: IntoIterator<Item = (S, Tensor)>>(tensors: I) -> Self {
        Self(tensors.into_iter().map(|(name, tensor)| (name.into(), tensor)).collect())
    }
}

impl IntoIterator for Tensors {
    type Item = (String, Tensor);
    type IntoIter = std::vec::IntoIter<(String, Tensor)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
