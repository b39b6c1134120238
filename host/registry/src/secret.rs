//! What must not be seen: passwords, tokens, and the parts of an address that may hold them.
//!
//! Used by every module here. Nothing in here can be printed but what is safe: `Debug` and `Display` leave the rest out.

use std::fmt;

use url::Url;

/// A password, a token or a key. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A URL whose user, password, query and fragment are never printed: a presigned URL's signature is in its query.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

// === impl Secret ===

impl Secret {
    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

// === impl Address ===

impl Address {
    /// The URL itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl From<Url> for Address {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // Of a URL that can have none there is nothing to remove, and it says so.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.set_query(None);
        shown.set_fragment(None);
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// A text from outside, such that it can neither forge a line of the log nor fill it.
pub(crate) fn printable(text: &str) -> String {
    const MOST: usize = 300;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_ever_printed() {
        let secret = Secret::from("hunter2".to_owned());
        let url = Url::parse("https://me:hunter2@host:8443/a/b.zip?sig=hunter2#hunter2").unwrap();
        let address = Address::from(url);
        for shown in [format!("{secret:?}"), format!("{address:?}"), address.to_string()] {
            assert!(!shown.contains("hunter2") && !shown.contains("me:"), "{shown}");
        }
        assert_eq!(address.to_string(), "https://host:8443/a/b.zip");
    }

    #[test]
    fn a_text_from_outside_is_one_short_line() {
        assert_eq!(printable("a\nb"), "a\\nb");
        assert!(printable(&"x".repeat(10_000)).chars().count() < 400);
    }
}
