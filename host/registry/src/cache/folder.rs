//! A model's folder: made of blobs in one rename, and looked through before it is used again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Cache, is_whole, sync};
use crate::error::RegistryError;
use crate::manifest::Manifest;

// === impl Cache ===

impl Cache {
    /// The model's folder where it is there and every file in it is what the manifest says. One that is not is removed.
    pub(crate) fn folder(&self, manifest: &Manifest, name: &str) -> Option<PathBuf> {
        let folder = self.root.join("folders").join(manifest.id()).join(name);
        if !folder.is_dir() {
            return None;
        }
        if manifest.files.iter().all(|file| is_whole(&folder.join(&file.path), file)) {
            return Some(folder);
        }
        tracing::warn!(path = %folder.display(), "a model of the cache was changed: it is made anew");
        // Renamed first, so that nobody else finds half of it.
        if let Ok(away) = tempfile::tempdir_in(self.root.join("staging")) {
            let _ = fs::rename(&folder, away.path().join("changed"));
        }
        None
    }

    /// The model's folder, made where it is not there. All blobs are. It is called `name`, which a model without a name of
    /// its own is then called, too.
    pub(crate) fn assemble(&self, manifest: &Manifest, name: &str) -> Result<PathBuf, RegistryError> {
        if let Some(folder) = self.folder(manifest, name) {
            return Ok(folder);
        }
        let staging = self.root.join("staging");
        let work = tempfile::tempdir_in(&staging).map_err(RegistryError::file(&staging))?;
        let made = work.path().join("model");
        let mut folders = vec![made.clone()];
        fs::create_dir(&made).map_err(RegistryError::file(&made))?;
        for file in &manifest.files {
            let path = made.join(&file.path);
            let folder = path.parent().unwrap_or(&made).to_owned();
            if !folders.contains(&folder) {
                fs::create_dir_all(&folder).map_err(RegistryError::file(&folder))?;
                folders.push(folder);
            }
            link(&self.blob(&file.sha256), &path).map_err(RegistryError::file(&path))?;
        }
        for folder in &folders {
            sync(folder)?;
        }
        let folders = self.root.join("folders").join(manifest.id());
        fs::create_dir_all(&folders).map_err(RegistryError::file(&folders))?;
        let folder = folders.join(name);
        match fs::rename(&made, &folder) {
            Ok(()) => sync(&folders)?,
            // Another process made the same model from another place meanwhile.
            Err(_) if self.folder(manifest, name).is_some() => {}
            Err(source) => return Err(RegistryError::File { path: folder, source }),
        }
        Ok(folder)
    }
}

/// A hard link, or a copy where there can be none: another file system, or too many links.
fn link(blob: &Path, path: &Path) -> io::Result<()> {
    fs::hard_link(blob, path).or_else(|_| {
        fs::copy(blob, path)?;
        fs::File::open(path)?.sync_all()
    })
}
