//! The steps of `cargo xtask test` that run scripts of the repository with a built mlhost: MLflow itself beside it
//! (`tests/mlflow`), other people's clients (`tests/clients`), other frameworks' models (`tests/convert`), the Python
//! package (`tests/wheel`), engines for batches (`tests/engines`), faults of the machine (`tests/faults`), the fuzz targets.
//!
//! Called by `test`. pip brings MLflow and the clients into virtual environments under the target directory; nothing is
//! installed elsewhere. What a script cannot run here it says in capitals, and the step repeats it.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::process::{self, mlhost, onnxruntime, say};

/// How long each fuzz target runs: long enough to take all its seeds and what once found something. Longer is for people.
const FUZZ_SECONDS: &str = "5";

/// The same made-up requests to both, in either mode: as many as meet each column type in each form, in some minutes.
pub(crate) fn differential() -> anyhow::Result<Option<String>> {
    mlflow("differential", &["--requests", "3000"])?;
    mlflow("differential", &["--requests", "1000", "--compat", "strict"])
}

/// MLflow's own clients, and `mlflow models serve` itself starting mlhost.
pub(crate) fn clients() -> anyhow::Result<Option<String>> {
    mlflow("clients", &[])
}

/// Every kind of model URI, out of a real tracking server and its neighbours.
pub(crate) fn uris() -> anyhow::Result<Option<String>> {
    mlflow("uris", &[])
}

/// An alias that moves under load.
pub(crate) fn follow() -> anyhow::Result<Option<String>> {
    mlflow("follow", &[])
}

/// Every platform's protocol, spoken by the platform's own client. All are run, also after one that fails.
pub(crate) fn protocols() -> anyhow::Result<Option<String>> {
    let list = process::root().join("tests/clients/packages.sh");
    let list = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let sections = sections(&list);
    ensure!(!sections.is_empty(), "tests/clients/packages.sh names no section");
    let mut failed = Vec::new();
    for section in sections {
        say(&format!("\n-- {section}"));
        if let Err(error) = process::run(&mut script("tests/clients/run.sh", &[section])?) {
            say(&format!("{error:#}"));
            failed.push(section);
        }
    }
    ensure!(failed.is_empty(), "of tests/clients: {}", failed.join(", "));
    Ok(None)
}

/// Models of other frameworks, converted and served.
pub(crate) fn convert() -> anyhow::Result<Option<String>> {
    process::run(&mut script("tests/convert/run.sh", &[])?)?;
    Ok(Some("PyTorch's models: torch is 6 GB; `tests/convert/run.sh --pytorch` converts them".to_owned()))
}

/// The Python package, built, installed beside MLflow and used.
pub(crate) fn wheel() -> anyhow::Result<Option<String>> {
    process::run(&mut script("tests/wheel/run.sh", &[])?)?;
    Ok(None)
}

/// The examples for Spark, Ray and pandas, and what each predicts of the same rows.
pub(crate) fn engines() -> anyhow::Result<Option<String>> {
    process::run(&mut script("tests/engines/run.sh", &[])?)?;
    Ok(None)
}

/// A full disk, one that is read-only, another user, slow clients.
pub(crate) fn faults() -> anyhow::Result<Option<String>> {
    let mut left_out = Vec::new();
    for path in ["tests/faults/run.sh", "tests/faults/slow_clients.sh"] {
        left_out.extend(process::left_out(&mut script(path, &[])?)?);
    }
    Ok((!left_out.is_empty()).then(|| left_out.join("; ")))
}

/// Every fuzz target, for a short time.
pub(crate) fn fuzz() -> anyhow::Result<Option<String>> {
    process::run(&mut script("fuzz/run.sh", &["all", FUZZ_SECONDS])?)?;
    Ok(None)
}

fn mlflow(name: &str, arguments: &[&str]) -> anyhow::Result<Option<String>> {
    let arguments: Vec<&str> = std::iter::once(name).chain(arguments.iter().copied()).collect();
    process::run(&mut script("tests/mlflow/run.sh", &arguments)?)?;
    Ok(None)
}

/// The script at `path`, to be run from the root with a built mlhost and ONNX Runtime.
fn script(path: &str, arguments: &[&str]) -> anyhow::Result<Command> {
    let mlhost = mlhost()?;
    let library = onnxruntime(&mlhost)?;
    let mut command = Command::new(process::root().join(path));
    command.args(arguments).current_dir(process::root());
    command.env("MLHOST", mlhost).env("ORT_DYLIB_PATH", library).env("CARGO_TARGET_DIR", process::target());
    Ok(command)
}

/// The sections that `packages.sh` has packages for: lines of the form `[name]="..."`.
fn sections(packages: &str) -> Vec<&str> {
    let lines = packages.lines().filter_map(|line| line.trim_start().strip_prefix('[')?.split_once("]="));
    lines.map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_of_the_folder_has_its_section_and_every_section_its_client() {
        let folder = process::root().join("tests/clients");
        let packages = fs::read_to_string(folder.join("packages.sh")).unwrap();
        let mut clients = Vec::new();
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "py") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                // What others import says of itself that it is used by them; what runs says how.
                if fs::read_to_string(&path).unwrap().contains(&format!("\n    run.sh {name}")) {
                    clients.push(name);
                }
            }
        }
        clients.sort();
        assert!(clients.len() >= 9, "{clients:?}");
        assert_eq!(sections(&packages), clients);
    }
}
