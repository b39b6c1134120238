//! Runs cargo: which package to build, and the build. Called by `build`; knows nothing of components.
//!
//! The profile is `mlhost-guest`, which inherits the user's own `release`: `opt-level`, `debug` and `strip` stay
//! theirs. On top come `lto` and one codegen unit, which drop what a guest does not use. `panic` and `strip` need no
//! word: the target aborts on panic anyway, and cargo's release profile keeps the `name` section (a fifth of a small
//! guest), without which a trap could not say where it happened.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::remap::{self, Remap};
use super::toolchain::Rustc;
use super::{BuildError, Progress, TARGET};

/// What a guest starts with beside its static data, in bytes: its stack, and a heap that most calls do with. Between two
/// calls the host looks through all of it, and a guest that never has to grow its memory is two to three times cheaper.
/// cargo puts the user's own flags for a `cfg` after these, and of two the linker takes the last.
const STACK: u32 = 256 << 10;
const HEAP: u32 = 256 << 10;

/// A package that builds a `cdylib`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name, for people.
    pub(crate) name: String,
    /// Its package id, for cargo.
    pub(crate) id: String,
    /// The folder that cargo runs in, so that the user's own `.cargo/config.toml` and `rust-toolchain.toml` count.
    pub(crate) folder: PathBuf,
    /// Where cargo is told to build.
    target_dir: Option<PathBuf>,
    /// What `cargo metadata` says of its workspace.
    metadata: Value,
}

