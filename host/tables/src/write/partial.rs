//! What is written before a file is whole: its own folder's, so that one rename puts it in its place.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::TableError;

/// The file beside `path` that is its part called `name`: `PATH.part`, `PATH.part.NAME`.
#[must_use]
pub fn part(path: &Path, name: &str) -> PathBuf {
    let mut file = path.file_name().map(OsString::from).unwrap_or_default();
    file.push(".part");
    if !name.is_empty() {
        file.push(".");
        file.push(name);
    }
    path.with_file_name(file)
}

/// An error about the file at `path`.
pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> TableError + use<> {
    let name = path.display().to_string();
    move |source| TableError::Write { name: name.clone(), source }
}

/// Moves a part that lasts to where its file belongs.
pub(super) fn settle(part: &Path, path: &Path) -> Result<(), TableError> {
    fs::rename(part, path).map_err(failed(path))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The name lasts, too. Some file systems have no such thing.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}
