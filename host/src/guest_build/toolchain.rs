//! Finds a rustc that can compile guests. Called by `build` before it runs cargo.
//!
//! The active rustc, where it has wasm32's standard library; else the private one in the cache; else, on Debian,
//! [`debian`] makes the private one. It must never run rustup, which would change the user's toolchain, and never
//! take a half-made folder for a whole one.

mod debian;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{BuildError, Progress, TARGET};

/// The compiler to use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rustc {
    /// What cargo would take by itself.
    Active,
    /// This one; cargo has to be told.
    Private(PathBuf),
}

/// Where private toolchains are kept, and what one is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Toolchains<'a> {
    /// Their folder.
    pub(crate) folder: &'a Path,
    /// Where cargo unpacks packages, where that is known.
    pub(crate) cargo_home: Option<&'a Path>,
}

/// Finds a compiler for the package in `folder`.
///
/// # Errors
/// [`BuildError::NoToolchain`] where there is none and none can be made.
pub(crate) fn find(
    folder: &Path,
    toolchains: Toolchains<'_>,
    progress: Progress,
) -> Result<Rustc, BuildError> {
    // In the package's folder, because its `rust-toolchain.toml` decides what the active compiler is.
    if can_build_guests(OsStr::new("rustc"), folder) {
        return Ok(Rustc::Active);
    }
    private(toolchains, progress).map(Rustc::Private)
}

/// The private compiler, made on first use.
fn private(toolchains: Toolchains<'_>, progress: Progress) -> Result<PathBuf, BuildError> {
    let toolchain_dir = toolchains.folder;
    let none = |detail: String| BuildError::NoToolchain { detail };
    let write = |source| BuildError::Write { path: toolchain_dir.to_path_buf(), source };
    fs::create_dir_all(toolchain_dir).map_err(write)?;
    // Absolute, because cargo will run the compiler from other folders.
    let toolchain_dir = toolchain_dir.canonicalize().map_err(write)?;
    let target = toolchain_dir.join(debian::NAME);
    let rustc = target.join("rustc");
    if can_build_guests(rustc.as_os_str(), &toolchain_dir) {
        return Ok(rustc);
    }
    // Held until this function returns; the system lets go of it if the process dies.
    let lock = File::create(toolchain_dir.join(format!("{}.lock", debian::NAME))).map_err(write)?;
    if lock.try_lock().is_err() {
        progress.say("waiting for another mlhost that is making the guest toolchain");
        lock.lock().map_err(write)?;
        if can_build_guests(rustc.as_os_str(), &toolchain_dir) {
            return Ok(rustc);
        }
    }
    let work = tempfile::Builder::new().prefix(".making-").tempdir_in(&toolchain_dir).map_err(write)?;
    let made = debian::make(work.path(), toolchains.cargo_home, progress).map_err(none)?;
    if !can_build_guests(made.join("rustc").as_os_str(), &toolchain_dir) {
        return Err(none("the one made from Debian's packages does not work".to_owned()));
    }
    // What may lie there does not work, as was seen above.
    if target.exists() {
        fs::remove_dir_all(&target).map_err(write)?;
    }
    fs::rename(&made, &target).map_err(write)?;
    Ok(rustc)
}

/// Whether `rustc` runs and its sysroot holds the target's standard library.
fn can_build_guests(rustc: &OsStr, folder: &Path) -> bool {
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let Ok(answer) = asked else { return false };
    let libraries = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    answer.status.success() && has_standard_library(&libraries)
}

/// Whether `libraries` holds a `libstd-*.rlib`.
fn has_standard_library(libraries: &Path) -> bool {
    fs::read_dir(libraries).into_iter().flatten().flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

#[cfg(test)]
mod tests;
