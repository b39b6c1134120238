//! What README.md tells a newcomer to type does what it says.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::running::{Running, mlhost, models, root};

/// The lines of README.md's code blocks, continued lines joined, comments left out.
fn commands() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = readme.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(|block| {
        let block = block.strip_prefix("sh\n").expect("every block is shell").replace("\\\n", " ");
        block.lines().map(|line| line.split("  #").next().unwrap().trim().to_owned()).collect::<Vec<_>>()
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// What stands between a pair of quotes behind `flag`.
fn quoted<'c>(command: &'c str, flag: &str) -> &'c str {
    command.split_once(flag).unwrap().1.split('\'').nth(1).unwrap()
}

#[test]
fn every_command_of_the_readme_is_known_here() {
    for command in commands() {
        let known = ["cargo xtask demo", "cargo xtask test", "curl http://", "mlhost "];
        assert!(known.iter().any(|known| command.starts_with(known)), "untested: {command}");
    }
}

#[test]
fn the_readmes_request_is_answered_with_three_species() {
    let request = commands().into_iter().find(|command| command.starts_with("curl ")).unwrap();
    assert!(request.starts_with("curl http://127.0.0.1:5000/invocations "), "{request}");
    assert_eq!(quoted(&request, "-H"), "Content-Type: application/json");
    let answer = Running::sample("iris", &[]).invoke(quoted(&request, "-d"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let species: Vec<Value> = answer.json()["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|prediction| prediction["species"].clone())
        .collect();
    assert_eq!(species, ["setosa", "versicolor", "virginica"]);
}

#[test]
fn the_readmes_own_commands_run() {
    let folder = tempfile::tempdir().unwrap();
    let iris = models().join("iris");
    for (file, name) in [
        ("component.wasm", "model.wasm"),
        ("iris.onnx", "iris.onnx"),
        ("labels.txt", "labels.txt"),
        ("calls/one_of_each.request.json", "request.json"),
    ] {
        fs::copy(iris.join(file), folder.path().join(name)).unwrap();
    }
    let rows = "sepal_length,sepal_width,petal_length,petal_width\n51,35,14,2\n";
    fs::write(folder.path().join("rows.csv"), rows).unwrap();
    let mut ran = 0;
    for command in commands().iter().filter_map(|command| command.strip_prefix("mlhost ")) {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[0] {
            // Compiled from source by `cargo xtask test`; here only whether it takes what the readme gives it.
            "build" => {
                let output = mlhost().args(&words).current_dir(folder.path()).output().unwrap();
                let error = String::from_utf8(output.stderr).unwrap();
                assert!(error.contains("`PATH`"), "{error}");
            }
            "mlflow-shim" => {
                let output = mlhost().args(&words).current_dir(folder.path()).output().unwrap();
                assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
                assert!(folder.path().join(words[1]).join("uvicorn").is_file());
            }
            "inspect" | "compile" | "predict" | "package" | "validate" => {
                let words = placed(&words, folder.path(), &iris);
                let output = mlhost().args(&words).current_dir(folder.path()).output().unwrap();
                assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
            }
            "serve" => served(&words, folder.path(), &iris),
            other => panic!("untested: mlhost {other}"),
        }
        ran += 1;
    }
    assert!(ran >= 11, "{ran} commands");
}

/// The command's words, with the folder's files in place of the names in it.
fn placed(words: &[&str], folder: &Path, iris: &Path) -> Vec<String> {
    words
        .iter()
        .map(|word| match *word {
            "DIR" => iris.to_str().unwrap().to_owned(),
            // One folder with one model in it.
            "MODELS" => repository(folder, iris),
            file if folder.join(file).is_file() => folder.join(file).to_str().unwrap().to_owned(),
            flag => flag.to_owned(),
        })
        .collect()
}

/// A repository in `folder` that has iris.
fn repository(folder: &Path, iris: &Path) -> String {
    let models = folder.join("models");
    std::fs::create_dir(&models).unwrap();
    std::os::unix::fs::symlink(iris, models.join("iris")).unwrap();
    models.to_str().unwrap().to_owned()
}

/// The command comes up.
fn served(words: &[&str], folder: &Path, iris: &Path) {
    let paths = placed(&words[1..], folder, iris);
    let flags: Vec<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(Running::start(&flags).get("/ping").status, 200);
}

#[test]
fn every_script_named_in_the_papers_is_there_and_runs() {
    for script in ["benches/instructions.sh", "benches/venvs.sh", "tests/mlflow/run.sh", ".ci/run"] {
        let path = root().join(script);
        let checked = Command::new("bash").arg("-n").arg(&path).status().unwrap();
        assert!(checked.success(), "{script}");
    }
}