/// The package in `folder`; where that is a workspace without a package of its own, the only guest in it. Compiles
/// and downloads nothing.
///
/// # Errors
/// Where there is no package, several to choose from, or one that makes no module.
pub(crate) fn find_package(folder: &Path, target_dir: Option<PathBuf>) -> Result<Package, BuildError> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::NoPackage { path: folder.to_path_buf() });
    }
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(cannot_run)?;
    let unreadable = |detail: String| BuildError::Metadata { path: folder.to_path_buf(), detail };
    if !output.status.success() {
        return Err(unreadable(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| unreadable(error.to_string()))?;
    let manifest =
        manifest.canonicalize().map_err(|source| BuildError::Read { path: manifest.clone(), source })?;
    Ok(Package { target_dir, ..choose(&metadata, folder, &manifest)? })
}

/// Chooses out of `cargo metadata`: the package whose manifest is `manifest`, else (a virtual workspace) the only one
/// that builds a `cdylib`.
fn choose(metadata: &Value, folder: &Path, manifest: &Path) -> Result<Package, BuildError> {
    let path = folder.to_path_buf();
    let packages: Vec<&Value> = metadata["packages"].as_array().into_iter().flatten().collect();
    let own = packages.iter().find(|package| Path::new(&text(&package["manifest_path"])) == manifest);
    let chosen = if let Some(own) = own {
        *own
    } else {
        let guests: Vec<&Value> = packages.iter().copied().filter(|package| has_cdylib(package)).collect();
        match guests.as_slice() {
            [only] => *only,
            [] => return Err(BuildError::NoGuests { path }),
            several => return Err(BuildError::SeveralPackages { path, known: names(several) }),
        }
    };
    let name = text(&chosen["name"]);
    if !has_cdylib(chosen) {
        return Err(BuildError::NoCdylib { name, manifest: PathBuf::from(text(&chosen["manifest_path"])) });
    }
    Ok(Package { name, id: text(&chosen["id"]), folder: path, target_dir: None, metadata: metadata.clone() })
}

fn names(packages: &[&Value]) -> String {
    packages.iter().map(|package| format!("`{}`", text(&package["name"]))).collect::<Vec<_>>().join(", ")
}

fn has_cdylib(package: &Value) -> bool {
    let targets = package["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    targets.iter().any(is_cdylib)
}

fn is_cdylib(target: &Value) -> bool {
    target["crate_types"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "cdylib"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What cargo's messages amount to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Messages {
    /// The package's core module, once it is linked.
    module: Option<PathBuf>,
}

/// Compiles `package` and returns the core module's path. cargo's own output goes to stderr.
///
/// # Errors
/// [`BuildError::Compile`] after cargo has said why.
pub(crate) fn compile(
    package: &Package,
    rustc: &Rustc,
    cargo_home: Option<&Path>,
    progress: Progress,
) -> Result<PathBuf, BuildError> {
    let mut command = command(package, &remap(package, cargo_home));
    if progress.quiet {
        command.arg("--quiet");
    }
    if let Rustc::Private(path) = rustc {
        command.env("RUSTC", path);
    }
    let mut cargo = command.spawn().map_err(cannot_run)?;
    let messages = match cargo.stdout.take() {
        Some(stdout) => read_messages(BufReader::new(stdout), &package.id, &mut io::stderr()),
        None => Messages::default(),
    };
    let status = cargo.wait().map_err(cannot_run)?;
    let hint = match messages {
        Messages { module: Some(path), .. } if status.success() => return Ok(path),
        Messages { .. } if status.success() => "\nhint: it ran, but reported no `.wasm` file",
        Messages { .. } => "",
    };
    Err(BuildError::Compile { name: package.name.clone(), hint })
}

/// Maps what is known of where sources lie. cargo says that only once it has unpacked something, so on a machine where
/// it never has, it does so first; where that fails, the build itself says why.
fn remap(package: &Package, cargo_home: Option<&Path>) -> Remap {
    let mut remap = Remap::default();
    if let Some(home) = cargo_home {
        if !remap::knows_registries(home) {
            let mut fetch = Command::new("cargo");
            fetch.args(["fetch", "--target", TARGET]).current_dir(&package.folder);
            let _ = fetch.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        remap = Remap::cargo_home(home);
    }
    remap.add_workspace(&package.metadata);
    remap
}

fn command(package: &Package, remap: &Remap) -> Command {
    let stack = format!("-Clink-arg=-zstack-size={STACK}");
    let heap = format!("-Clink-arg=--initial-heap={HEAP}");
    let flags: Vec<String> = [stack, heap].into_iter().chain(remap.flags()).collect();
    let format = if io::stderr().is_terminal() { "json-diagnostic-rendered-ansi" } else { "json" };
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--lib", "--target", TARGET, "--profile", "mlhost-guest"])
        .args(["--package", &package.id, "--message-format", format])
        .args(["--config", "profile.mlhost-guest.inherits='release'"])
        .args(["--config", "profile.mlhost-guest.lto=true"])
        .args(["--config", "profile.mlhost-guest.codegen-units=1"])
        // Diagnostics come as messages and are printed here: a progress bar would be drawn across them.
        .args(["--config", "term.progress.when='never'"])
        // Through the configuration, because cargo joins this with the user's own flags for the target.
        // RUSTFLAGS would replace both, and is meant for the machine's own programs.
        // A list of JSON strings is one of TOML.
        .args(["--config", &format!("target.{TARGET}.rustflags={}", Value::from(flags))])
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(&package.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if let Some(folder) = &package.target_dir {
        cargo.env("CARGO_TARGET_DIR", folder);
    }
    cargo
}

fn cannot_run(source: io::Error) -> BuildError {
    BuildError::Program { program: "cargo", source }
}

/// Reads cargo's messages, one JSON object a line, and copies what the compiler says to `human`.
fn read_messages(lines: impl BufRead, package: &str, human: &mut impl Write) -> Messages {
    let mut messages = Messages::default();
    // A line that cannot be read or is not JSON (a build script's, say) concerns nobody here.
    for message in lines.lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&message) else { continue };
        if let Some(rendered) = message["message"]["rendered"].as_str() {
            let _ = human.write_all(rendered.as_bytes());
        }
        let ours = message["reason"] == "compiler-artifact" && message["package_id"] == package;
        if ours && is_cdylib(&message["target"]) {
            let files = message["filenames"].as_array().map(Vec::as_slice).unwrap_or_default();
            let module = files.iter().map(|file| PathBuf::from(text(file)));
            messages.module = module
                .into_iter()
                .find(|file| file.extension() == Some(OsStr::new("wasm")))
                .or(messages.module);
        }
    }
    messages
}

#[cfg(test)]
mod tests;
