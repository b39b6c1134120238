//! The ONNX Runtime library: where it is, and how it gets there.
//!
//! [`locate`] is called by `cli::serve` before anything is loaded, [`fetch`] by `cli::fetch_runtime`. Neither loads the
//! library: that is `mlhost-nn`'s business. The environment comes in from the caller.

mod fetch;
mod locate;

use std::ffi::OsString;
use std::path::PathBuf;

pub use fetch::{FetchError, fetch};
pub use locate::{From, Located, NotFound, Places, locate};

/// The version that mlhost is tested with and `fetch-runtime` brings.
pub const VERSION: &str = "1.31.1";

/// Where fetched and built things are kept: `MLHOST_CACHE_DIR`, else the user's cache folder. `None` where the
/// environment names no place.
#[must_use]
pub fn cache_dir(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let place = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    place("MLHOST_CACHE_DIR")
        .or_else(|| place("XDG_CACHE_HOME").map(|cache| cache.join("mlhost")))
        .or_else(|| place("HOME").map(|home| home.join(".cache/mlhost")))
}

/// The folder of this version, for this machine, in the cache.
fn folder() -> String {
    format!("onnxruntime-{VERSION}-{}", std::env::consts::ARCH)
}

/// The library's file name.
fn file_name() -> String {
    format!("libonnxruntime.so.{VERSION}")
}
