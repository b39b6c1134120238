//! `cargo xtask demo`: from a fresh clone to a prediction.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::process::{mlhost, onnxruntime, root, say};

/// A flower of each species; the iris sample takes millimetres.
const BODY: &str = r#"{"dataframe_split": {"columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"], "data": [[51, 35, 14, 2], [64, 32, 45, 15], [63, 33, 60, 25]]}}"#;

pub(crate) fn run(port: &str) -> anyhow::Result<()> {
    let mlhost = mlhost()?;
    let library = onnxruntime(&mlhost)?;
    let model = root().join("models/iris");
    let mut server = Command::new(&mlhost)
        .arg("serve")
        .arg("-m")
        .arg(&model)
        .args(["--port", port])
        .env("ORT_DYLIB_PATH", library)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{}`", mlhost.display()))?;
    let output = server.stdout.take().context("the server's output")?;
    let mut ready = String::new();
    BufReader::new(output).read_line(&mut ready)?;
    if !ready.is_empty() {
        say(ready.trim_end());
        let address = ready.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_default();
        say("\nTry, in another terminal:\n");
        say(&format!("curl {address}/invocations -H 'Content-Type: application/json' -d '{BODY}'"));
        say("\nCtrl-C stops it.");
    }
    let status = server.wait()?;
    if !status.success() {
        bail!("the server ended: {status}");
    }
    Ok(())
}
