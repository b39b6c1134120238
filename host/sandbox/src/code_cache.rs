//! Compiled code on disk: a private folder whose entries are authenticated before anything is done with them.
//!
//! `code.rs` asks here before it compiles and hands over what it compiled; `precompile.rs` fills a folder for another
//! machine. wasmtime runs whatever code it is given, so a flipped byte in a file would be run, too. That is why every
//! entry ends with a MAC under a key that only this folder's owner can read, and why [`Verified`] bytes are the only ones
//! that [`Verified::deserialize`] takes. Must never hand out bytes whose MAC it has not checked.
//!
//! A file is read once, checked, and copied to where it is run. Mapping it instead would save the copy, but wasmtime's
//! `Component` opens files only by path, and what is mapped can still be changed after it was checked.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use wasmtime::component::Component;

use crate::error::SandboxError;

mod entry;
mod folder;
mod space;

pub(crate) use entry::{Digest, EntryName, Kind};
use entry::{Key, MAC_BYTES};

/// The largest entry: several times the code of a component of the largest size that a bundle may have.
const ENTRY_BYTES: u64 = 1 << 30;

/// A folder of compiled code that is safe to use.
pub(crate) struct CodeCache {
    folder: PathBuf,
    key: Key,
    /// Whether a failure to write was logged: one line says it for all.
    said: AtomicBool,
}

/// Code that this cache's owner wrote, bit for bit.
pub(crate) struct Verified(Vec<u8>);

// === impl CodeCache ===

impl CodeCache {
    /// Makes the folder where it is not there yet, and its key.
    ///
    /// # Errors
    ///
    /// [`SandboxError::CodeCache`] where the folder or its key is not ours alone, or cannot be made.
    pub(crate) fn open(folder: &Path) -> Result<Self, SandboxError> {
        let unusable = |reason| SandboxError::CodeCache { folder: folder.to_owned(), reason };
        folder::own(folder).map_err(unusable)?;
        let key = folder::key(folder).map_err(unusable)?;
        Ok(Self { folder: folder.to_owned(), key, said: AtomicBool::new(false) })
    }

    /// The entry's code. `None` where there is no entry, or one that is refused: that is logged, and the entry removed.
    pub(crate) fn load(&self, name: &EntryName) -> Option<Verified> {
        let path = self.path(name);
        match self.read(name, &path) {
            Ok(found) => found,
            Err(reason) => {
                let file = path.display();
                tracing::warn!(%file, reason, "an entry of the code cache is refused and compiled again");
                // Whatever it is, it must not be met again; where it cannot be removed, it is refused again.
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    fn read(&self, name: &EntryName, path: &Path) -> Result<Option<Verified>, String> {
        let text = |error: io::Error| error.to_string();
        let file = match OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(text(error)),
        };
        let about = file.metadata().map_err(text)?;
        if !about.is_file() || about.len() > ENTRY_BYTES {
            return Err(format!("it is no file of at most {ENTRY_BYTES} bytes"));
        }
        // In one read. Should the file grow meanwhile, the MAC finds out.
        let mut bytes = vec![0; usize::try_from(about.len()).unwrap_or_default()];
        (&file).read_exact(&mut bytes).map_err(text)?;
        let Some(length) = bytes.len().checked_sub(MAC_BYTES) else {
            return Err("it is cut short".to_owned());
        };
        let mac = bytes.split_off(length);
        if !self.key.is_mac(name, &bytes, &mac) {
            return Err("it is not what was written under this folder's key".to_owned());
        }
        // What is used last is dropped last; a folder that cannot be written to is not made room in either.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some(Verified(bytes)))
    }

    /// Keeps the code, or logs once why that cannot be done.
    pub(crate) fn keep(&self, name: &EntryName, code: &[u8]) {
        if let Err(error) = self.store(name, code)
            && !self.said.swap(true, Ordering::Relaxed)
        {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "the code cache cannot be written to; the next start compiles again");
        }
    }

    /// Writes the entry, whole or not at all, and makes room for it.
    pub(crate) fn store(&self, name: &EntryName, code: &[u8]) -> io::Result<PathBuf> {
        if code.len() as u64 + MAC_BYTES as u64 > ENTRY_BYTES {
            return Err(io::Error::other(format!("an entry has at most {ENTRY_BYTES} bytes")));
        }
        let path = self.path(name);
        let mut file = folder::new_file(&self.folder)?;
        file.write_all(code)?;
        file.write_all(&self.key.mac(name, code))?;
        // Not synced: after a power failure the MAC finds out what is missing.
        file.persist(&path)?;
        space::make(&self.folder)?;
        Ok(path)
    }

    fn path(&self, name: &EntryName) -> PathBuf {
        self.folder.join(name.file_name())
    }
}

// === impl Verified ===

impl Verified {
    /// The component, ready to be linked.
    ///
    /// # Errors
    ///
    /// wasmtime's words where the code was made for another machine or other settings.
    pub(crate) fn deserialize(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes must be what wasmtime serialized, unchanged. Only `CodeCache::read` makes a `Verified`, after
        // it found the MAC that `CodeCache::store` wrote with code from `Component::serialize` or `precompile_component`,
        // under a key that was drawn at random and that only this user can read. wasmtime checks version, target and
        // settings itself, and copies the bytes, which nobody else holds.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

#[cfg(test)]
mod tests;
