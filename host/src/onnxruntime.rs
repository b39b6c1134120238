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

/// Where fetched, built and compiled things are kept: `MLHOST_CACHE_DIR`, else the user's cache folder. `None` where the
/// environment names no place. A relative `XDG_CACHE_HOME` is none: XDG Base Directory Specification 0.8.
#[must_use]
pub fn cache_dir(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let place = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    place("MLHOST_CACHE_DIR")
        .or_else(|| {
            place("XDG_CACHE_HOME").filter(|cache| cache.is_absolute()).map(|cache| cache.join("mlhost"))
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_first_variable_that_counts_says() {
        let all = [("MLHOST_CACHE_DIR", "here"), ("XDG_CACHE_HOME", "/xdg"), ("HOME", "/home/me")];
        let relative = [("MLHOST_CACHE_DIR", ""), ("XDG_CACHE_HOME", "xdg"), ("HOME", "/home/me")];
        for (variables, expected) in [
            (&all[..], Some("here")),
            (&all[1..], Some("/xdg/mlhost")),
            (&all[2..], Some("/home/me/.cache/mlhost")),
            (&relative, Some("/home/me/.cache/mlhost")),
            (&[], None),
        ] {
            let environment = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(cache_dir(&environment), expected.map(PathBuf::from), "{variables:?}");
        }
    }
}
