//! Downloaded models on disk: blobs by their SHA-256, models as folders of links to blobs.
//!
//! ```text
//! blobs/ab/abcd…       a file's bytes, read-only, under their digest
//! folders/ID/NAME/…    a model: hard links to blobs, or copies where the file system has no links
//! locations/KEY.json   what a location had when it was last downloaded
//! pins/KEY.json        what a model URI that means one thing forever meant
//! partial/KEY.*        what has arrived of a file, and of which version
//! locks/KEY            held while a location is downloaded
//! ```
//!
//! A folder, blob or JSON appears in one rename after its bytes are on disk: a process that is killed at any point leaves
//! nothing that is taken for whole. Nothing is handed out whose digest was not looked at.

mod folder;
mod partial;

use std::fs::{self, File, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::error::RegistryError;
use crate::location::{digest, hexadecimal};
use crate::manifest::{Manifest, ManifestFile};

pub(crate) use partial::Partial;

/// How often to look whether another process is done.
const LOOK: Duration = Duration::from_millis(100);
/// A partial download that nobody went on with, and what a killed process left half made.
const STALE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

/// Held while a location is downloaded; the operating system lets go of it when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

// === impl Cache ===

impl Cache {
    /// Opens or makes it, for this user alone.
    pub(crate) fn open(root: &Path) -> Result<Self, RegistryError> {
        use std::os::unix::fs::DirBuilderExt as _;
        for name in ["blobs", "folders", "locations", "pins", "partial", "locks", "staging"] {
            let folder = root.join(name);
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(&folder).map_err(RegistryError::file(&folder))?;
        }
        let cache = Self { root: root.to_owned() };
        cache.sweep();
        Ok(cache)
    }

    /// Removes what was begun long ago and never ended. What cannot be removed is only disk space.
    fn sweep(&self) {
        for name in ["partial", "staging"] {
            let Ok(entries) = fs::read_dir(self.root.join(name)) else { continue };
            for entry in entries.filter_map(Result::ok) {
                let age = entry.metadata().and_then(|metadata| metadata.modified()).ok();
                let age = age.and_then(|modified| SystemTime::now().duration_since(modified).ok());
                if age.is_some_and(|age| age > STALE) {
                    let path = entry.path();
                    let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                }
            }
        }
    }

    /// Where the blob is, or would be.
    pub(crate) fn blob(&self, sha256: &str) -> PathBuf {
        let start = sha256.get(..2).unwrap_or("00");
        self.root.join("blobs").join(start).join(sha256)
    }

    fn json(&self, kind: &str, key: &str) -> PathBuf {
        self.root.join(kind).join(format!("{key}.json"))
    }

    /// Waits until no other process downloads the location `key`.
    pub(crate) async fn lock(&self, key: &str) -> Result<Lock, RegistryError> {
        let path = self.root.join("locks").join(key);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(RegistryError::file(&path))?;
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => {
                    if !said {
                        tracing::info!("another mlhost downloads this model: waiting for it");
                        said = true;
                    }
                    tokio::time::sleep(LOOK).await;
                }
                Err(TryLockError::Error(source)) => return Err(RegistryError::File { path, source }),
            }
        }
    }

    /// What the location `key` had when it was last downloaded.
    pub(crate) fn manifest(&self, key: &str) -> Option<Manifest> {
        self.recall("locations", key)
    }

    /// A JSON that was kept; none where there is none, or nothing that can be read.
    pub(crate) fn recall<T: DeserializeOwned>(&self, kind: &str, key: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.json(kind, key)).ok()?).ok()
    }

    /// Keeps a JSON, whole or not at all.
    pub(crate) fn remember<T: Serialize>(
        &self,
        kind: &str,
        key: &str,
        value: &T,
    ) -> Result<(), RegistryError> {
        let path = self.json(kind, key);
        let bytes = serde_json::to_vec_pretty(value)
            .map_err(|error| RegistryError::File { path: path.clone(), source: error.into() })?;
        let staged = self.staged()?;
        fs::write(staged.path(), bytes).map_err(RegistryError::file(staged.path()))?;
        staged.as_file().sync_all().map_err(RegistryError::file(staged.path()))?;
        staged
            .persist(&path)
            .map_err(|error| RegistryError::File { path: path.clone(), source: error.error })?;
        sync(path.parent().unwrap_or(&self.root))
    }

    /// A file that is gone unless it is renamed.
    pub(crate) fn staged(&self) -> Result<tempfile::NamedTempFile, RegistryError> {
        let folder = self.root.join("staging");
        tempfile::NamedTempFile::new_in(&folder).map_err(RegistryError::file(&folder))
    }

    /// What has arrived of the file `path` of the location `key`. The location's [`Lock`] is held.
    pub(crate) fn partial(&self, key: &str, path: &str) -> Result<Partial, RegistryError> {
        Partial::open(&self.root.join("partial"), &digest(format!("{key}/{path}").as_bytes()))
    }

    /// Whether the blob is there and is what it is called. One that is not is removed.
    pub(crate) fn has(&self, file: &ManifestFile) -> bool {
        let blob = self.blob(&file.sha256);
        if is_whole(&blob, file) {
            return true;
        }
        if blob.exists() {
            tracing::warn!(path = %blob.display(), "a file of the cache was changed: it is fetched again");
            let _ = fs::remove_file(&blob);
        }
        false
    }

    /// Makes a complete download a blob.
    pub(crate) fn adopt(&self, partial: &mut Partial, sha256: &str) -> Result<(), RegistryError> {
        partial.sync()?;
        self.place(partial.path(), sha256)?;
        partial.discard()
    }

    /// Renames a file, whose bytes are on disk, to the blob of its digest.
    pub(crate) fn place(&self, file: &Path, sha256: &str) -> Result<(), RegistryError> {
        use std::os::unix::fs::PermissionsExt as _;
        let blob = self.blob(sha256);
        let folder = blob.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(RegistryError::file(folder))?;
        let read_only = fs::Permissions::from_mode(0o400);
        fs::set_permissions(file, read_only).map_err(RegistryError::file(file))?;
        fs::rename(file, &blob).map_err(RegistryError::file(&blob))?;
        sync(folder)
    }
}

/// Whether the file has the size and the digest that the manifest says.
fn is_whole(path: &Path, expected: &ManifestFile) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    metadata.is_file()
        && metadata.len() == expected.size
        && sha256(path).is_ok_and(|found| found == expected.sha256)
}

/// A file's SHA-256 in hexadecimal.
fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hexadecimal(&digest.finalize()));
        }
        digest.update(&buffer[..read]);
    }
}

/// Has the names in a folder written to disk.
fn sync(folder: &Path) -> Result<(), RegistryError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(RegistryError::file(folder))
}

#[cfg(test)]
mod tests;
