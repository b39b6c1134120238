//! Finds componentize-py. Called by `python` before it compiles.
//!
//! The one on PATH where it has the right version; else the one in a virtual environment below mlhost's cache, made on first
//! use by python3 and pip, which know the user's mirror and proxy. It must never install anything outside of that folder.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::guest_build::{BuildError, Progress};

/// The version that components were tested with: its bindings change from one to the next.
const VERSION: &str = "0.25.1";

const PROGRAM: &str = "componentize-py";

/// The program to run, absolute or a name on PATH. `tools` is the folder of private tools.
///
/// # Errors
/// [`BuildError::Python`] where there is none and none can be made.
pub(super) fn find(tools: &Path, progress: Progress) -> Result<PathBuf, BuildError> {
    if is_right(OsStr::new(PROGRAM)) {
        return Ok(PathBuf::from(PROGRAM));
    }
    let write = |source| BuildError::Write { path: tools.to_path_buf(), source };
    fs::create_dir_all(tools).map_err(write)?;
    // Absolute, because it is run in another folder.
    let tools = tools.canonicalize().map_err(write)?;
    let name = format!("{PROGRAM}-{VERSION}");
    let environment = tools.join(&name);
    let program = binary(&environment, PROGRAM);
    if is_right(program.as_os_str()) {
        return Ok(program);
    }
    // Held until this function returns; the system lets go of it if the process dies.
    let lock = File::create(tools.join(format!("{name}.lock"))).map_err(write)?;
    if lock.try_lock().is_err() {
        progress.say(&format!("waiting for another mlhost that is installing {PROGRAM}"));
        lock.lock().map_err(write)?;
        if is_right(program.as_os_str()) {
            return Ok(program);
        }
    }
    // What may lie there does not work, as was seen above. Made in place: an environment cannot be moved.
    if environment.exists() {
        fs::remove_dir_all(&environment).map_err(write)?;
    }
    make(&environment, progress)?;
    if is_right(program.as_os_str()) {
        return Ok(program);
    }
    Err(BuildError::Python { what: format!("{} does not run", program.display()), detail: String::new() })
}

/// A virtual environment with componentize-py in it.
fn make(environment: &Path, progress: Progress) -> Result<(), BuildError> {
    progress.say(&format!("  Installing {PROGRAM} {VERSION} by pip into {}", environment.display()));
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(environment);
    run(&mut venv, "python3 -m venv")?;
    let mut pip = Command::new(binary(environment, "python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
        .arg(format!("{PROGRAM}=={VERSION}"));
    run(&mut pip, &format!("pip install {PROGRAM}=={VERSION}"))
}

fn run(command: &mut Command, shown: &str) -> Result<(), BuildError> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| BuildError::Python {
        what: format!("cannot run `{shown}`: {error}"),
        detail: String::new(),
    })?;
    if output.status.success() {
        return Ok(());
    }
    // venv says on stdout what is missing, pip on stderr.
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    Err(BuildError::Python { what: format!("`{shown}` failed"), detail: format!("\n{said}") })
}

/// A program of a virtual environment.
fn binary(environment: &Path, name: &str) -> PathBuf {
    if cfg!(windows) {
        environment.join("Scripts").join(name).with_extension("exe")
    } else {
        environment.join("bin").join(name)
    }
}

/// Whether `program` runs and is the version that is wanted.
fn is_right(program: &OsStr) -> bool {
    let asked = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    asked.is_ok_and(|answer| {
        answer.status.success()
            && String::from_utf8_lossy(&answer.stdout).trim() == format!("{PROGRAM} {VERSION}")
    })
}
