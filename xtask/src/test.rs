//! `cargo xtask test`: everything that CI runs, step by step, each with its time. What cannot run here says so.

use std::process::Command;
use std::time::Instant;

use anyhow::bail;

use crate::process::{self, cargo, mlhost, onnxruntime, output, say, target};
use crate::{demo, guests, models, python, scripts};

const DENY_VERSION: &str = "0.20.2";

/// A step's name and what it does; the text it answers is what it had to leave out.
struct Step {
    name: &'static str,
    run: fn() -> anyhow::Result<Option<String>>,
}

/// Steps that are run where they are asked for, and why not with all others.
const ASKED_FOR: [(&str, &str); 1] = [(
    "engines",
    "NOT RUN: Spark and Ray take a quarter of an hour; `cargo xtask test --only engines` runs them",
)];

const STEPS: [Step; 20] = [
    Step { name: "fmt", run: fmt },
    Step { name: "clippy", run: clippy },
    Step { name: "doc", run: doc },
    Step { name: "test", run: test },
    Step { name: "demo", run: demo::check },
    Step { name: "guests", run: guest_crates },
    Step { name: "rebuild", run: rebuild },
    Step { name: "python", run: python::check },
    Step { name: "minilm", run: minilm },
    Step { name: "differential", run: scripts::differential },
    Step { name: "clients", run: scripts::clients },
    Step { name: "uris", run: scripts::uris },
    Step { name: "follow", run: scripts::follow },
    Step { name: "protocols", run: scripts::protocols },
    Step { name: "convert", run: scripts::convert },
    Step { name: "wheel", run: scripts::wheel },
    Step { name: "engines", run: scripts::engines },
    Step { name: "faults", run: scripts::faults },
    Step { name: "fuzz", run: scripts::fuzz },
    Step { name: "deny", run: deny },
];

pub(crate) fn run(only: Option<&str>) -> anyhow::Result<()> {
    let steps: Vec<&Step> = STEPS.iter().filter(|step| only.is_none_or(|name| name == step.name)).collect();
    if steps.is_empty() {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step `{}`; the steps are {}", only.unwrap_or_default(), names.join(", "));
    }
    let mut table = Vec::new();
    for step in steps {
        say(&format!("\n== {}", step.name));
        let start = Instant::now();
        let left_out = ASKED_FOR.iter().find(|(name, _)| only.is_none() && *name == step.name);
        let outcome = match left_out {
            Some((_, why)) => {
                say(why);
                Ok(Some((*why).to_owned()))
            }
            None => (step.run)(),
        };
        let seconds = start.elapsed().as_secs_f64();
        let said = match &outcome {
            Ok(left_out) => left_out.clone().unwrap_or_else(|| "-".to_owned()),
            Err(_) => "FAILED; what comes after it was not run".to_owned(),
        };
        table.push(format!("{:<12} {seconds:>8.1}  {said}", step.name));
        if let Err(error) = outcome {
            show(&table);
            let hint = format!("step `{0}`\nhint: `cargo xtask test --only {0}` runs it alone", step.name);
            return Err(error.context(hint));
        }
    }
    show(&table);
    Ok(())
}

fn show(table: &[String]) {
    say("\nstep          seconds  left out");
    for line in table {
        say(line);
    }
}

fn fmt() -> anyhow::Result<Option<String>> {
    process::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    process::run(&mut guest_cargo(&["fmt", "--check"]))?;
    Ok(None)
}

fn clippy() -> anyhow::Result<Option<String>> {
    process::run(&mut cargo(&[
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(None)
}

fn doc() -> anyhow::Result<Option<String>> {
    let mut command = cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(None)
}

fn test() -> anyhow::Result<Option<String>> {
    let library = onnxruntime(&mlhost()?)?;
    process::run(cargo(&["test", "--locked", "--workspace"]).env("ORT_DYLIB_PATH", library))?;
    Ok(None)
}

/// The guests' own tests, on this machine's target.
fn guest_crates() -> anyhow::Result<Option<String>> {
    process::run(&mut guest_cargo(&[
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    process::run(&mut guest_cargo(&["test", "--locked", "--workspace"]))?;
    Ok(None)
}

/// Components rebuilt from source must pass the tests that the committed ones pass.
fn rebuild() -> anyhow::Result<Option<String>> {
    let mlhost = mlhost()?;
    let library = onnxruntime(&mlhost)?;
    let models = guests::rebuild_copy(&mlhost)?;
    let mut command = cargo(&["test", "--locked", "--package", "mlhost", "--test", "it"]);
    process::run(command.env("ORT_DYLIB_PATH", library).env("MLHOST_TEST_MODELS", models))?;
    Ok(None)
}

/// The sample whose graph is too large to be committed: with the committed component, then with one built from source.
fn minilm() -> anyhow::Result<Option<String>> {
    let mlhost = mlhost()?;
    let library = onnxruntime(&mlhost)?;
    for folder in [models::minilm()?, models::minilm_rebuilt(&mlhost)?] {
        let mut command =
            cargo(&["test", "--locked", "--package", "mlhost", "--test", "it", "--", "--ignored"]);
        command.arg("minilm::").env("ORT_DYLIB_PATH", &library).env("MLHOST_TEST_MINILM", folder);
        process::run(&mut command)?;
    }
    Ok(None)
}

/// Licences, bans and sources; advisories need a database that only an online machine has.
fn deny() -> anyhow::Result<Option<String>> {
    let tools = target().join("tools");
    let installed = tools.join("bin/cargo-deny");
    let present = output(Command::new("cargo-deny").arg("--version")).is_ok();
    if !present && !installed.is_file() {
        let root = tools.to_string_lossy().into_owned();
        process::run(&mut cargo(&[
            "install",
            "--locked",
            "--root",
            &root,
            "cargo-deny",
            "--version",
            DENY_VERSION,
        ]))?;
    }
    let program = if present { "cargo-deny".into() } else { installed };
    // The crates of every platform: cargo-deny reads them all and downloads none.
    process::run(&mut cargo(&["fetch", "--locked"]))?;
    let mut command = Command::new(program);
    command.args(["--offline", "check", "bans", "licenses", "sources"]).current_dir(process::root());
    process::run(&mut command)?;
    Ok(Some("cargo-deny's advisories: their database cannot be had offline".to_owned()))
}

/// cargo in the guests' workspace, with a target directory of its own: other profiles, other features.
fn guest_cargo(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command.current_dir(process::root().join("models")).env("CARGO_TARGET_DIR", target().join("guests"));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_names_every_step_in_its_order_and_no_other() {
        let (_, after) = crate::USAGE.split_once("steps: ").unwrap();
        let (list, _) = after.split_once("\n  guests").unwrap();
        let named: Vec<&str> = list.split(',').map(str::trim).collect();
        let steps: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        assert_eq!(named, steps);
    }
}
