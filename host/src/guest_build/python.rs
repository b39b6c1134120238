//! A model in Python to a component: CPython, the SDK and the user's modules, by componentize-py. Called by `build`.
//!
//! componentize-py runs the user's module inside a sandbox of its own, with the Python that the component will have: what is
//! wrong with the module is found there, and [`traceback`] says it in the user's own file names. It must never write into
//! the model's folder.

mod environment;
mod sdk;
mod traceback;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{BuildError, Progress};

/// What a folder's model is called.
const MODEL: &str = "model.py";

/// The SDK's module that exports the contract's interface.
const PREDICTOR: &str = "mlhost_predictor";

/// Top-level modules of a component that no model may be called.
const TAKEN: [&str; 4] = ["componentize_py_types", "mlhost", "wit_world", PREDICTOR];

/// A model's module.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its file.
    file: PathBuf,
    /// Where it and the modules beside it are found.
    folder: PathBuf,
    /// Its name for Python.
    module: String,
}

// === impl Source ===

impl Source {
    /// Where `path` is a file of Python, or a folder with a model in it and no cargo package.
    ///
    /// # Errors
    /// [`BuildError::ModuleName`] for a file that Python cannot import, or not beside the SDK.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, BuildError> {
        let file = if path.is_dir() {
            let model = path.join(MODEL);
            if path.join("Cargo.toml").is_file() || !model.is_file() {
                return Ok(None);
            }
            model
        } else if path.extension().is_some_and(|extension| extension == "py") {
            path.to_owned()
        } else {
            return Ok(None);
        };
        // Absolute, because componentize-py runs in another folder.
        let unreadable = |source| BuildError::Read { path: file.clone(), source };
        let absolute = file.canonicalize().map_err(unreadable)?;
        let module = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let named = !module.is_empty() && module.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        if !named || TAKEN.contains(&module.as_str()) {
            return Err(BuildError::ModuleName { path: file });
        }
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Some(Self { file, folder, module }))
    }
}

/// The component of `source`. `tools` is where a private componentize-py is kept, made on first use.
///
/// # Errors
/// Where there is no componentize-py, or where the model cannot be imported or is no model.
pub(crate) fn build(source: &Source, tools: &Path, progress: Progress) -> Result<Vec<u8>, BuildError> {
    let componentize = environment::find(tools, progress)?;
    let work = tempfile::Builder::new()
        .prefix("mlhost-build-")
        .tempdir()
        .map_err(|source| BuildError::Write { path: std::env::temp_dir(), source })?;
    sdk::write(work.path(), &source.module)?;
    let component = work.path().join("component.wasm");
    progress.say(&format!("   Compiling {} with {}", source.file.display(), componentize.display()));
    let mut command = Command::new(&componentize);
    command
        .args(["--quiet", "--wit-path", sdk::WIT, "--world", "model", "componentize", PREDICTOR])
        // Mounted for Python as `/0`, `/1`: what `traceback` reads.
        .args(["--python-path", "."])
        .arg("--python-path")
        .arg(&source.folder)
        .arg("--output")
        .arg(&component)
        .current_dir(work.path())
        // A word of its own on every frame of componentize-py, which says nothing to its users.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null());
    let output = command.output().map_err(|source| BuildError::Componentize {
        program: componentize.clone(),
        detail: source.to_string(),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(traceback::explain(&said, source));
    }
    fs::read(&component).map_err(|source| BuildError::Read { path: component, source })
}

#[cfg(test)]
mod tests;
