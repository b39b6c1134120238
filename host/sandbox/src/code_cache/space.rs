//! Keeps the cache's folder within a bound: what was used longest ago goes first. Called by `code_cache.rs` after each
//! write; never touches a file that is not the cache's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::entry::ENDING;
use super::folder::UNFINISHED;

/// Room for a dozen components of compiled Python, each with its snapshot.
const FOLDER_BYTES: u64 = 2 << 30;

/// A file that is still not in its place after this long was left behind.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Removes what is over the bound.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    make_within(folder, FOLDER_BYTES)
}

pub(super) fn make_within(folder: &Path, most: u64) -> io::Result<()> {
    let now = SystemTime::now();
    let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Another process may have removed it meanwhile.
        let Ok(about) = entry.metadata() else { continue };
        let modified = about.modified()?;
        if name.ends_with(ENDING) {
            entries.push((modified, about.len(), entry.path()));
        } else if name.starts_with(UNFINISHED)
            && now.duration_since(modified).is_ok_and(|age| age > ABANDONED)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
    let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
    entries.sort();
    // The newest stays, however large: it is the one that was just written.
    entries.pop();
    for (_, bytes, path) in entries {
        if total <= most {
            break;
        }
        let _ = fs::remove_file(path);
        total = total.saturating_sub(bytes);
    }
    Ok(())
}
