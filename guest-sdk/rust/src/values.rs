//! What a model is given and what it answers.
//!
//! Made by the host for `predict` and taken from it; guests match on [`Input`] or ask for the one form they
//! serve. Never converts between forms.

use crate::{Error, Table, Tensor, Tensors};

/// A body passed through as it came: an image, a sound, a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The media type, as in a `Content-Type` header.
    pub content_type: String,
    /// The bytes.
    pub data: Vec<u8>,
}

/// What a model is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A table, from a signature of columns or a DataFrame form.
    Table(Table),
    /// Tensors, from a signature of tensors or a tensor form; an unnamed one has the empty name.
    Tensors(Tensors),
    /// Raw bytes, from a media type that the bundle takes as it is.
    Blob(Blob),
}

/// What a model answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A list of records in MLflow's JSON.
    Table(Table),
    /// Nested lists, by name where they have one.
    Tensors(Tensors),
    /// One JSON text.
    Json(String),
    /// Raw bytes with their media type.
    Blob(Blob),
}

// === impl Input ===

impl Input {
    /// The table.
    ///
    /// # Errors
    ///
    /// Rejected, when the input is something else.
    pub fn into_table(self) -> Result<Table, Error> {
        if let Self::Table(table) = self { Ok(table) } else { Err(self.instead_of("a table")) }
    }

    /// The tensors.
    ///
    /// # Errors
    ///
    /// Rejected, when the input is something else.
    pub fn into_tensors(self) -> Result<Tensors, Error> {
        if let Self::Tensors(tensors) = self { Ok(tensors) } else { Err(self.instead_of("tensors")) }
    }

    /// The raw bytes with their media type.
    ///
    /// # Errors
    ///
    /// Rejected, when the input is something else.
    pub fn into_blob(self) -> Result<Blob, Error> {
        if let Self::Blob(blob) = self { Ok(blob) } else { Err(self.instead_of("raw bytes")) }
    }

    fn instead_of(&self, wanted: &str) -> Error {
        let found = match self {
            Self::Table(_) => "a table",
            Self::Tensors(_) => "tensors",
            Self::Blob(_) => "raw bytes",
        };
        Error::rejected(format_args!("this model takes {wanted}, not {found}"))
    }
}

// === impl Output ===

impl From<Table> for Output {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl From<Tensors> for Output {
    fn from(tensors: Tensors) -> Self {
        Self::Tensors(tensors)
    }
}

impl From<Tensor> for Output {
    fn from(tensor: Tensor) -> Self {
        Self::Tensors(tensor.into())
    }
}

impl From<Blob> for Output {
    fn from(blob: Blob) -> Self {
        Self::Blob(blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_of_another_form_is_rejected_with_both_forms_named() {
        let blob = Blob { content_type: "text/plain".into(), data: vec![1] };
        let inputs = [
            (Input::Table(Table::default()), "a table"),
            (Input::Tensors(Tensors::default()), "tensors"),
            (Input::Blob(blob), "raw bytes"),
        ];
        for (index, (input, found)) in inputs.into_iter().enumerate() {
            let answers = [
                ("a table", input.clone().into_table().err()),
                ("tensors", input.clone().into_tensors().err()),
                ("raw bytes", input.into_blob().err()),
            ];
            for (form, (wanted, error)) in answers.into_iter().enumerate() {
                let expected = (form != index)
                    .then(|| Error::rejected(format!("this model takes {wanted}, not {found}")));
                assert_eq!(error, expected);
            }
        }
    }
}
