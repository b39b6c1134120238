//! What has arrived of one file, and of which version it is.
//!
//! The version is written before the first byte of it, so that a killed process never leaves bytes under another's name.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checksum::Checksum;
use crate::error::RegistryError;

/// A file that is being downloaded. Its location's lock is held.
#[derive(Debug)]
pub(crate) struct Partial {
    data: PathBuf,
    note: PathBuf,
    of: Of,
    file: Option<File>,
    length: u64,
}

/// Which version.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Of {
    tag: Option<String>,
    total: Option<u64>,
}

// === impl Partial ===

impl Partial {
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self, RegistryError> {
        let (data, note) = (folder.join(format!("{name}.part")), folder.join(format!("{name}.json")));
        let of: Option<Of> = fs::read(&note).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let length = fs::metadata(&data).map_or(0, |metadata| metadata.len());
        let mut partial = Self { data, note, of: Of::default(), file: None, length: 0 };
        match of {
            Some(of) if of.tag.is_some() && of.total.is_none_or(|total| length <= total) => {
                partial.of = of;
                partial.length = length;
            }
            // Nobody can say what these bytes are of.
            _ => partial.discard()?,
        }
        Ok(partial)
    }

    pub(super) fn path(&self) -> &Path {
        &self.data
    }

    /// Bytes that are here.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn tag(&self) -> Option<&str> {
        self.of.tag.as_deref()
    }

    /// The first byte to ask for. Where all are here, the last one: a range that begins at the end is none.
    pub(crate) fn resumes_at(&self) -> u64 {
        match (&self.of.tag, self.of.total) {
            (None, _) => 0,
            (Some(_), Some(total)) if self.length >= total => total.saturating_sub(1),
            (Some(_), _) => self.length,
        }
    }

    /// Begins anew, with another version.
    pub(crate) fn restart(&mut self, tag: Option<String>, total: Option<u64>) -> Result<(), RegistryError> {
        self.discard()?;
        self.of = Of { tag, total };
        let note = serde_json::to_vec(&self.of)
            .map_err(|error| RegistryError::File { path: self.note.clone(), source: error.into() })?;
        fs::write(&self.note, note).map_err(RegistryError::file(&self.note))?;
        self.open_file().map(|_| ())
    }

    /// Leaves the first `length` bytes.
    pub(crate) fn cut(&mut self, length: u64) -> Result<(), RegistryError> {
        let path = self.data.clone();
        let file = self.open_file()?;
        file.set_len(length).map_err(RegistryError::file(&path))?;
        file.seek(SeekFrom::Start(length)).map_err(RegistryError::file(&path))?;
        self.length = length;
        Ok(())
    }

    fn open_file(&mut self) -> Result<&mut File, RegistryError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::options()
                .create(true)
                .truncate(false)
                .read(true)
                .write(true)
                .open(&self.data)
                .map_err(RegistryError::file(&self.data))?,
        };
        Ok(self.file.insert(file))
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        let path = self.data.clone();
        self.open_file()?.write_all(bytes).map_err(RegistryError::file(&path))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Hashes what is here already, and is left at its end.
    pub(crate) fn hash(&mut self, checksum: &mut Checksum) -> Result<(), RegistryError> {
        let path = self.data.clone();
        let mut left = self.length;
        let file = self.open_file()?;
        file.seek(SeekFrom::Start(0)).map_err(RegistryError::file(&path))?;
        let mut buffer = vec![0; 1 << 18];
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let piece = &mut buffer[..wanted];
            file.read_exact(piece).map_err(RegistryError::file(&path))?;
            checksum.update(piece);
            left -= wanted as u64;
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), RegistryError> {
        let path = self.data.clone();
        self.open_file()?.sync_all().map_err(RegistryError::file(&path))
    }

    /// Forgets it, and that it ever was.
    pub(crate) fn discard(&mut self) -> Result<(), RegistryError> {
        self.file = None;
        self.of = Of::default();
        self.length = 0;
        // The bytes first: a note without bytes is harmless.
        for path in [&self.data, &self.note] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(RegistryError::File { path: path.clone(), source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
