//! Media types as a bundle's `accepts` writes them: `image/png`, `text/*`.
//!
//! Called while MLmodel is read. Lower case, because RFC 9110 section 8.3.1 makes them case-insensitive and the
//! dialects compare texts.

use serde::Deserialize;

use crate::BundleError;

/// A media type or the range of all subtypes of one type.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct MediaType(pub(crate) String);

const RULE: &str = "write `type/subtype` or `type/*` without parameters, such as `application/octet-stream`";

// === impl MediaType ===

impl TryFrom<String> for MediaType {
    type Error = BundleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let lower = text.to_ascii_lowercase();
        let valid = lower.split_once('/').is_some_and(|(kind, subtype)| {
            is_token(kind) && kind != "*" && is_token(subtype) && (subtype == "*" || !subtype.contains('*'))
        });
        if valid {
            return Ok(Self(lower));
        }
        let bare = lower.split(';').next().map(str::trim).filter(|bare| *bare != lower).map(str::to_owned);
        Err(BundleError::Word {
            kind: "media type",
            suggestion: bare.and_then(|bare| Self::try_from(bare).ok()).map(|found| found.0),
            text,
            rule: RULE,
        })
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_ranges_come_out_in_lower_case() {
        for (text, expected) in [
            ("Image/PNG", "image/png"),
            ("text/*", "text/*"),
            ("application/vnd.a+json", "application/vnd.a+json"),
        ] {
            assert_eq!(MediaType::try_from(text.to_owned()).unwrap().0, expected);
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_rule() {
        for text in ["", "text", "text/", "/x", "*/*", "*", "a/b/c", "te xt/x", "text/é", "text/pl*"] {
            let message = MediaType::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(message.contains("is no media type: write `type/subtype`"), "{text}: {message}");
        }
        let message = MediaType::try_from("Text/Plain; charset=utf-8".to_owned()).unwrap_err().to_string();
        assert!(message.ends_with("(did you mean `text/plain`?)"), "{message}");
    }
}
