//! Who competes: how each server is started, what it is sent, and what its answer says.
//!
//! All serve the same graph. mlhost, the native handler and FastAPI take millimetres and answer with names; MLflow serves
//! the bare graph in centimetres, which is less work. `main.rs` starts them and checks that they agree.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::server_process::{Question, below_target, mlhost, root};

const COLUMNS: [&str; 4] = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
/// Flowers in millimetres, in the order of the columns: one of each species.
const FLOWERS: [[u32; 4]; 3] = [[51, 35, 14, 2], [64, 32, 45, 15], [63, 33, 60, 25]];
/// By how much two servers' probabilities may differ: Python's and ours come from different builds of ONNX Runtime.
const TOLERANCE: f64 = 1e-5;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contender {
    /// The iris sample: its code in a fresh sandbox for every request.
    Mlhost,
    /// The same in plain Rust: `native.rs`.
    Native,
    /// FastAPI, uvicorn, orjson and onnxruntime by hand: `fastapi_app.py`.
    Fastapi,
    /// `mlflow models serve` of the graph: `mlflow_model.py`.
    Mlflow,
}

// === impl Contender ===

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mlhost => "mlhost",
            Self::Native => "native",
            Self::Fastapi => "fastapi",
            Self::Mlflow => "mlflow",
        }
    }

    /// What it cannot be started without, where that is not there.
    pub(crate) fn missing(self) -> Option<String> {
        let venv = self.venv()?;
        let complete =
            venv.join("complete").is_file() && (self != Self::Mlflow || venv.join("iris").is_dir());
        (!complete).then(|| {
            format!(
                "{} is NOT in this table: no {}; `benches/venvs.sh` makes it",
                self.name(),
                venv.display()
            )
        })
    }

    fn venv(self) -> Option<PathBuf> {
        matches!(self, Self::Fastapi | Self::Mlflow).then(|| below_target("venvs").join(self.name()))
    }

    /// How it is started on a port.
    pub(crate) fn command(self, port: u16, onnxruntime: &Path) -> anyhow::Result<Command> {
        let port = port.to_string();
        let iris = root().join("models/iris");
        let venv = self.venv().unwrap_or_default();
        let mut command = match self {
            Self::Mlhost => {
                let mut command = mlhost();
                command.args(["serve", "--port", &port, "-m"]).arg(iris);
                command
            }
            Self::Native => {
                let mut command = Command::new(std::env::current_exe().context("this benchmark's own file")?);
                command.args(["native", &port]).arg(iris);
                command
            }
            Self::Fastapi => {
                let mut command = Command::new(venv.join("bin/uvicorn"));
                command.args(["fastapi_app:app", "--port", &port, "--log-level", "warning"]);
                command.args(["--no-access-log", "--loop", "uvloop", "--http", "httptools", "--app-dir"]);
                command.arg(root().join("benches/serve")).env("IRIS", iris);
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
            Self::Mlflow => {
                let mut command = Command::new(venv.join("bin/mlflow"));
                command.args([
                    "models",
                    "serve",
                    "--env-manager",
                    "local",
                    "--workers",
                    "1",
                    "--port",
                    &port,
                ]);
                command.arg("-m").arg(venv.join("iris"));
                // It finds its own uvicorn on the path.
                let path = std::env::var_os("PATH").unwrap_or_default();
                let path = [venv.join("bin")].into_iter().chain(std::env::split_paths(&path));
                command.env("PATH", std::env::join_paths(path)?).env("MLFLOW_DISABLE_TELEMETRY", "true");
                command
            }
        };
        command.env("ORT_DYLIB_PATH", onnxruntime);
        Ok(command)
    }

    /// A request's body for so many flowers, in the server's own form and units.
    pub(crate) fn body(self, rows: usize) -> String {
        let rows: Vec<String> = (0..rows).map(|row| self.row(FLOWERS[row % FLOWERS.len()])).collect();
        let rows = rows.join(", ");
        match self {
            Self::Mlflow => format!("{{\"inputs\": [{rows}]}}"),
            _ => format!("{{\"dataframe_split\": {{\"columns\": {COLUMNS:?}, \"data\": [{rows}]}}}}"),
        }
    }

    fn row(self, flower: [u32; 4]) -> String {
        let cells = flower.map(|millimetres| match self {
            Self::Mlflow => format!("{}.{}", millimetres / 10, millimetres % 10),
            _ => format!("{millimetres}.0"),
        });
        format!("[{}]", cells.join(", "))
    }

    /// The probabilities of each row's classes, whatever the form of the answer.
    pub(crate) fn probabilities(self, answer: &[u8]) -> anyhow::Result<Vec<f64>> {
        let answer: Value = serde_json::from_slice(answer)?;
        let predictions = &answer["predictions"];
        let found = match self {
            Self::Mlflow => predictions["probabilities"].as_array().map(|rows| {
                rows.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_f64).collect()
            }),
            _ => predictions.as_array().map(|rows| {
                let columns = rows.iter().filter_map(Value::as_object).flatten();
                columns.filter_map(|(_, value)| value.as_f64()).collect()
            }),
        };
        found
            .filter(|found: &Vec<f64>| !found.is_empty())
            .with_context(|| format!("no probabilities: {answer}"))
    }
}

/// One flower of each species.
pub(crate) fn one_of_each(contender: Contender) -> String {
    contender.body(FLOWERS.len())
}

pub(crate) fn question(body: &str) -> Question<'_> {
    Question { content_type: "application/json", body: body.as_bytes() }
}

/// Whether all servers say the same of the same flowers, and the native handler the same bytes as mlhost.
///
/// # Errors
///
/// Two that differ.
pub(crate) fn agree(answers: &[(Contender, Vec<u8>)]) -> anyhow::Result<()> {
    let Some((first, expected)) = answers.first() else { return Ok(()) };
    let expected_probabilities = first.probabilities(expected)?;
    for (contender, answer) in answers {
        let probabilities = contender.probabilities(answer)?;
        let close = probabilities.len() == expected_probabilities.len()
            && probabilities.iter().zip(&expected_probabilities).all(|(a, b)| (a - b).abs() <= TOLERANCE);
        let text = String::from_utf8_lossy(answer);
        ensure!(close, "{contender:?} does not answer as {first:?} does: {text}");
    }
    let bytes = |wanted| answers.iter().find(|(contender, _)| *contender == wanted).map(|(_, answer)| answer);
    if let (Some(mlhost), Some(native)) = (bytes(Contender::Mlhost), bytes(Contender::Native)) {
        ensure!(mlhost == native, "the native handler's answer differs: {}", String::from_utf8_lossy(native));
    }
    Ok(())
}
