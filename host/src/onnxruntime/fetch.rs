//! Fetches the library: the wheel of PyPI's `onnxruntime` by pip, the one file out of it, both checked by sha256.
//!
//! pip, because it is the client that knows the user's mirror, proxy and certificates. Nothing is installed: the file
//! goes into mlhost's own cache, whole or not at all.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use super::{VERSION, file_name, folder};

/// The library could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no wheel that was checked for this kind of machine.
    #[error(
        "there is no pinned ONNX Runtime for {0}\n\
         hint: install one and name it by `--onnxruntime` or ORT_DYLIB_PATH"
    )]
    Machine(String),
    /// Python or pip is missing or failed.
    #[error(
        "`{command}` failed: {message}\nhint: it needs python3 with pip, and a package index that pip can reach"
    )]
    Command {
        /// What was run.
        command: String,
        /// How it ended.
        message: String,
    },
    /// What arrived is not what was checked.
    #[error("`{}` has sha256 {found}, not {expected}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// The pinned digest.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// The disk.
    #[error("`{}`: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's words.
        source: std::io::Error,
    },
}

/// One machine's wheel, and what was found in it when it was chosen.
struct Wheel {
    machine: &'static str,
    platform: &'static str,
    wheel_sha256: &'static str,
    library_sha256: &'static str,
}

/// One Python's wheel, whatever Python is here: the library in it is the same, and one digest pins it.
const WHEELS: [Wheel; 2] = [
    Wheel {
        machine: "x86_64",
        platform: "manylinux_2_28_x86_64",
        wheel_sha256: "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
        library_sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
    },
    Wheel {
        machine: "aarch64",
        platform: "manylinux_2_28_aarch64",
        wheel_sha256: "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
        library_sha256: "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
    },
];

/// The library in `cache`, fetched where it is not there yet, and checked either way.
///
/// # Errors
///
/// [`FetchError`] says what failed; nothing is left behind in the cache then.
pub fn fetch(cache: &Path) -> Result<PathBuf, FetchError> {
    let machine = std::env::consts::ARCH;
    let wheel = WHEELS
        .iter()
        .find(|wheel| wheel.machine == machine && cfg!(target_os = "linux"))
        .ok_or_else(|| FetchError::Machine(format!("{machine} {}", std::env::consts::OS)))?;
    let library = cache.join(folder()).join(file_name());
    if library.is_file() {
        match check(&library, wheel.library_sha256) {
            Ok(()) => return Ok(library),
            Err(error) => say(&format!("what is in the cache is replaced: {error}")),
        }
    }
    fs::create_dir_all(cache).map_err(|source| FetchError::File { path: cache.to_owned(), source })?;
    // In the cache itself, so that the last step is a rename within one file system.
    let work = Work::new(cache)?;
    say(&format!("fetching ONNX Runtime {VERSION} by pip"));
    let downloaded = download(wheel, &work.0)?;
    check(&downloaded, wheel.wheel_sha256)?;
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&downloaded).arg(&work.0))?;
    let unpacked = work.0.join("onnxruntime/capi").join(file_name());
    check(&unpacked, wheel.library_sha256)?;
    install(&unpacked, &library)?;
    say(&format!("checked and installed at {}", library.display()));
    Ok(library)
}

fn download(wheel: &Wheel, folder: &Path) -> Result<PathBuf, FetchError> {
    let requirement = format!("onnxruntime=={VERSION}");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-input", "--disable-pip-version-check", "--no-deps"])
        .arg("--only-binary=:all:")
        .args(["--implementation", "cp", "--python-version", "3.12", "--platform", wheel.platform])
        .arg("--dest")
        .arg(folder)
        .arg(&requirement);
    // pip draws a progress bar, for people only.
    if !io::stderr().is_terminal() {
        pip.arg("--quiet");
    }
    run(&mut pip)?;
    let entries =
        fs::read_dir(folder).map_err(|source| FetchError::File { path: folder.to_owned(), source })?;
    let mut files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    files.find(|path| path.extension().is_some_and(|extension| extension == "whl")).ok_or_else(|| {
        FetchError::Command { command: shown(&pip), message: "it left no wheel behind".to_owned() }
    })
}

fn run(command: &mut Command) -> Result<(), FetchError> {
    // Standard output is the path that this command prints, and nothing else.
    let status = command.stdin(Stdio::null()).stdout(Stdio::from(io::stderr())).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(FetchError::Command { command: shown(command), message: status.to_string() }),
        Err(error) => Err(FetchError::Command { command: shown(command), message: error.to_string() }),
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn check(path: &Path, expected: &'static str) -> Result<(), FetchError> {
    let failed = |source| FetchError::File { path: path.to_owned(), source };
    let mut file = fs::File::open(path).map_err(failed)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
    }
    let found: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == expected {
        Ok(())
    } else {
        Err(FetchError::Digest { path: path.to_owned(), expected, found })
    }
}

fn install(unpacked: &Path, library: &Path) -> Result<(), FetchError> {
    let failed = |source| FetchError::File { path: library.to_owned(), source };
    if let Some(folder) = library.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::rename(unpacked, library).map_err(failed)
}

/// The progress of a long command; nobody need read it.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A folder that is gone when the work is.
struct Work(PathBuf);

// === impl Work ===

impl Work {
    fn new(cache: &Path) -> Result<Self, FetchError> {
        let path = cache.join(format!("fetching-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|source| FetchError::File { path: path.clone(), source })?;
        Ok(Self(path))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // Nothing depends on it; what is left is only disk space.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_another_digest_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(check(&path, abc).is_ok());
        assert!(matches!(check(&path, WHEELS[0].wheel_sha256), Err(FetchError::Digest { .. })));
    }
}
