//! Runs commands in the repository's root and says what it runs. Used by every command of xtask.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A line for the person in front.
#[expect(clippy::print_stderr, reason = "the automation's own voice; standard output is the commands'")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// cargo, in the root, with the target directory everything shares.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root()).env("CARGO_TARGET_DIR", target());
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    say(&format!("$ {}", shown(command)));
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and takes its standard output, trimmed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    say(&format!("$ {}", shown(command)));
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", shown(command), output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The `mlhost` binary, built.
pub(crate) fn mlhost() -> anyhow::Result<PathBuf> {
    run(&mut cargo(&["build", "--locked", "--package", "mlhost"]))?;
    Ok(target().join("debug").join(format!("mlhost{}", std::env::consts::EXE_SUFFIX)))
}

/// ONNX Runtime's library, fetched.
pub(crate) fn onnxruntime(mlhost: &Path) -> anyhow::Result<String> {
    if let Ok(path) = std::env::var("ORT_DYLIB_PATH") {
        return Ok(path);
    }
    output(Command::new(mlhost).arg("fetch-runtime"))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
