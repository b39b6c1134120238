//! A directory's way to its place: made beside it, moved as a whole. Called by `package.rs`; never removes what is no
//! model directory.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::PackageError;

/// Whether there is room at `output`, or what is there may be replaced.
pub(super) fn check(output: &Path, replace: bool) -> Result<(), PackageError> {
    if fs::symlink_metadata(output).is_err() {
        return Ok(());
    }
    if !output.join("MLmodel").is_file() {
        return Err(PackageError::NoModel(output.to_owned()));
    }
    if replace { Ok(()) } else { Err(PackageError::Exists(output.to_owned())) }
}

/// The folder that `output` is to be in.
pub(super) fn parent(output: &Path) -> &Path {
    output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A directory on the same file system, removed unless it is put in its place.
pub(super) fn unfinished(folder: &Path) -> Result<TempDir, PackageError> {
    let permissions = fs::Permissions::from_mode(0o777);
    let made = tempfile::Builder::new().prefix(".mlhost-").permissions(permissions).tempdir_in(folder);
    made.map_err(|source| PackageError::Write { path: folder.to_owned(), source })
}

/// Moves the finished directory to `output`; what was there goes.
pub(super) fn put(finished: TempDir, output: &Path, replace: bool) -> Result<(), PackageError> {
    let failed = |source| PackageError::Write { path: output.to_owned(), source };
    if replace && output.exists() {
        // The old one is where the new one was then, and goes with it.
        return exchange(finished.path(), output).map_err(failed);
    }
    let path = finished.keep();
    fs::rename(&path, output).map_err(|source| {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_dir_all(&path);
        failed(source)
    })
}

/// Each takes the other's place in one step, Linux's `renameat2`.
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    let path = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
    let (a, b) = (path(a)?, path(b)?);
    // SAFETY: both are paths that end in a zero and live through the call.
    let done = unsafe {
        libc::renameat2(libc::AT_FDCWD, a.as_ptr(), libc::AT_FDCWD, b.as_ptr(), libc::RENAME_EXCHANGE)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
