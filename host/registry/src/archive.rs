//! Archives of model directories: unpacked file by file into the cache's blobs, never onto paths of their own choice.
//!
//! Used by [`crate::Registry`]. An archive is data from outside: links, devices, names that lead elsewhere and more than the
//! bounds are refused, and sizes are those that come out, not those that are declared.

mod format;

use std::fs::File;
use std::io::{self, BufReader, Read, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

pub(crate) use self::format::Format;
use crate::cache::Cache;
use crate::error::RegistryError;
use crate::location::hexadecimal;
use crate::manifest::ManifestFile;
use crate::name::{self, Taken};
use crate::secret::printable;
use crate::settings::Bounds;

/// A long name's or an extended header's bytes, which are read into memory.
const LONGEST_HEADER: u64 = 1 << 20;

/// An archive to unpack.
pub(crate) struct Archive<'a> {
    /// What it is called, for messages.
    pub(crate) name: &'a str,
    pub(crate) format: Format,
    pub(crate) bounds: Bounds,
    pub(crate) cache: &'a Cache,
}

// === impl Archive ===

impl Archive<'_> {
    /// Its files as blobs, in the order of their paths. Where everything is in one folder, the folder is left out.
    pub(crate) fn unpack(&self, path: &Path) -> Result<Vec<ManifestFile>, RegistryError> {
        let mut files = match self.format {
            Format::Tar => self.untar(|| File::open(path).map(BufReader::new)),
            Format::TarGz => self.untar(|| {
                File::open(path).map(|file| flate2::read::MultiGzDecoder::new(BufReader::new(file)))
            }),
            Format::Zip => self.unzip(path),
        }?;
        strip_folder(&mut files);
        files.sort_by(|one, other| one.path.cmp(&other.path));
        match files.windows(2).find(|pair| pair[0].path == pair[1].path) {
            Some(pair) => Err(self.refuse(&pair[0].path, "is there twice")),
            None => Ok(files),
        }
    }

    fn untar<R: Read>(&self, open: impl Fn() -> io::Result<R>) -> Result<Vec<ManifestFile>, RegistryError> {
        let failed = |error: io::Error| self.unreadable(&error.to_string());
        // First without long names and extended headers being followed: they would be read into memory whatever their size.
        let mut plain = tar::Archive::new(open().map_err(failed)?);
        for entry in plain.entries().map_err(failed)?.raw(true) {
            let entry = entry.map_err(failed)?;
            let kind = entry.header().entry_type();
            let in_memory = !(kind.is_file() || kind.is_dir());
            if in_memory && entry.size() > LONGEST_HEADER {
                return Err(self.unreadable("a header is too large"));
            }
        }
        let mut taken = Taken::new(self.name, self.bounds);
        let mut files = Vec::new();
        let mut archive = tar::Archive::new(open().map_err(failed)?);
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            let kind = entry.header().entry_type();
            if kind.is_pax_global_extensions() {
                continue;
            }
            taken.file()?;
            let bytes = entry.path_bytes().into_owned();
            let name = String::from_utf8(bytes)
                .map_err(|error| self.refuse(&String::from_utf8_lossy(error.as_bytes()), "is not UTF-8"))?;
            // `tar -C DIR .` writes every name so.
            let name = name.strip_prefix("./").unwrap_or(&name).trim_end_matches('/');
            if kind.is_dir() && matches!(name, "" | ".") {
                continue;
            }
            name::check(self.name, name)?;
            if kind.is_dir() {
                continue;
            }
            if !kind.is_file() {
                return Err(self.refuse(name, "is a link or a device"));
            }
            files.push(self.blob(name, &mut entry, &mut taken)?);
        }
        Ok(files)
    }

    fn unzip(&self, path: &Path) -> Result<Vec<ManifestFile>, RegistryError> {
        let failed = |error: zip::result::ZipError| self.unreadable(&error.to_string());
        let file = File::open(path).map_err(RegistryError::file(path))?;
        let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(failed)?;
        let mut taken = Taken::new(self.name, self.bounds);
        let mut files = Vec::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(failed)?;
            taken.file()?;
            let name = entry.name().to_owned();
            name::check(self.name, name.trim_end_matches('/'))?;
            // The upper four bits of a Unix mode: 4 is a folder, 8 a file, and what has none is a file.
            let kind = entry.unix_mode().map_or(0, |mode| mode >> 12);
            if entry.is_symlink() || !matches!(kind, 0 | 4 | 8) {
                return Err(self.refuse(&name, "is a link or a device"));
            }
            if !entry.is_dir() {
                files.push(self.blob(&name, &mut entry, &mut taken)?);
            }
        }
        Ok(files)
    }

    fn blob(
        &self,
        name: &str,
        bytes: &mut dyn Read,
        taken: &mut Taken<'_>,
    ) -> Result<ManifestFile, RegistryError> {
        let mut staged = self.cache.staged()?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        let mut size = 0;
        loop {
            let read = bytes.read(&mut buffer).map_err(|error| self.unreadable(&error.to_string()))?;
            if read == 0 {
                break;
            }
            size += read as u64;
            taken.bytes(read as u64)?;
            digest.update(&buffer[..read]);
            staged.write_all(&buffer[..read]).map_err(RegistryError::file(staged.path()))?;
        }
        staged.as_file().sync_all().map_err(RegistryError::file(staged.path()))?;
        let sha256 = hexadecimal(&digest.finalize());
        let (_, path) = staged.keep().map_err(|error| RegistryError::File {
            path: error.file.path().to_owned(),
            source: error.error,
        })?;
        self.cache.place(&path, &sha256)?;
        Ok(ManifestFile { path: name.to_owned(), sha256, size, tag: None })
    }

    fn refuse(&self, name: &str, problem: &'static str) -> RegistryError {
        RegistryError::Name { location: self.name.to_owned(), name: printable(name), problem }
    }

    fn unreadable(&self, problem: &str) -> RegistryError {
        RegistryError::Archive {
            archive: self.name.to_owned(),
            problem: format!("cannot be read: {}", printable(problem)),
        }
    }
}

/// `iris-1.0/MLmodel` and its like without their one folder.
fn strip_folder(files: &mut [ManifestFile]) {
    let Some(folder) =
        files.first().and_then(|file| file.path.split_once('/')).map(|(first, _)| format!("{first}/"))
    else {
        return;
    };
    let is_model = files.iter().any(|file| file.path.strip_prefix(&folder) == Some("MLmodel"));
    if is_model && files.iter().all(|file| file.path.starts_with(&folder)) {
        for file in files {
            file.path.drain(..folder.len());
        }
    }
}

#[cfg(test)]
mod tests;
