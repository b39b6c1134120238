//! The file that names every row that was refused: JSON Lines, one object a row.
//!
//! Written by [`super::sink`] beside the output, and made last with it.

use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use mlhost_tables::error::TableError;

use super::Refusal;

/// The file, made with the first refusal.
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

// === impl Rejects ===

impl Rejects {
    /// Of a run that begins anew, or goes on behind `kept` bytes.
    pub(super) fn open(path: &Path, kept: Option<u64>) -> Result<Self, TableError> {
        let mut rejects = Self { path: path.to_owned(), file: None };
        match kept {
            None | Some(0) => {
                // What an earlier run left says nothing of this one.
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(rejects.failed(error));
                    }
                    _ => {}
                }
            }
            Some(bytes) => {
                let opened = File::options().write(true).open(path).and_then(|mut file| {
                    file.set_len(bytes)?;
                    file.seek(SeekFrom::Start(bytes))?;
                    Ok(file)
                });
                rejects.file = Some(BufWriter::new(opened.map_err(|error| rejects.failed(error))?));
            }
        }
        Ok(rejects)
    }

    fn failed(&self, source: std::io::Error) -> TableError {
        TableError::Write { name: self.path.display().to_string(), source }
    }

    pub(super) fn write(&mut self, refusal: &Refusal) -> Result<(), TableError> {
        let written = self.append(refusal);
        written.map_err(|error| self.failed(error))
    }

    fn append(&mut self, refusal: &Refusal) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(File::create(&self.path)?)),
        };
        serde_json::to_writer(&mut *file, refusal)?;
        file.write_all(b"\n")
    }

    /// Makes what was written last, and says how much that is.
    pub(super) fn mark(&mut self) -> Result<u64, TableError> {
        let Some(file) = &mut self.file else { return Ok(0) };
        let marked = file.flush().and_then(|()| {
            file.get_ref().sync_data()?;
            Ok(file.get_ref().metadata()?.len())
        });
        marked.map_err(|error| self.failed(error))
    }
}
