//! What a request is called in logs, traces and samples: its caller's word where that is sane, else one of ours.
//!
//! Used by `serve::report`. A caller's word reaches the log and comes back in a header: it may be no more than a name.

use std::fmt;

use super::random;

/// The longest name that a caller may choose.
const LONGEST: usize = 128;

/// A request's name: letters, digits and `-_.:+/=@`, at most 128.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

// === impl RequestId ===

impl RequestId {
    /// A name of ours: 16 hexadecimal digits.
    #[must_use]
    pub fn new() -> Self {
        Self(format!("{:016x}", random::number()))
    }

    /// The caller's word, where it is a name.
    #[must_use]
    pub fn given(text: &str) -> Option<Self> {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte);
        let sane = !text.is_empty() && text.len() <= LONGEST && text.as_bytes().iter().all(fits);
        sane.then(|| Self(text.to_owned()))
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_word_is_taken_where_it_is_a_name() {
        let uuid = "6a1a3c0e-7f1b-4f55-9d0e-0b7a3b0f2d11";
        assert_eq!(RequestId::given(uuid).unwrap().as_str(), uuid);
        for text in ["", "a b", "a\nb", "\"", "{}", "ä", &"x".repeat(LONGEST + 1)] {
            assert_eq!(RequestId::given(text), None, "{text}");
        }
        let ours = RequestId::new();
        assert_eq!(RequestId::given(ours.as_str()).as_ref(), Some(&ours));
        assert_ne!(ours, RequestId::new());
    }
}
