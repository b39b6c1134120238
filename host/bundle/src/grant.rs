//! What a component may reach outside its sandbox: asked for by the bundle, allowed by the operator.
//!
//! `host` reads the operator's `--allow` with the same [`Grant`] and gives `sandbox` what [`granted`] returns.
//! Neither side alone is enough, and nothing here opens a file or reads the environment.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::error::{BundleError, is_hidden};

/// One thing beyond the sandbox. Written `env:TZ`, `read:/usr/share/zoneinfo`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub enum Grant {
    /// One environment variable of the host, by name.
    Environment(String),
    /// One directory of the host, absolute, for reading.
    Read(PathBuf),
}

const RULE: &str =
    "write `env:NAME` for an environment variable or `read:/DIRECTORY` for reading a directory";

/// What the bundle asks for, once the operator allows all of it.
///
/// Grants are compared as they are written: `read:/usr` does not allow `read:/usr/share`, so that what an operator
/// reads in the bundle is exactly what they repeat. What is allowed and not asked for is not given.
///
/// # Errors
///
/// [`BundleError::NotAllowed`] with everything that is missing, so that one look suffices.
pub fn granted(asked: &[Grant], allowed: &[Grant]) -> Result<Vec<Grant>, BundleError> {
    let mut given = asked.to_vec();
    given.sort();
    given.dedup();
    let missing: Vec<String> =
        given.iter().filter(|grant| !allowed.contains(grant)).map(ToString::to_string).collect();
    if missing.is_empty() { Ok(given) } else { Err(BundleError::NotAllowed { missing }) }
}

// === impl Grant ===

impl Grant {
    const KINDS: [&'static str; 2] = ["env", "read"];

    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "env" if is_variable(rest) => Some(Self::Environment(rest.to_owned())),
            "read" => absolute(rest).map(Self::Read),
            _ => None,
        }
    }

    /// The same with the nearest kind there is.
    fn meant(text: &str) -> Option<String> {
        let (kind, rest) = text.split_once(':')?;
        let near = Self::KINDS
            .into_iter()
            .map(|known| (strsim::damerau_levenshtein(known, &kind.to_ascii_lowercase()), known))
            .filter(|(distance, _)| *distance <= 1)
            .min()?;
        Some(format!("{}:{rest}", near.1)).filter(|word| Self::parse(word).is_some())
    }
}

/// A name as POSIX has them. Excludes `*` and `=`, which would look like something they are not.
fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// An absolute path in one spelling, without `..`, so that equal grants are equal texts.
fn absolute(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    // The operator reads a bundle's grant on a terminal before repeating it.
    let printable = !text.chars().any(is_hidden);
    (path.is_absolute() && plain && printable).then(|| path.components().collect())
}

impl FromStr for Grant {
    type Err = BundleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or_else(|| BundleError::Word {
            kind: "grant",
            text: text.to_owned(),
            rule: RULE,
            suggestion: Self::meant(text),
        })
    }
}

impl TryFrom<String> for Grant {
    type Error = BundleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::Read(path) => write!(f, "read:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(texts: &[&str]) -> Vec<Grant> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_grant_is_written_as_it_was_read() {
        for text in ["env:TZ", "env:_X9", "read:/", "read:/usr/share/zoneinfo", "read:/a b"] {
            assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
        }
        assert_eq!("read:/usr//share/./x/".parse::<Grant>().unwrap(), Grant::Read("/usr/share/x".into()));
    }

    #[test]
    fn anything_else_is_refused_with_the_known_kinds() {
        for text in [
            "",
            "env",
            "env:",
            "env:*",
            "env:A=B",
            "env:9",
            "net:x:80",
            "read:",
            "read:etc",
            "read:/a/../b",
            "read:/a\u{1b}[2J",
            "read:/a\u{202e}b",
            "Env:TZ",
        ] {
            let message = text.parse::<Grant>().unwrap_err().to_string();
            assert!(
                message.contains("`env:NAME`") && message.contains("`read:/DIRECTORY`"),
                "{text}: {message}"
            );
            assert!(!message.contains('\u{1b}'), "{text}");
        }
        for text in ["Env:TZ", "evn:TZ"] {
            assert!(text.parse::<Grant>().unwrap_err().to_string().contains("did you mean `env:TZ`"));
        }
    }

    #[test]
    fn what_both_name_is_given_and_nothing_more() {
        for (asked, allowed, given) in [
            (&[][..], &["env:TZ"][..], &[][..]),
            (&["env:TZ"], &["read:/a", "env:TZ"], &["env:TZ"]),
            (&["read:/a", "env:TZ", "env:TZ"], &["env:TZ", "read:/a"], &["env:TZ", "read:/a"]),
        ] {
            assert_eq!(granted(&grants(asked), &grants(allowed)).unwrap(), grants(given));
        }
    }

    #[test]
    fn what_the_operator_does_not_allow_is_named_with_its_flag() {
        let asked = grants(&["env:TZ", "read:/usr/share", "read:/a b"]);
        let refusal = granted(&asked, &grants(&["read:/usr"])).unwrap_err();
        assert!(refusal.to_string().contains("`env:TZ`"), "{refusal}");
        let hint = refusal.hint().unwrap();
        assert!(hint.contains("`--allow env:TZ --allow 'read:/a b' --allow read:/usr/share`"), "{hint}");
    }
}
