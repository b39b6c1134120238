//! Which names from outside may become files: of a server's listing, and of an archive.
//!
//! Used by the sources and by `archive`. A name that passes stays below the folder it is written to, and is one line.

use crate::error::RegistryError;
use crate::secret::printable;
use crate::settings::Bounds;

/// No folder of a model is this deep.
pub(crate) const DEEPEST: usize = 32;
/// Linux's own bound on one part of a path, in bytes.
const LONGEST_PART: usize = 255;
/// Linux's own bound on a path is 4096 bytes, the folder's path included.
const LONGEST: usize = 2048;

/// Checks a path of parts with `/` between them.
///
/// # Errors
///
/// [`RegistryError::Name`] says what is wrong with it.
pub(crate) fn check(location: &str, path: &str) -> Result<(), RegistryError> {
    let problem = if path.is_empty() {
        "is empty"
    } else if path.chars().any(char::is_control) {
        "has a control character"
    } else if path.contains('\\') {
        "has a backslash"
    } else if path.starts_with('/') {
        "is absolute"
    } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        "leads elsewhere"
    } else if path.len() > LONGEST || path.split('/').any(|part| part.len() > LONGEST_PART) {
        "is too long"
    } else if path.split('/').count() > DEEPEST {
        "is too deep"
    } else {
        return Ok(());
    };
    Err(RegistryError::Name { location: location.to_owned(), name: printable(path), problem })
}

/// What has been taken of the bounds.
pub(crate) struct Taken<'a> {
    location: &'a str,
    bounds: Bounds,
    bytes: u64,
    files: usize,
}

// === impl Taken ===

impl<'a> Taken<'a> {
    pub(crate) fn new(location: &'a str, bounds: Bounds) -> Self {
        Self { location, bounds, bytes: 0, files: 0 }
    }

    /// One more file or folder.
    pub(crate) fn file(&mut self) -> Result<(), RegistryError> {
        self.files += 1;
        if self.files <= self.bounds.files {
            return Ok(());
        }
        Err(RegistryError::TooMuch {
            location: self.location.to_owned(),
            what: "more files",
            bound: self.bounds.files as u64,
        })
    }

    /// So many more bytes.
    pub(crate) fn bytes(&mut self, bytes: u64) -> Result<(), RegistryError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.bounds.bytes {
            return Ok(());
        }
        Err(RegistryError::TooMuch {
            location: self.location.to_owned(),
            what: "more bytes",
            bound: self.bounds.bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_or_forges_a_line_is_refused() {
        for name in ["MLmodel", "data/model.onnx", "a b/ä", "..x/..."] {
            assert!(check("here", name).is_ok(), "{name}");
        }
        let deep = vec!["a"; 40].join("/");
        let long = "a".repeat(300);
        for name in
            ["", "/etc/passwd", "..", "a/../b", "./a", "a//b", "a/", "a\nb", "a\\b", "a\0", &deep, &long]
        {
            assert!(matches!(check("here", name), Err(RegistryError::Name { .. })), "{name:?}");
        }
    }
}
