//! From a guest's source to a component that `mlhost serve` takes: the library behind `mlhost build`.
//!
//! `cli` calls [`build`], and nothing on a request's path does. For Rust three steps, one file each: `toolchain` finds a
//! rustc that has wasm32's standard library, `cargo` compiles, `encode` wraps the core module; `python` has a model in
//! Python made into a component by componentize-py. It must never install anything system-wide, never run rustup, and
//! never leave half an output file behind.

mod cargo;
mod encode;
mod error;
mod post_return;
mod python;
mod remap;
mod toolchain;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use self::error::BuildError;

/// The only target that guests are built for: no libc and no WASI, so nothing to grant.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// What to build and where to put it.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// A cargo package's folder, a model in Python (`.py`, or a folder with a `model.py`), or a core module (`.wasm`) that
    /// only needs encoding.
    pub path: PathBuf,
    /// The component to write; replaced as a whole.
    pub output: PathBuf,
    /// Where private tools are kept: a Rust toolchain where the active one cannot build guests, componentize-py where PATH
    /// has none. Created if it has to be.
    pub toolchain_dir: PathBuf,
    /// Where cargo unpacks packages; `None` where the environment names no place.
    pub cargo_home: Option<PathBuf>,
    /// Where cargo is told to build; `None` leaves it to cargo. Absolute, since cargo runs in the package's folder.
    pub target_dir: Option<PathBuf>,
    /// No progress on stderr; errors still show.
    pub quiet: bool,
}

/// What [`build`] made.
#[derive(Clone, Debug)]
pub struct Built {
    /// The component.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How long it all took.
    pub duration: Duration,
}

/// Progress lines on stderr, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) quiet: bool,
}

/// Makes a component of `options.path` and writes `options.output`.
///
/// # Errors
/// [`BuildError`] says what was wrong, and its `hint:` line what to do about it.
pub fn build(options: &BuildOptions) -> Result<Built, BuildError> {
    let start = Instant::now();
    let progress = Progress { quiet: options.quiet };
    let component = match python::Source::find(&options.path)? {
        Some(source) => python::build(&source, &options.toolchain_dir, progress)?,
        None => of_module(options, progress)?,
    };
    replace(&options.output, &component)
        .map_err(|source| BuildError::Write { path: options.output.clone(), source })?;
    Ok(Built { path: options.output.clone(), bytes: component.len() as u64, duration: start.elapsed() })
}

/// Compiles `options.path` where it is a package, and encodes it as a component.
fn of_module(options: &BuildOptions, progress: Progress) -> Result<Vec<u8>, BuildError> {
    let core_path = if options.path.is_dir() {
        let package = cargo::find_package(&options.path, options.target_dir.clone())?;
        let home = options.cargo_home.as_deref();
        let toolchains = toolchain::Toolchains { folder: &options.toolchain_dir, cargo_home: home };
        let rustc = toolchain::find(&options.path, toolchains, progress)?;
        cargo::compile(&package, &rustc, home, progress)?
    } else {
        options.path.clone()
    };
    let core = fs::read(&core_path).map_err(|source| BuildError::Read { path: core_path.clone(), source })?;
    encode::encode(&core, &core_path)
}

/// Writes `bytes` beside `path` and renames them into place, so that a reader sees the old file or the new one.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".mlhost-build-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    // A temporary file is private; a component is as readable as what a compiler writes.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}

// === impl Progress ===

impl Progress {
    /// One line on stderr. A closed stderr is no reason to stop a build.
    pub(crate) fn say(self, line: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}
