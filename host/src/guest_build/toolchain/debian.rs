//! Makes a private guest toolchain out of Debian's packages. Called by `toolchain` with an empty folder of its own.
//!
//! Debian has `rustc-web`, a recent rustc for building browsers, and its source, but no wasm32 standard library for
//! it: the packages are unpacked (not installed), and the standard library is compiled once. apt checks the archive's
//! signatures as it always does, against lists kept in the same folder, so neither root nor the system's own lists
//! are needed or touched. Nothing outside the folder is written.

use std::env::consts::ARCH;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::remap::Remap;
use super::{Progress, TARGET};

/// What the finished folder is called; a new recipe takes a new name.
pub(super) const NAME: &str = "debian-2";

/// The wrapper finds its libraries beside itself, so that the folder can be moved once it is whole.
const WRAPPER: &str = r#"#!/bin/sh
here=${0%/*}
LD_LIBRARY_PATH="$here/prefix/usr/lib/@MULTIARCH@:$here/prefix/usr/lib/@LLVM@/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH
exec "$here/prefix/usr/bin/rustc" "$@"
"#;

/// The packages to unpack, as `name=version`.
#[derive(Debug, PartialEq, Eq)]
struct Packages {
    compiler: Vec<String>,
    /// `libllvm22`: the LLVM that the compiler is linked against.
    llvm: String,
}

/// std for wasm32, as it is compiled once.
struct StandardLibrary<'a> {
    /// The compiler that it belongs to.
    rustc: &'a Path,
    /// Where that compiler and the source are unpacked.
    prefix: &'a Path,
    /// Where to build.
    target_dir: &'a Path,
}

/// apt with lists and caches of its own.
struct Apt {
    options: Vec<String>,
    folder: PathBuf,
}

/// Makes the toolchain under `work`, whose path must be absolute, and returns the folder that holds it, ready to be
/// renamed. It has one file to call: `rustc`.
///
/// # Errors
/// A clause for people that says what is missing or which step failed.
pub(super) fn make(work: &Path, cargo_home: Option<&Path>, progress: Progress) -> Result<PathBuf, String> {
    if !Path::new("/etc/debian_version").exists() || run(Command::new("apt-get").arg("--version")).is_err() {
        return Err("this is not Debian, where one could be made".to_owned());
    }
    progress
        .say("the active rustc cannot build guests: making a private toolchain from Debian's packages, once");
    progress.say("(about 470 MB, some minutes; to avoid it: rustup target add wasm32-unknown-unknown)");
    let apt = Apt::new(work)?;
    progress.say("  reading the package lists");
    apt.update()?;
    let packages = apt.resolve()?;
    let made = work.join(NAME);
    let prefix = made.join("prefix");
    progress.say("  downloading the compiler and its source");
    apt.unpack(packages.compiler.iter().chain([&packages.llvm]), &prefix)?;
    let rustc = write_wrapper(&made, &packages.llvm)?;
    link_linker(&apt, &packages.llvm, &prefix)?;
    progress.say("  compiling the standard library");
    let library = StandardLibrary { rustc: &rustc, prefix: &prefix, target_dir: &work.join("target") };
    library.compile(cargo_home)?;
    for unneeded in ["src", "share/doc", "share/man", "lib/rustlib/src", "lib/rustlib/rustc-src"] {
        remove(&prefix.join("usr").join(unneeded))?;
    }
    Ok(made)
}

/// Writes `rustc`, the script that starts the compiler with its own libraries.
fn write_wrapper(made: &Path, llvm: &str) -> Result<PathBuf, String> {
    let path = made.join("rustc");
    let script =
        WRAPPER.replace("@MULTIARCH@", &format!("{ARCH}-linux-gnu")).replace("@LLVM@", &llvm_folder(llvm));
    fs::write(&path, script).map_err(|error| failed(&path, &error))?;
    run(Command::new("chmod").arg("755").arg(&path))?;
    Ok(path)
}

/// `libllvm22=1:22.1.8-1` is unpacked into `usr/lib/llvm-22`.
fn llvm_folder(llvm: &str) -> String {
    let digits: String =
        llvm.trim_start_matches("libllvm").chars().take_while(char::is_ascii_digit).collect();
    format!("llvm-{digits}")
}

/// Puts a wasm linker where rustc looks for it: the one that rustup's rustc brings, else Debian's.
fn link_linker(apt: &Apt, llvm: &str, prefix: &Path) -> Result<(), String> {
    let host = format!("{ARCH}-unknown-linux-gnu");
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"])).unwrap_or_default();
    let mut linker = Path::new(sysroot.trim()).join("lib/rustlib").join(&host).join("bin/rust-lld");
    if !linker.is_absolute() || !linker.exists() {
        let folder = llvm_folder(llvm);
        let package = folder.replace("llvm-", "lld-");
        apt.unpack([&package], prefix)?;
        // Relative to the link, so that it survives the folder's move.
        linker = Path::new("../../..").join(folder).join("bin/lld");
    }
    let bin = prefix.join("usr/lib/rustlib").join(host).join("bin");
    fs::create_dir_all(&bin).map_err(|error| failed(&bin, &error))?;
    let link = bin.join("rust-lld");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&linker, &link).map_err(|error| failed(&link, &error))?;
    Ok(())
}

/// The first dependency in `apt-cache show`'s answer whose name is `prefix` and a version: `libllvm` finds `libllvm22`.
fn dependency<'a>(shown: &'a str, prefix: &str) -> Option<&'a str> {
    let depends = shown.lines().find_map(|line| line.strip_prefix("Depends:"))?;
    let names = depends.split(',').filter_map(|clause| clause.split_whitespace().next());
    names.into_iter().find(|name| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    })
}

/// The candidate version in `apt-cache policy`'s answer.
fn candidate(policy: &str) -> Option<&str> {
    let version = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate:"))?.trim();
    (version != "(none)").then_some(version)
}

/// Runs `command` and returns its stdout; where it fails, the end of what it said is in the error.
fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.trim().lines().rev().take(5).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(format!("`{program}` failed: {}", last.join("\n  ")))
}

fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("`{}` cannot be written: {error}", path.display())
}

// === impl StandardLibrary ===

impl StandardLibrary<'_> {
    /// Compiles it and puts it into its compiler's sysroot.
    fn compile(&self, cargo_home: Option<&Path>) -> Result<(), String> {
        // Its packages first, so that the folder they are unpacked in is known.
        run(self.cargo("fetch").arg("--quiet"))?;
        // What rustc's own build sets: bitcode for guests that link with LTO, and stable hashes in file names.
        let mut flags = vec!["-Zforce-unstable-if-unmarked".to_owned(), "-Cembed-bitcode=yes".to_owned()];
        flags.extend(cargo_home.map(Remap::cargo_home).unwrap_or_default().flags());
        run(self
            .cargo("build")
            .args(["--quiet", "--release"])
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
            .env("__CARGO_DEFAULT_LIB_METADATA", "stablestd"))?;
        let libraries = self.prefix.join("usr/lib/rustlib").join(TARGET).join("lib");
        fs::create_dir_all(&libraries).map_err(|error| failed(&libraries, &error))?;
        let built = self.target_dir.join(TARGET).join("release/deps");
        for entry in fs::read_dir(&built).map_err(|error| failed(&built, &error))?.flatten() {
            if entry.path().extension() == Some(OsStr::new("rlib")) {
                let to = libraries.join(entry.file_name());
                fs::copy(entry.path(), &to).map_err(|error| failed(&to, &error))?;
            }
        }
        Ok(())
    }

    fn cargo(&self, command: &str) -> Command {
        let source = self.prefix.join("usr/lib/rustlib/src/rust/library/std/Cargo.toml");
        let mut cargo = Command::new("cargo");
        cargo
            .args([command, "--locked", "--target", TARGET, "--manifest-path"])
            .arg(source)
            // The standard library's manifest needs unstable features.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", self.rustc)
            .env("RUSTC_WRAPPER", "")
            .env("CARGO_TARGET_DIR", self.target_dir)
            .env_remove("RUSTFLAGS")
            .current_dir(self.prefix);
        cargo
    }
}

// === impl Apt ===

impl Apt {
    fn new(work: &Path) -> Result<Self, String> {
        let folder = work.join("packages");
        let lists = work.join("lists");
        let cache = work.join("cache");
        for folder in [&folder, &lists.join("partial"), &cache.join("archives/partial")] {
            fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        }
        let options = [
            format!("-oDir::State::Lists={}", lists.display()),
            format!("-oDir::Cache={}", cache.display()),
            // The folder is this user's alone; apt would otherwise try to write it as its own user.
            "-oAPT::Sandbox::User=".to_owned(),
            "-oAcquire::Languages=none".to_owned(),
        ];
        Ok(Self { options: options.into(), folder })
    }

    fn update(&self) -> Result<(), String> {
        run(Command::new("apt-get").args(&self.options).args(["-qq", "--error-on=any", "update"])).map(drop)
    }

    fn resolve(&self) -> Result<Packages, String> {
        let cache = |arguments: &[&str]| run(Command::new("apt-cache").args(&self.options).args(arguments));
        let missing = |name: &str| format!("Debian's `{name}` is not among this system's packages");
        let policy = cache(&["policy", "rustc-web"])?;
        let version = candidate(&policy).ok_or_else(|| missing("rustc-web"))?;
        let shown = cache(&["show", &format!("libstd-rust-web-dev={version}")])?;
        let library = dependency(&shown, "libstd-rust-web-").ok_or_else(|| missing("libstd-rust-web"))?;
        let shown = cache(&["show", &format!("{library}={version}")])?;
        let llvm = dependency(&shown, "libllvm").ok_or_else(|| missing("libllvm"))?;
        let compiler = ["rustc-web", library, "libstd-rust-web-dev", "rust-web-src"];
        Ok(Packages {
            compiler: compiler.iter().map(|name| format!("{name}={version}")).collect(),
            llvm: llvm.to_owned(),
        })
    }

    /// Downloads `packages` and unpacks them under `prefix`; apt checks each against the signed lists.
    fn unpack<'a>(
        &self,
        packages: impl IntoIterator<Item = &'a String>,
        prefix: &Path,
    ) -> Result<(), String> {
        fs::create_dir_all(prefix).map_err(|error| failed(prefix, &error))?;
        let mut download = Command::new("apt-get");
        run(download.args(&self.options).args(["-qq", "download"]).args(packages).current_dir(&self.folder))?;
        for entry in fs::read_dir(&self.folder).map_err(|error| failed(&self.folder, &error))?.flatten() {
            run(Command::new("dpkg").arg("-x").arg(entry.path()).arg(prefix))?;
            fs::remove_file(entry.path()).map_err(|error| failed(&entry.path(), &error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
