//! How far a run got that did not come to its end: a small file beside the output's part.
//!
//! Written by [`super::sink`] after what it speaks of lasts, in one rename; read by `cli::predict` before a run goes on. What it
//! does not speak of is written again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use mlhost_tables::chunk::Position;
use mlhost_tables::write::{Mark, part};

use super::{BatchError, Done};

/// The file's own version.
const VERSION: u32 = 1;

/// How far a run got.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    version: u32,
    /// What tells the work from others.
    pub identity: String,
    /// The file that was being read.
    pub file: usize,
    /// Where in it.
    pub position: Position,
    /// What was done by then.
    pub done: Done,
    /// What of the output lasts.
    pub output: Mark,
    /// Bytes of the file of refused rows that last.
    pub rejects: u64,
    /// The output's columns, once there were some.
    pub columns: Option<Vec<String>>,
}

// === impl Checkpoint ===

impl Checkpoint {
    pub(super) fn new(identity: &str) -> Self {
        Self {
            version: VERSION,
            identity: identity.to_owned(),
            file: 0,
            position: Position::default(),
            done: Done::default(),
            output: Mark::default(),
            rejects: 0,
            columns: None,
        }
    }

    /// Where the checkpoint of the output at `path` is.
    #[must_use]
    pub fn path(output: &Path) -> PathBuf {
        part(output, "json")
    }

    /// What an earlier run for `output` left; `None` where there is nothing.
    ///
    /// # Errors
    ///
    /// [`BatchError::Resume`] where it is unreadable, or of other work than `identity`.
    pub fn read(output: &Path, identity: &str) -> Result<Option<Self>, BatchError> {
        let path = Self::path(output);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(BatchError::Resume(format!("cannot read `{}`: {error}", path.display())));
            }
        };
        let read: Self = serde_json::from_slice(&text).map_err(|error| {
            BatchError::Resume(format!("`{}` says not how far a run got: {error}", path.display()))
        })?;
        if read.version != VERSION || read.identity != identity {
            return Err(BatchError::Resume(format!(
                "`{}` is what another run left: the model, the input files or the flags are not the same",
                path.display()
            )));
        }
        Ok(Some(read))
    }

    pub(super) fn write(&self, output: &Path) -> io::Result<()> {
        let path = Self::path(output);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".mlhost-").tempfile_in(folder)?;
        serde_json::to_writer(&mut file, self)?;
        file.flush()?;
        file.as_file().sync_data()?;
        file.persist(&path)?;
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }

    /// Removes it: the run has come to its end.
    pub(super) fn remove(output: &Path) {
        // One that stays is refused by the next run that is to go on: its part is gone.
        let _ = fs::remove_file(Self::path(output));
    }
}
