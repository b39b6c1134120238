//! The ONNX Runtime library: found once, loaded once, never unloaded.
//!
//! The host calls [`initialize`] at start with the path that its configuration found; `graph.rs` takes the
//! [`environment`] from here. Reads no environment variables and never panics: `ort` does both when a library is
//! missing, so everything that it would find out that way is looked at first.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libloading::Library;
use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::NnError;
use crate::runner::panic_text;

static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

/// The `tracing` target of ONNX Runtime's own messages.
const TARGET: &str = "onnxruntime";

/// `OrtGetApiBase`, the one function that the library exports by name.
type GetApiBase = unsafe extern "C" fn() -> *const ort::sys::OrtApiBase;

struct Loaded {
    path: PathBuf,
    version: String,
    environment: Environment,
}

/// Loads ONNX Runtime from the file `library`, once for the process. Its messages go to `tracing` under the target
/// `onnxruntime`: warnings and errors, and more where a subscriber wants it by the time of this call.
///
/// Calling it again with the same file is fine and does nothing.
///
/// # Errors
///
/// [`NnError::RuntimeLoad`] when there is no such file, it is no ONNX Runtime, it is too old, or another file was
/// loaded before.
pub fn initialize(library: &Path) -> Result<(), NnError> {
    let failed = |message| NnError::RuntimeLoad { path: library.to_owned(), message };
    // The canonical path also keeps `ort` from looking for a relative one beside the executable.
    let path = library.canonicalize().map_err(|error| failed(error.to_string()))?;
    let mut loaded = lock();
    if let Some(loaded) = &*loaded {
        if loaded.path == path {
            return Ok(());
        }
        let first = loaded.path.display();
        return Err(failed(format!("a process has one ONNX Runtime, and `{first}` is already loaded")));
    }
    let load = catch_unwind(AssertUnwindSafe(|| load(&path)));
    *loaded = Some(load.unwrap_or_else(|payload| Err(panic_text(&*payload))).map_err(failed)?);
    Ok(())
}

/// The version of the loaded library, such as `1.31.1`; `None` before [`initialize`].
#[must_use]
pub fn runtime_version() -> Option<String> {
    lock().as_ref().map(|loaded| loaded.version.clone())
}

/// What sessions are opened in.
///
/// # Errors
///
/// [`NnError::RuntimeNotLoaded`] before [`initialize`].
pub(crate) fn environment() -> Result<Environment, NnError> {
    lock().as_ref().map(|loaded| loaded.environment.clone()).ok_or(NnError::RuntimeNotLoaded)
}

/// The level of a session's messages. Without a wish for more only errors: some models warn on every run.
pub(crate) fn session_log_level() -> LogLevel {
    wanted_log_level(LogLevel::Error)
}

fn lock() -> MutexGuard<'static, Option<Loaded>> {
    LOADED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(path: &Path) -> Result<Loaded, String> {
    let version = probe(path)?;
    let builder = ort::init_from(path).map_err(|error| error.to_string())?;
    let environment = builder
        .with_name("mlhost")
        .with_telemetry(false)
        .with_logger(Arc::new(|level, category, _, location, message| {
            // Called from C++, which no panic of a subscriber may reach.
            let _ = catch_unwind(AssertUnwindSafe(|| forward(level, category, location, message)));
        }))
        .build()
        .map_err(|error| error.to_string())?;
    environment.set_log_level(wanted_log_level(LogLevel::Warning));
    Ok(Loaded { path: path.to_owned(), version, environment })
}

/// The version of the library at `path`, known to offer the API that `ort` asks for.
fn probe(path: &Path) -> Result<String, String> {
    // SAFETY: loading runs the library's initialisers. The operator names the file; it is trusted as the program is.
    let library = unsafe { Library::new(path) }.map_err(|error| with_cause(&error))?;
    // SAFETY: the symbol of this name has had this type since ONNX Runtime 1.0.
    let get = unsafe { library.get::<GetApiBase>(b"OrtGetApiBase\0") }
        .map_err(|_| "it does not export `OrtGetApiBase`; it is no ONNX Runtime".to_owned())?;
    // SAFETY: the function takes nothing and returns null or a pointer to a constant of the library.
    let base = unsafe { get().as_ref() }.ok_or("`OrtGetApiBase` returned nothing")?;
    // SAFETY: the version is a constant, zero-terminated string of the library.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) }.to_string_lossy().into_owned();
    // SAFETY: returns null for an API version that the library does not know.
    if unsafe { (base.GetApi)(ort::sys::ORT_API_VERSION) }.is_null() {
        return Err(format!("it is version {version}; 1.{} or newer is needed", ort::MINOR_VERSION));
    }
    // Loaded for good: unloading under ONNX Runtime's own threads and statics is not safe.
    std::mem::forget(library);
    Ok(version)
}

/// An error of `libloading`, whose own text says only which function failed.
fn with_cause(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

fn wanted_log_level(otherwise: LogLevel) -> LogLevel {
    if tracing::enabled!(target: TARGET, tracing::Level::TRACE) {
        LogLevel::Verbose
    } else if tracing::enabled!(target: TARGET, tracing::Level::DEBUG) {
        LogLevel::Info
    } else {
        otherwise
    }
}

/// One message of ONNX Runtime. Its information is for those who debug it, so it counts as DEBUG.
fn forward(level: LogLevel, category: &str, location: &str, message: &str) {
    match level {
        LogLevel::Verbose => tracing::trace!(target: TARGET, category, location, "{message}"),
        LogLevel::Info => tracing::debug!(target: TARGET, category, location, "{message}"),
        LogLevel::Warning => tracing::warn!(target: TARGET, category, location, "{message}"),
        LogLevel::Error | LogLevel::Fatal => {
            tracing::error!(target: TARGET, category, location, "{message}");
        }
    }
}
