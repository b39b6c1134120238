//! The model directory: every path that MLmodel names is looked up here, every file is read through here.
//!
//! Called by `bundle`. Never follows a path or a link out of the directory, never opens anything but a regular
//! file (a pipe would block the start for ever), never reads more than it was told to.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use crate::error::{BundleError, printable};

/// An existing directory, without links in its path.
pub(crate) struct ModelDirectory {
    root: PathBuf,
}

// === impl ModelDirectory ===

impl ModelDirectory {
    pub(crate) fn open(path: &Path) -> Result<Self, BundleError> {
        let root =
            path.canonicalize().map_err(|source| BundleError::Directory { path: path.to_owned(), source })?;
        if root.is_dir() {
            Ok(Self { root })
        } else {
            Err(BundleError::NotADirectory { path: path.to_owned() })
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The regular file that `relative` names, without links in its path.
    ///
    /// `what` is how messages call it.
    pub(crate) fn file(&self, what: &str, relative: &str) -> Result<PathBuf, BundleError> {
        let wrong = |problem| BundleError::Path { what: what.to_owned(), path: relative.to_owned(), problem };
        if relative.is_empty() {
            return Err(wrong("is empty"));
        }
        for part in Path::new(relative).components() {
            match part {
                Component::Normal(_) | Component::CurDir => {}
                Component::ParentDir => return Err(wrong("has `..` in it")),
                Component::RootDir | Component::Prefix(_) => return Err(wrong("is absolute")),
            }
        }
        let path = self.root.join(relative);
        let path = path.canonicalize().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => BundleError::Missing {
                what: what.to_owned(),
                path: relative.to_owned(),
                directory: self.root.clone(),
            },
            _ => BundleError::Unreadable { path, source },
        })?;
        if !path.starts_with(&self.root) {
            return Err(wrong("is a link that leads out of the model directory"));
        }
        if path.is_file() { Ok(path) } else { Err(wrong("is not a file")) }
    }
}

/// The whole of `path`, unless it has more than `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, BundleError> {
    let unreadable = |source| BundleError::Unreadable { path: path.to_owned(), source };
    size(path, limit)?;
    let mut content = Vec::new();
    // One byte more than allowed: a file that grew since it was measured is noticed and not cut short.
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(unreadable)?;
    let bytes = content.len() as u64;
    if bytes > limit { Err(too_large(path, bytes, limit)) } else { Ok(content) }
}

/// How many bytes `path` has, unless more than `limit`.
pub(crate) fn size(path: &Path, limit: u64) -> Result<u64, BundleError> {
    let unreadable = |source| BundleError::Unreadable { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > limit { Err(too_large(path, bytes, limit)) } else { Ok(bytes) }
}

fn too_large(path: &Path, bytes: u64, limit: u64) -> BundleError {
    let what = format!("the file `{}`", printable(&path.to_string_lossy()));
    BundleError::TooLarge { what, bytes, limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, b"1234").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"1234");
        assert!(matches!(read(&path, 3), Err(BundleError::TooLarge { bytes: 4, limit: 3, .. })));
    }
}
