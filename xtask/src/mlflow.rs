//! The steps of `cargo xtask test` that put mlhost beside the real MLflow: `tests/mlflow/run.sh` with its scripts.
//!
//! Called by `test`. pip brings MLflow into a virtual environment under the target directory; nothing else is installed.

use std::process::Command;

use crate::process::{self, mlhost, onnxruntime};

/// The same made-up requests to both, in either mode: as many as meet each column type in each form, in some minutes.
pub(crate) fn differential() -> anyhow::Result<Option<String>> {
    script("differential", &["--requests", "3000"])?;
    script("differential", &["--requests", "1000", "--compat", "strict"])
}

/// MLflow's own clients, and `mlflow models serve` itself starting mlhost.
pub(crate) fn clients() -> anyhow::Result<Option<String>> {
    script("clients", &[])
}

/// Every kind of model URI, out of a real tracking server and its neighbours.
pub(crate) fn uris() -> anyhow::Result<Option<String>> {
    script("uris", &[])
}

/// An alias that moves under load.
pub(crate) fn follow() -> anyhow::Result<Option<String>> {
    script("follow", &[])
}

/// What a script cannot run here it says itself, loudly.
fn script(name: &str, arguments: &[&str]) -> anyhow::Result<Option<String>> {
    let mlhost = mlhost()?;
    let library = onnxruntime(&mlhost)?;
    let mut command = Command::new(process::root().join("tests/mlflow/run.sh"));
    command.arg(name).args(arguments).current_dir(process::root());
    command.env("MLHOST", mlhost).env("ORT_DYLIB_PATH", library).env("CARGO_TARGET_DIR", process::target());
    process::run(&mut command)?;
    Ok(None)
}
