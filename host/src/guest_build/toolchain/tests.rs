//! Which compiler is taken, with scripts in the compiler's place.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A `rustc` that answers with `libraries` and the folder it should be asked in.
fn pretend_rustc(folder: &Path, libraries: &Path) -> PathBuf {
    let path = folder.join("rustc");
    fs::write(&path, format!("#!/bin/sh\necho '{}'\n", libraries.display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_compiler_counts_only_when_its_standard_library_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let libraries = folder.path().join("lib");
    let rustc = pretend_rustc(folder.path(), &libraries);
    let counts = || can_build_guests(rustc.as_os_str(), folder.path());
    assert!(!counts(), "no folder");
    fs::create_dir(&libraries).unwrap();
    fs::write(libraries.join("libcore-1.rlib"), "").unwrap();
    assert!(!counts(), "core alone");
    fs::write(libraries.join("libstd-1.rlib"), "").unwrap();
    assert!(counts());
    assert!(!can_build_guests(OsStr::new("mlhost-no-such-rustc"), folder.path()));
}

#[test]
fn a_private_toolchain_is_reused_and_its_path_is_absolute() {
    let cache = tempfile::tempdir().unwrap();
    let whole = cache.path().join(debian::NAME);
    fs::create_dir(&whole).unwrap();
    fs::write(whole.join("libstd-1.rlib"), "").unwrap();
    pretend_rustc(&whole, &whole);
    let toolchains = Toolchains { folder: cache.path(), cargo_home: None };
    let found = private(toolchains, Progress { quiet: true }).unwrap();
    assert!(found.is_absolute());
    assert_eq!(found, whole.canonicalize().unwrap().join("rustc"));
}

#[test]
fn the_error_says_both_ways_out() {
    let text = BuildError::NoToolchain { detail: "this is not Debian".to_owned() }.to_string();
    assert!(text.contains("hint: rustup target add wasm32-unknown-unknown"), "{text}");
    assert!(text.contains("rust-web-src"), "{text}");
}
