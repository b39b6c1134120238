//! Finds the library: flag, `ORT_DYLIB_PATH`, beside the binary, cache. Looks, never loads and never downloads.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{file_name, folder};

/// Where to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places<'a> {
    /// The `--onnxruntime` flag.
    pub flag: Option<&'a Path>,
    /// `ORT_DYLIB_PATH`; the empty text is as good as none.
    pub variable: Option<&'a OsStr>,
    /// The folder of the running binary.
    pub executable_directory: Option<&'a Path>,
    /// mlhost's cache.
    pub cache_directory: Option<&'a Path>,
}

/// The library, and who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file.
    pub path: PathBuf,
    /// Where it was found.
    pub from: From,
}

/// Who named the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The `--onnxruntime` flag.
    Flag,
    /// `ORT_DYLIB_PATH`.
    Variable,
    /// It lies beside the binary.
    Binary,
    /// It was fetched.
    Cache,
}

/// The library is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Somebody named a file that is not there. Not a reason to take another: they meant that one.
    #[error("{from} names `{}`, which is no file\nhint: `mlhost fetch-runtime` fetches ONNX Runtime", path.display())]
    Named {
        /// Who.
        from: From,
        /// What.
        path: PathBuf,
    },
    /// Nobody named one, and it is in none of the usual places.
    #[error(
        "ONNX Runtime was not found; looked for{}\nhint: `mlhost fetch-runtime` fetches it",
        listed(places)
    )]
    Nowhere {
        /// Where it was looked for, in order.
        places: Vec<PathBuf>,
    },
}

/// The first of the places that has the library.
///
/// # Errors
///
/// [`NotFound`] lists where it was looked for and names the command that fetches it.
pub fn locate(places: &Places<'_>) -> Result<Located, NotFound> {
    let variable = places.variable.filter(|value| !value.is_empty()).map(Path::new);
    for (named, from) in [(places.flag, From::Flag), (variable, From::Variable)] {
        let Some(path) = named else { continue };
        return if path.is_file() {
            Ok(Located { path: path.to_owned(), from })
        } else {
            Err(NotFound::Named { from, path: path.to_owned() })
        };
    }
    let mut looked = Vec::new();
    for (path, from) in candidates(places) {
        if path.is_file() {
            return Ok(Located { path, from });
        }
        looked.push(path);
    }
    Err(NotFound::Nowhere { places: looked })
}

fn candidates(places: &Places<'_>) -> Vec<(PathBuf, From)> {
    let mut candidates = Vec::new();
    if let Some(directory) = places.executable_directory {
        for folder in [directory.to_owned(), directory.join("../lib")] {
            for name in ["libonnxruntime.so".to_owned(), "libonnxruntime.so.1".to_owned(), file_name()] {
                candidates.push((folder.join(name), From::Binary));
            }
        }
    }
    if let Some(cache) = places.cache_directory {
        candidates.push((cache.join(folder()).join(file_name()), From::Cache));
    }
    candidates
}

fn listed(places: &[PathBuf]) -> String {
    places.iter().map(|path| format!("\n  {}", path.display())).collect()
}

// === impl From ===

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "`--onnxruntime`",
            Self::Variable => "ORT_DYLIB_PATH",
            Self::Binary => "the binary's folder",
            Self::Cache => "the cache",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_first_place_that_has_it_wins() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let flag = at("flag.so");
        let variable = at("variable.so");
        let beside = at("bin/libonnxruntime.so");
        let cached = at(&format!("cache/{}/{}", super::folder(), file_name()));
        let (bin, cache) = (folder.path().join("bin"), folder.path().join("cache"));
        let mut places = Places {
            flag: Some(&flag),
            variable: Some(variable.as_os_str()),
            executable_directory: Some(&bin),
            cache_directory: Some(&cache),
        };
        assert_eq!(locate(&places).unwrap(), Located { path: flag.clone(), from: From::Flag });
        places.flag = None;
        assert_eq!(locate(&places).unwrap(), Located { path: variable.clone(), from: From::Variable });
        places.variable = Some(OsStr::new(""));
        assert_eq!(locate(&places).unwrap(), Located { path: beside, from: From::Binary });
        places.executable_directory = None;
        assert_eq!(locate(&places).unwrap(), Located { path: cached, from: From::Cache });
    }

    #[test]
    fn a_named_file_that_is_missing_is_an_error_and_no_other_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("libonnxruntime.so"), "").unwrap();
        let places = Places {
            flag: Some(Path::new("missing.so")),
            executable_directory: Some(folder.path()),
            ..Places::default()
        };
        let message = locate(&places).unwrap_err().to_string();
        assert!(message.contains("`--onnxruntime` names `missing.so`"), "{message}");
    }

    #[test]
    fn the_error_lists_every_place_and_the_command() {
        let empty = tempfile::tempdir().unwrap();
        let places = Places {
            executable_directory: Some(empty.path()),
            cache_directory: Some(empty.path()),
            ..Places::default()
        };
        let message = locate(&places).unwrap_err().to_string();
        assert_eq!(message.matches(empty.path().to_str().unwrap()).count(), 7, "{message}");
        assert!(message.contains("mlhost fetch-runtime"), "{message}");
    }
}
