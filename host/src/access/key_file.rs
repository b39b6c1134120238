//! The file of the keys: TOML, one `[[key]]` for each.
//!
//! Read by `access` at the start and whenever it changes. Strict, because a misspelt `models` would let a key use every
//! model. Messages name keys and lines and never a digest.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use crate::access::keys::{Key, Keys, TokenDigest};
use crate::access::pattern::Pattern;
use crate::access::rate::{Limit, Rate};
use crate::config::in_one_line;

/// Every request is compared with every key.
pub const MOST_KEYS: usize = 4096;

/// More than [`MOST_KEYS`] keys with long lists of models take.
const MOST_BYTES: u64 = 4 << 20;

/// A file of keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read the keys in `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what a file of keys looks like.
    #[error(
        "`{}` is no file of keys: {problem}\nhint: `mlhost token new NAME >> FILE` makes a key and writes its entry",
        path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    sha256: String,
    models: Option<Vec<String>>,
    #[serde(default)]
    admin: bool,
    rate: Option<String>,
    expires: Option<toml::value::Datetime>,
}

/// Reads the keys of a file.
///
/// # Errors
///
/// What is wrong with it.
pub fn read(path: &Path) -> Result<Keys, KeyFileError> {
    let failed = |source| KeyFileError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.permissions().mode() & 0o022 != 0 {
        tracing::warn!(
            file = %path.display(),
            "others than its owner can write to the file of the keys\nhint: `chmod go-w` it"
        );
    }
    let mut text = String::new();
    let read = file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    let keys = if read as u64 > MOST_BYTES {
        Err(format!("it is larger than {} MiB", MOST_BYTES >> 20))
    } else {
        parse(&text)
    };
    keys.map_err(|problem| KeyFileError::Form { path: path.to_owned(), problem })
}

/// The keys that `text` lists, or what is wrong with it.
fn parse(text: &str) -> Result<Keys, String> {
    let document: Document = toml::from_str(text).map_err(|error| in_one_line(text, &error))?;
    if document.key.is_empty() {
        return Err("it has no key, so that nobody could ask for anything".to_owned());
    }
    if document.key.len() > MOST_KEYS {
        return Err(format!("it has {} keys; {MOST_KEYS} are the most", document.key.len()));
    }
    let (mut names, mut digests) = (HashSet::new(), HashSet::new());
    let mut keys = Vec::with_capacity(document.key.len());
    for entry in document.key {
        let name = entry.name.clone();
        let key = entry.read().map_err(|problem| format!("key `{name}`: {problem}"))?;
        if !names.insert(key.name.clone()) {
            return Err(format!("there are two keys named `{name}`"));
        }
        if !digests.insert(key.digest) {
            return Err(format!("key `{name}` has the token of another one"));
        }
        keys.push(key);
    }
    Ok(Keys::new(keys))
}

// === impl Entry ===

impl Entry {
    fn read(self) -> Result<Key, String> {
        if self.name.is_empty() || self.name.chars().any(char::is_control) {
            return Err("its name is empty or no text of one line".to_owned());
        }
        let digest = parse_digest(&self.sha256)
            .ok_or("`sha256` is to be 64 hexadecimal digits, the SHA-256 of the token")?;
        let limit = match &self.rate {
            Some(rate) => {
                Limit::new(rate.parse::<Rate>().map_err(|rule| format!("`rate = \"{rate}\"`: {rule}"))?)
            }
            None => Limit::default(),
        };
        let expires =
            match &self.expires {
                Some(time) => Some(time.to_string().parse::<Timestamp>().map_err(|_| {
                    format!("`expires = {time}` is no moment; write it as 2030-01-31T00:00:00Z")
                })?),
                None => None,
            };
        if self.models.as_ref().is_some_and(Vec::is_empty) {
            return Err("`models` is empty; leave it out for all models".to_owned());
        }
        let models = self.models.map(|models| models.into_iter().map(Pattern::new).collect());
        Ok(Key { name: self.name, digest, models, admin: self.admin, limit, expires })
    }
}

fn parse_digest(text: &str) -> Option<TokenDigest> {
    let mut digest = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 2 * digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::keys;
    use crate::access::token;

    const DIGEST: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn an_entry_that_was_made_is_read_as_it_was_meant() {
        let token = token::fresh().unwrap();
        let entry = token::Entry {
            name: "team \"a\"\\".to_owned(),
            models: vec!["iris".to_owned(), "fraud-*".to_owned()],
            admin: true,
            rate: Some("5/m".parse().unwrap()),
            expires: Some("2030-01-31T00:00:00Z".parse().unwrap()),
        };
        let keys = parse(&entry.toml(&token)).unwrap();
        let key = keys.find(token.as_bytes()).unwrap();
        assert_eq!((key.name.as_str(), key.admin, key.expires), ("team \"a\"\\", true, entry.expires));
        assert!(key.may_use("iris") && key.may_use("fraud-1") && !key.may_use("other"));
        assert!(keys.find(b"something else").is_none());
        assert_eq!(parse_digest(&token::hex(&keys::digest(b"secret"))), Some(keys::digest(b"secret")));
    }

    #[test]
    fn what_is_no_file_of_keys_is_refused_and_no_digest_is_shown() {
        let with = |rest: &str| format!("[[key]]\nname = \"a\"\nsha256 = \"{DIGEST}\"\n{rest}");
        let table = [
            (String::new(), "no key"),
            ("not toml".to_owned(), "line 1"),
            (with("modles = [\"iris\"]"), "modles"),
            (with("models = []"), "leave it out"),
            (with("rate = \"5\""), "`rate = \"5\"`"),
            (with("expires = 2030-01-31"), "2030-01-31T00:00:00Z"),
            (with(&with("")), "two keys named `a`"),
            (with(&with("").replace("\"a\"", "\"b\"")), "the token of another one"),
            (with("").replace("2bb80d", ""), "64 hexadecimal digits"),
            (with("").replace("2bb80d", "2bb80g"), "64 hexadecimal digits"),
            (with("").replace("\"a\"", "\"\""), "its name"),
            (with("").replace("[[key]]", "[[keys]]"), "keys"),
            (format!("[[key]]\nname = \"a\"\nsha256 = {DIGEST}\n"), "line 3"),
        ];
        for (text, expected) in table {
            let problem = parse(&text).unwrap_err();
            assert!(problem.contains(expected), "{text}\n{problem}");
            assert!(!problem.contains("a855686b"), "a digest is shown: {problem}");
        }
    }
}
