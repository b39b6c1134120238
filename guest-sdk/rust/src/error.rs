//! What a guest answers when it has no prediction.
//!
//! The one error type of this crate. Whoever makes one decides whose fault it is; this file never does.

use std::fmt;

/// Why there is no prediction, and whose fault that is.
///
/// Every [`std::error::Error`] becomes a [failed](Error::failed) one through `?`; say
/// `.map_err(Error::rejected)` where the caller is to blame. For that to work this type is not itself a
/// [`std::error::Error`].
///
/// ```
/// use mlhost_guest::Error;
///
/// fn limit(text: &str) -> Result<f64, Error> {
///     text.parse::<f64>().map_err(Error::rejected)
/// }
///
/// fn version(text: &str) -> Result<u32, Error> {
///     Ok(text.parse()?)
/// }
///
/// assert!(limit("x").unwrap_err().is_rejected());
/// assert!(!version("x").unwrap_err().is_rejected());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    rejected: bool,
    message: String,
}

// === impl Error ===

impl Error {
    /// The caller's input is at fault: the caller sees `message`, with status 400.
    #[must_use]
    pub fn rejected(message: impl fmt::Display) -> Self {
        Self { rejected: true, message: message.to_string() }
    }

    /// This code or its graph is at fault: `message` goes to the log, the caller sees a reference, with status
    /// 500.
    #[must_use]
    pub fn failed(message: impl fmt::Display) -> Self {
        Self { rejected: false, message: message.to_string() }
    }

    /// Whether the caller is at fault.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.rejected
    }

    /// What went wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::failed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_error_is_a_failure_and_keeps_its_message() {
        let error = Error::from(String::from_utf8(vec![0xff]).unwrap_err());
        assert!(!error.is_rejected());
        assert!(error.message().contains("utf-8"), "{error}");
    }

    #[test]
    fn an_error_can_be_turned_into_a_rejection_and_back() {
        let rejected = Error::rejected(Error::failed("no"));
        assert!(rejected.is_rejected());
        assert_eq!(rejected.message(), "no");
        assert!(!Error::failed(rejected).is_rejected());
    }
}
