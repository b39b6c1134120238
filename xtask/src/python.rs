//! `cargo xtask test --only python`: guests in Python, through the tools that their users would take.
//!
//! `mlhost build` makes the sample's component and installs componentize-py for it, into a cache of the test's own. The same
//! componentize-py makes bindings for the SDK's tests, and a component of a fixture that is written without the SDK.

use std::path::Path;
use std::process::Command;

use crate::guests;
use crate::process::{self, cargo, mlhost, onnxruntime, target};

const COMPONENTIZE_VERSION: &str = "0.25.1";

pub(crate) fn check() -> anyhow::Result<Option<String>> {
    let mlhost = mlhost()?;
    let library = onnxruntime(&mlhost)?;
    let componentize = componentize()?;
    sdk(&componentize)?;
    let raw = target().join("python-guest.wasm");
    let mut command = Command::new(&componentize);
    command
        .args(["--wit-path", "../../../guest-sdk/wit", "--world", "model", "componentize", "app", "-o"])
        .arg(&raw)
        .current_dir(process::root().join("tests/fixtures/python-guest"));
    process::run(&mut command)?;
    let sample = target().join("iris-python.wasm");
    guests::build(&mlhost, &process::root().join("models/iris-python/guest"), &sample)?;
    let mut command = cargo(&["test", "--locked", "--package", "mlhost", "--test", "it", "--", "--ignored"]);
    command.arg("python::").env("ORT_DYLIB_PATH", library);
    command.env("MLHOST_TEST_PYTHON_COMPONENT", raw).env("MLHOST_TEST_PYTHON_SAMPLE", sample);
    process::run(command.env("MLHOST_TEST_COMPONENTIZE", componentize))?;
    Ok(None)
}

/// componentize-py in a virtual environment of the tests' own.
fn componentize() -> anyhow::Result<std::path::PathBuf> {
    let tools = target().join("tools/componentize-py");
    let package = format!("componentize-py=={COMPONENTIZE_VERSION}");
    process::run(Command::new("python3").args(["-m", "venv"]).arg(&tools))?;
    let mut pip = Command::new(tools.join("bin/pip"));
    process::run(pip.args(["install", "--quiet", "--no-input", "--disable-pip-version-check", &package]))?;
    Ok(tools.join("bin/componentize-py"))
}

/// The SDK's own tests, in this machine's Python.
fn sdk(componentize: &Path) -> anyhow::Result<()> {
    let bindings = target().join("python-bindings");
    if bindings.exists() {
        std::fs::remove_dir_all(&bindings)?;
    }
    let mut command = Command::new(componentize);
    command.args(["--wit-path", "guest-sdk/wit", "--world", "model", "bindings"]).arg(&bindings);
    process::run(command.current_dir(process::root()))?;
    let mut command = Command::new("python3");
    command
        .args(["-m", "unittest", "discover", "--start-directory", "guest-sdk/python/tests"])
        .env("MLHOST_BINDINGS", bindings)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    process::run(command.current_dir(process::root()))
}
