//! Runs commands in the repository's root and says what it runs. Used by every command of xtask.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// What a script ends with that could run nothing here: no failure, and said.
const NOTHING_RAN: i32 = 77;

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

/// Takes from a command what cargo told xtask of xtask: its name, its version, its folder. ring's build script looks at them, so
/// that with them a nested cargo makes anew what one from a shell has made: ring, all TLS and mlhost, minutes each time.
fn as_from_a_shell(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    say(&format!("$ {}", shown(command)));
    as_from_a_shell(command);
    let status = command.status().with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs a command and takes its standard output, trimmed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    say(&format!("$ {}", shown(command)));
    as_from_a_shell(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run `{}`", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", shown(command), output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Runs a script to its end, passes on what it prints, and takes what could not run here: the lines that say so in capitals.
pub(crate) fn left_out(command: &mut Command) -> anyhow::Result<Option<String>> {
    say(&format!("$ {}", shown(command)));
    as_from_a_shell(command);
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot run `{}`", shown(command)))?;
    let mut left_out = Vec::new();
    let printed = child.stdout.take().context("a script without standard output")?;
    for line in BufReader::new(printed).split(b'\n') {
        let line = line?;
        std::io::stdout().write_all(&[&line[..], b"\n"].concat())?;
        let line = String::from_utf8_lossy(&line);
        if line.contains("RUN HERE") {
            left_out.push(line.trim().to_owned());
        }
    }
    let status = child.wait()?;
    let said_why = status.code() == Some(NOTHING_RAN) && !left_out.is_empty();
    if !status.success() && !said_why {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok((!left_out.is_empty()).then(|| left_out.join("; ")))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(script: &str) -> anyhow::Result<Option<String>> {
        left_out(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn a_nested_cargo_has_the_environment_of_a_shell() {
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "run by cargo");
        let told = output(Command::new("sh").args(["-c", "env | grep -cE '^CARGO_(PKG|MANIFEST)_' || true"]));
        assert_eq!(told.unwrap(), "0");
    }

    #[test]
    fn what_cannot_run_is_repeated_and_is_a_failure_only_where_it_is_not_said() {
        assert_eq!(ran("echo fine").unwrap(), None);
        let said = "NOTHING OF x CAN RUN HERE: no tool";
        assert_eq!(ran(&format!("echo '{said}'; exit 77")).unwrap().as_deref(), Some(said));
        let two =
            ran("echo 'LEFT OUT a: THIS CANNOT RUN HERE'; echo ok; echo 'LEFT OUT b: THIS CANNOT RUN HERE'");
        assert_eq!(
            two.unwrap().as_deref(),
            Some("LEFT OUT a: THIS CANNOT RUN HERE; LEFT OUT b: THIS CANNOT RUN HERE")
        );
        assert!(ran("exit 77").is_err());
        assert!(ran(&format!("echo '{said}'; exit 1")).is_err());
    }
}
