//! A model as the cache knows it: its files by digest.
//!
//! Pure, but for JSON. Two models with the same files are one.

use serde::{Deserialize, Serialize};

use crate::location::digest;

/// A model's files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Where it is from, for people.
    pub(crate) location: String,
    /// The archive that the files are out of, where they are.
    pub(crate) archive: Option<ManifestFile>,
    /// In the order of their paths.
    pub(crate) files: Vec<ManifestFile>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestFile {
    /// Below the model's folder.
    pub(crate) path: String,
    /// In hexadecimal: the blob's name.
    pub(crate) sha256: String,
    /// In bytes.
    pub(crate) size: u64,
    /// What the server calls this version of it.
    pub(crate) tag: Option<String>,
}

// === impl ManifestFile ===

impl ManifestFile {
    /// One that is only known to be there.
    pub(crate) fn listed(path: String) -> Self {
        Self { path, sha256: String::new(), size: 0, tag: None }
    }
}

// === impl Manifest ===

impl Manifest {
    /// The name of the model's folder in the cache: the same files have the same.
    pub(crate) fn id(&self) -> String {
        let mut lines: Vec<String> =
            self.files.iter().map(|file| format!("{} {} {}\n", file.sha256, file.size, file.path)).collect();
        lines.sort();
        digest(lines.concat().as_bytes())
    }

    /// All files together, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.path == path)
    }

    /// What there is on the top level, for people: folders with a slash.
    pub(crate) fn top(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .files
            .iter()
            .map(|file| match file.path.split_once('/') {
                Some((folder, _)) => format!("{folder}/"),
                None => file.path.clone(),
            })
            .collect();
        names.dedup();
        names.truncate(10);
        names
    }
}
