//! Samples as JSON lines: a file that is begun anew when it has what it may have.
//!
//! Used by `samples.rs` alone. The file is bounded: half of what the log may have, and then it becomes the one before, in
//! whose place the next begins. It is for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::{Outcome, Sample, json};

/// The file, at its end.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

// === impl Journal ===

impl Journal {
    /// Opens the file and goes on at its end; it never has more than `max_bytes`, nor has the one before it.
    pub(super) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, max_bytes })
    }

    /// Writes it down at once.
    pub(super) fn take(&mut self, sample: Sample) -> Outcome {
        match self.append(&json::line(sample)) {
            Ok(true) => Outcome::written(1),
            Ok(false) => Outcome::dropped(1),
            Err(error) => Outcome::failed(1, error),
        }
    }

    /// Appends a line; answers whether there can be room for it at all.
    fn append(&mut self, line: &[u8]) -> io::Result<bool> {
        let bytes = line.len() as u64;
        if bytes > self.max_bytes {
            return Ok(false);
        }
        if self.bytes + bytes > self.max_bytes {
            let mut before = self.path.clone().into_os_string();
            before.push(".1");
            fs::rename(&self.path, before)?;
            *self = Self::open(&self.path, self.max_bytes)?;
        }
        // What was written of a line when the disk was full stays: readers skip what is no JSON.
        let written = self.file.write_all(line);
        self.bytes = self.file.metadata().map_or(self.bytes + bytes, |metadata| metadata.len());
        written.map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn both_files_together_never_have_more_than_they_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let mut journal = Journal::open(&path, 50).unwrap();
        for number in 0..100 {
            assert!(journal.append(format!("{{\"number\":{number:03}}}\n").as_bytes()).unwrap());
        }
        assert!(!journal.append(&[b'x'; 51]).unwrap());
        let before = fs::read_to_string(folder.path().join("samples.jsonl.1")).unwrap();
        let now = fs::read_to_string(&path).unwrap();
        assert!(before.len() <= 50 && now.len() <= 50, "{before}{now}");
        assert!(now.ends_with("{\"number\":099}\n") && !before.is_empty(), "{before}{now}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // Another start goes on where the file ends.
        drop(journal);
        let length = now.len() as u64;
        assert_eq!(Journal::open(&path, 50).unwrap().bytes, length);
    }
}
