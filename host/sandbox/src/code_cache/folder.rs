//! The cache's folder and its key: ours alone, or not used. Called by `code_cache.rs` when a cache is opened.
//!
//! The folder's own owner and mode are looked at, so that a wrong set-up is said aloud. What safety rests on is the key:
//! owner and mode are those of the very file it is read from, so whoever swaps the folder later cannot know the key that
//! entries are checked with.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use tempfile::NamedTempFile;

use super::entry::{KEY_BYTES, Key};

/// The key's file.
const KEY_FILE: &str = "key";

/// What a file that is not yet in its place is called; `space.rs` removes what a process left behind that was killed.
pub(super) const UNFINISHED: &str = ".new-";

/// Everything but the owner's own.
const OTHERS: u32 = 0o077;

/// Makes `folder` where it is not there, and looks whether it is ours alone.
///
/// # Errors
///
/// Why it is not.
pub(super) fn own(folder: &Path) -> Result<(), String> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| format!("it cannot be made: {error}"))?;
    let about = fs::symlink_metadata(folder).map_err(|error| error.to_string())?;
    if !about.is_dir() {
        return Err("it is a link, not a folder".to_owned());
    }
    ours_alone(&about)
}

/// Reads the folder's key, and draws one where there is none.
///
/// # Errors
///
/// Why it cannot be had, or cannot be trusted.
pub(super) fn key(folder: &Path) -> Result<Key, String> {
    let path = folder.join(KEY_FILE);
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    draw_key(folder).map_err(|error| format!("it has no key, and none can be written: {error}"))?;
    // Whoever was first: two processes that start at once must agree.
    read_key(&path)?.ok_or_else(|| "its key was removed just now".to_owned())
}

fn read_key(path: &Path) -> Result<Option<Key>, String> {
    let unreadable = |error: io::Error| format!("its key cannot be read: {error}");
    let mut file = match OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() || about.len() != KEY_BYTES as u64 {
        return Err(format!("its key is no file of {KEY_BYTES} bytes; remove it, and all is compiled again"));
    }
    ours_alone(&about).map_err(|reason| format!("its key: {reason}"))?;
    let mut bytes = [0; KEY_BYTES];
    file.read_exact(&mut bytes).map_err(unreadable)?;
    Ok(Some(Key::new(bytes)))
}

/// Writes a key under another name and moves it into place where there is none: no reader meets half a key.
fn draw_key(folder: &Path) -> io::Result<()> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let mut file = new_file(folder)?;
    file.write_all(&bytes)?;
    match file.persist_noclobber(folder.join(KEY_FILE)) {
        Ok(_) => Ok(()),
        Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(lost) => Err(lost.error),
    }
}

/// A file that nobody else had or can open (O_EXCL, mode 0600), removed unless it is moved into its place.
pub(super) fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)
}

fn ours_alone(about: &fs::Metadata) -> Result<(), String> {
    let own = effective_user();
    if about.uid() != own {
        return Err(format!("it belongs to user {}, and this process runs as {own}", about.uid()));
    }
    let mode = about.mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(format!("its mode is {mode:o}: others may use it; `chmod go-rwx` it"));
    }
    Ok(())
}

fn effective_user() -> u32 {
    // SAFETY: takes nothing, touches no memory, cannot fail.
    unsafe { libc::geteuid() }
}
