//! A fresh token, and the entry that a file of keys knows it by.
//!
//! Called by `cli::token`. The token is in no file and no log: whoever loses it makes another one.

use std::fmt::Write as _;

use crate::access::keys;
use crate::access::rate::Rate;

/// What tokens begin with, so that a search for leaked secrets finds them.
pub const PREFIX: &str = "mlhost_";

/// The shortest token that is taken from somebody else: it is hashed once, so that a short one could be guessed from its
/// digest.
pub const LEAST_LENGTH: usize = 24;

/// What an entry says besides the token.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Whose key it is.
    pub name: String,
    /// The models that it may use; all without any.
    pub models: Vec<String>,
    /// Whether it may change what is served.
    pub admin: bool,
    /// How often it may ask.
    pub rate: Option<Rate>,
    /// From when on it is good for nothing.
    pub expires: Option<jiff::Timestamp>,
}

/// 256 random bits.
///
/// # Errors
///
/// Where the system has none to give.
pub fn fresh() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{PREFIX}{}", hex(&bytes)))
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

// === impl Entry ===

impl Entry {
    /// The TOML that a file of keys knows `token` by.
    #[must_use]
    pub fn toml(&self, token: &str) -> String {
        // What JSON escapes in a text, TOML reads as the same.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut text = format!(
            "[[key]]\nname = {}\nsha256 = \"{}\"\n",
            quoted(&self.name),
            hex(&keys::digest(token.as_bytes()))
        );
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        if !self.models.is_empty() {
            let models: Vec<String> = self.models.iter().map(|model| quoted(model)).collect();
            line(format!("models = [{}]", models.join(", ")));
        }
        if self.admin {
            line("admin = true".to_owned());
        }
        if let Some(rate) = self.rate {
            line(format!("rate = \"{rate}\""));
        }
        if let Some(expires) = self.expires {
            line(format!("expires = {expires}"));
        }
        text
    }
}
