//! `cargo xtask demo`: from a fresh clone to a prediction. `cargo xtask test` runs it too and sends the request that it
//! prints.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::process::{mlhost, onnxruntime, output, root, say};

/// A flower of each species; the iris sample takes millimetres.
const BODY: &str = r#"{"dataframe_split": {"columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"], "data": [[51, 35, 14, 2], [64, 32, 45, 15], [63, 33, 60, 25]]}}"#;

/// The server, ended with its owner.
struct Demo {
    server: Child,
    address: String,
}

pub(crate) fn run(port: &str) -> anyhow::Result<()> {
    let mut demo = Demo::start(port)?;
    say("\nTry, in another terminal:\n");
    say(&demo.request());
    say("\nCtrl-C stops it.");
    let status = demo.server.wait()?;
    if !status.success() {
        bail!("the server ended: {status}");
    }
    Ok(())
}

/// Runs the demo on a free port and sends its request as printed. Answers what had to be left out.
pub(crate) fn check() -> anyhow::Result<Option<String>> {
    let demo = Demo::start("0")?;
    if output(Command::new("curl").arg("--version")).is_err() {
        return Ok(Some("curl is not installed: the demo's request was not sent".to_owned()));
    }
    let answer = output(Command::new("sh").arg("-c").arg(demo.request()))?;
    for species in ["setosa", "versicolor", "virginica"] {
        ensure!(
            answer.contains(&format!("\"species\": \"{species}\"")),
            "no {species} in the answer: {answer}"
        );
    }
    Ok(None)
}

// === impl Demo ===

impl Demo {
    fn start(port: &str) -> anyhow::Result<Self> {
        let mlhost = mlhost()?;
        let library = onnxruntime(&mlhost)?;
        let mut server = Command::new(&mlhost)
            .arg("serve")
            .arg("-m")
            .arg(root().join("models/iris"))
            .args(["--port", port])
            .env("ORT_DYLIB_PATH", library)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{}`", mlhost.display()))?;
        let stdout = server.stdout.take().context("the server's output")?;
        // From here on the server ends with this value, also where an error comes first.
        let mut demo = Self { server, address: String::new() };
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready)?;
        if ready.is_empty() {
            bail!("the server did not start: {}", demo.server.wait()?);
        }
        say(ready.trim_end());
        let address = ready.split_whitespace().find(|word| word.starts_with("http://"));
        demo.address = address.context("the ready line names no address")?.to_owned();
        Ok(demo)
    }

    /// What a newcomer types.
    fn request(&self) -> String {
        format!("curl {}/invocations -H 'Content-Type: application/json' -d '{BODY}'", self.address)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
