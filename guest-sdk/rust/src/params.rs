//! The parameters of a call.
//!
//! The host has checked them against the signature and filled in its defaults; a guest reads them here. Never
//! converts a text into a number or the reverse.

use crate::Error;

/// One parameter's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON's `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// A string.
    Text(String),
    /// One JSON text: a list or an object.
    Json(String),
}

/// The parameters of a call, by name.
///
/// The typed accessors answer `None` where the parameter is missing or null, so a default is an `unwrap_or`:
///
/// ```
/// use mlhost_guest::{Params, Value};
///
/// let params = Params::from([("top_k", Value::Integer(3))]);
/// assert_eq!(params.integer("top_k")?.unwrap_or(1), 3);
/// assert_eq!(params.number("threshold")?.unwrap_or(0.5), 0.5);
/// assert!(params.text("top_k").unwrap_err().is_rejected());
/// # Ok::<(), mlhost_guest::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(Vec<(String, Value)>);

// === impl Value ===

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Number(_) => "number",
            Self::Text(_) => "text",
            Self::Json(_) => "JSON",
        }
    }
}

// === impl Params ===

impl Params {
    /// The parameter `name` as it came.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Names and values, in the order of the call.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The boolean `name`.
    ///
    /// # Errors
    ///
    /// Rejected, when it has another type.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        self.typed(
            name,
            "boolean",
            |value| {
                if let Value::Boolean(found) = value { Some(*found) } else { None }
            },
        )
    }

    /// The whole number `name`.
    ///
    /// # Errors
    ///
    /// Rejected, when it has another type.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        self.typed(
            name,
            "integer",
            |value| {
                if let Value::Integer(found) = value { Some(*found) } else { None }
            },
        )
    }

    /// The number `name`; a whole number counts as one, rounded to 53 bits.
    ///
    /// # Errors
    ///
    /// Rejected, when it has another type.
    pub fn number(&self, name: &str) -> Result<Option<f64>, Error> {
        self.typed(name, "number", |value| match value {
            Value::Number(found) => Some(*found),
            Value::Integer(found) => Some(*found as f64),
            _ => None,
        })
    }

    /// The string `name`.
    ///
    /// # Errors
    ///
    /// Rejected, when it has another type.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        self.typed(
            name,
            "text",
            |value| {
                if let Value::Text(found) = value { Some(found.as_str()) } else { None }
            },
        )
    }

    /// The list or object `name`, as JSON text.
    ///
    /// # Errors
    ///
    /// Rejected, when it has another type.
    pub fn json(&self, name: &str) -> Result<Option<&str>, Error> {
        self.typed(
            name,
            "JSON",
            |value| {
                if let Value::Json(found) = value { Some(found.as_str()) } else { None }
            },
        )
    }

    fn typed<'a, T>(
        &'a self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(name).filter(|value| **value != Value::Null) else {
            return Ok(None);
        };
        match read(value) {
            Some(found) => Ok(Some(found)),
            None => Err(Error::rejected(format_args!(
                "parameter `{name}` must be of type {wanted}, not {}",
                value.kind()
            ))),
        }
    }
}

impl<S: Into<String>> FromIterator<(S, Value)> for Params {
    fn from_iter<I: IntoIterator<Item = (S, Value)>>(params: I) -> Self {
        Self(params.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl<S: Into<String>, const N: usize> From<[(S, Value); N]> for Params {
    fn from(params: [(S, Value); N]) -> Self {
        params.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        Params::from([
            ("null", Value::Null),
            ("boolean", Value::Boolean(true)),
            ("integer", Value::Integer(7)),
            ("number", Value::Number(0.5)),
            ("text", Value::Text("x".into())),
            ("json", Value::Json("[1]".into())),
        ])
    }

    #[test]
    fn each_accessor_reads_its_own_type() {
        let params = params();
        assert_eq!(params.boolean("boolean"), Ok(Some(true)));
        assert_eq!(params.integer("integer"), Ok(Some(7)));
        assert_eq!(params.number("number"), Ok(Some(0.5)));
        assert_eq!(params.number("integer"), Ok(Some(7.0)));
        assert_eq!(params.text("text"), Ok(Some("x")));
        assert_eq!(params.json("json"), Ok(Some("[1]")));
        assert_eq!(params.iter().len(), 6);
    }

    #[test]
    fn a_missing_or_null_parameter_is_none_whatever_the_type() {
        let params = params();
        for name in ["null", "nowhere"] {
            assert_eq!(params.boolean(name), Ok(None));
            assert_eq!(params.integer(name), Ok(None));
            assert_eq!(params.number(name), Ok(None));
            assert_eq!(params.text(name), Ok(None));
            assert_eq!(params.json(name), Ok(None));
        }
    }

    #[test]
    fn a_parameter_of_another_type_is_rejected_with_both_types_named() {
        let params = params();
        let errors = [
            (
                params.boolean("integer").unwrap_err(),
                "parameter `integer` must be of type boolean, not integer",
            ),
            (params.integer("number").unwrap_err(), "parameter `number` must be of type integer, not number"),
            (params.number("text").unwrap_err(), "parameter `text` must be of type number, not text"),
            (params.text("json").unwrap_err(), "parameter `json` must be of type text, not JSON"),
            (params.json("boolean").unwrap_err(), "parameter `boolean` must be of type JSON, not boolean"),
        ];
        for (error, message) in errors {
            assert_eq!(error, Error::rejected(message));
        }
    }
}
