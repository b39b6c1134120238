//! What files look like now: something that changes when any of them does.
//!
//! Asked by `cli::origin` and `repository`, which look again and again: reads names, sizes and times of change, never a file's
//! content.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use std::{fs, io};

/// Files that are looked at; a model has fewer, and looking at more every second would be felt.
const MOST_FILES: usize = 10_000;

/// How some files looked at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    hash: u64,
    /// What the files have, all together.
    pub bytes: u64,
}

/// A look that is under way.
struct Look {
    hasher: DefaultHasher,
    files: usize,
    bytes: u64,
}

// === impl Stamp ===

impl Stamp {
    /// What changes when any of these files does, or any in these directories. What cannot be looked at is as good as not
    /// there: whoever reads it says why.
    #[must_use]
    pub fn of(roots: &[PathBuf]) -> Self {
        let mut look = Look { hasher: DefaultHasher::new(), files: 0, bytes: 0 };
        for root in roots {
            let outcome = look.add(root);
            outcome.err().map(|error| error.kind()).hash(&mut look.hasher);
        }
        Self { hash: look.hasher.finish(), bytes: look.bytes }
    }
}

// === impl Look ===

impl Look {
    fn add(&mut self, path: &Path) -> io::Result<()> {
        self.files += 1;
        if self.files > MOST_FILES {
            return Ok(());
        }
        path.hash(&mut self.hasher);
        // A link's target: what a deployment changes is often just where a link points.
        path.canonicalize()?.hash(&mut self.hasher);
        let metadata = fs::metadata(path)?;
        if !metadata.is_dir() {
            self.bytes = self.bytes.saturating_add(metadata.len());
            metadata.len().hash(&mut self.hasher);
            metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().hash(&mut self.hasher);
            return Ok(());
        }
        let mut entries =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        entries.iter().try_for_each(|entry| self.add(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_any_file_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("model");
        fs::create_dir(&root).unwrap();
        let file = root.join("MLmodel");
        fs::write(&file, "a").unwrap();
        let now = || Stamp::of(std::slice::from_ref(&root));
        let first = now();
        assert_eq!((now(), first.bytes), (first, 1));
        fs::write(&file, "ab").unwrap();
        let second = now();
        assert_ne!(second, first);
        fs::write(root.join("more"), "").unwrap();
        assert_ne!(now(), second);
        assert_ne!(Stamp::of(&[root.join("none")]), Stamp::of(&[root.join("more")]));
    }
}
