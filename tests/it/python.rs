//! Components with CPython inside of them: one written against the bare contract, as a user without the SDK would, and the
//! sample, which `mlhost build` made.
//!
//! What needs componentize-py is ignored unless asked for, because that comes from PyPI: `cargo xtask test --only python`
//! brings it, makes both components and runs this. What `mlhost build` refuses before that is tested always.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::running::{Running, mlhost, models};
use crate::samples::{close, sorted};

/// A model directory with iris's graph and labels and this component.
fn bundle(component: &Path) -> tempfile::TempDir {
    let bundle = tempfile::tempdir().unwrap();
    for file in ["MLmodel", "iris.onnx", "labels.txt"] {
        fs::copy(models().join("iris").join(file), bundle.path().join(file)).unwrap();
    }
    fs::copy(component, bundle.path().join("component.wasm")).unwrap();
    bundle
}

/// Every call of the sample in Rust is answered as there.
fn answers_as_iris(server: &Running) {
    let mut calls = 0;
    for call in sorted(&models().join("iris/calls")) {
        let Some(name) = call.strip_suffix(".request.json") else { continue };
        let answer = server.invoke(&fs::read_to_string(&call).unwrap());
        assert_eq!(answer.status, 200, "{call}: {answer:?}");
        let expected = fs::read_to_string(format!("{name}.answer.json")).unwrap();
        close(&answer.json(), &expected.parse().unwrap(), &call);
        calls += 1;
    }
    assert!(calls > 0);
}

/// What the step `python` made, by its variable.
fn made(variable: &str) -> PathBuf {
    std::env::var_os(variable).unwrap().into()
}

/// `mlhost build` with the componentize-py that the step `python` brought; its output, and what it said where it failed.
fn build(source: &Path, output: &Path) -> Result<(), String> {
    let tools = made("MLHOST_TEST_COMPONENTIZE");
    let path = std::env::join_paths(
        std::iter::once(tools.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    built(mlhost().env("PATH", path.unwrap()).arg("build").arg(source).arg("-o").arg(output))
}

fn built(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    if output.status.success() { Ok(()) } else { Err(said) }
}

#[test]
#[ignore = "needs MLHOST_TEST_PYTHON_COMPONENT; `cargo xtask test --only python` makes it"]
fn iris_in_python_answers_as_iris_in_rust_and_reaches_nothing() {
    let bundle = bundle(&made("MLHOST_TEST_PYTHON_COMPONENT"));
    let server =
        Running::start_with(&["-m", bundle.path().to_str().unwrap()], &[("MLHOST_TEST_SECRET", "x")]);
    answers_as_iris(&server);
    server.logged("python's environment: {}");
    server.logged("python's files: [Errno");
    let refused = server.invoke(r#"{"dataframe_records": []}"#);
    assert_eq!(refused.status, 400, "{refused:?}");
}

#[test]
#[ignore = "needs MLHOST_TEST_PYTHON_SAMPLE; `cargo xtask test --only python` makes it"]
fn the_sample_in_python_answers_as_the_one_in_rust_and_its_second_start_compiles_nothing() {
    let bundle = bundle(&made("MLHOST_TEST_PYTHON_SAMPLE"));
    let cache = tempfile::tempdir().unwrap();
    let cache = [("MLHOST_CACHE_DIR", cache.path().to_str().unwrap())];
    for code in ["compiled", "cache"] {
        let server = Running::start_with(&["-m", bundle.path().to_str().unwrap()], &cache);
        assert_eq!((&server.ready["snapshot"], &server.ready["code"]), (&json!(true), &json!(code)));
        answers_as_iris(&server);
    }
}

/// A model whose parameter says what goes wrong, and a module beside it.
const FAULTY: &str = r#"
import random
import mlhost
from arithmetic import divide

class Model(mlhost.PythonModel):
    def load_context(self, context):
        print("loading", context.model_config)
        self.calls = 0

    def predict(self, context, model_input, params=None):
        self.calls += 1
        what = params["what"]
        if what == "reject":
            raise mlhost.Reject("these flowers are too tall")
        if what == "divide":
            divide(1, 0)
        if what == "exit":
            raise SystemExit("secret")
        return {"calls": self.calls, "random": random.random(), "rows": model_input.tolist()}
"#;

const FAULTY_MLMODEL: &str = "flavors:
  mlhost:
    component: component.wasm
signature:
  params: '[{\"name\": \"what\", \"type\": \"string\", \"default\": \"\", \"shape\": null}]'
";

#[test]
#[ignore = "needs MLHOST_TEST_COMPONENTIZE; `cargo xtask test --only python` brings it"]
fn an_exception_is_in_the_log_and_a_reference_for_the_client() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("model.py");
    fs::write(&source, FAULTY).unwrap();
    fs::write(folder.path().join("arithmetic.py"), "def divide(a, b):\n    return a // b\n").unwrap();
    fs::write(folder.path().join("MLmodel"), FAULTY_MLMODEL).unwrap();
    build(&source, &folder.path().join("component.wasm")).unwrap();
    assert!(!folder.path().join("__pycache__").exists(), "a build leaves nothing beside the model");
    let server = Running::start(&["-m", folder.path().to_str().unwrap()]);
    assert_eq!(server.ready["snapshot"], json!(true), "what load_context prints keeps no stream open");
    server.logged("loading {}");
    let ask = |what: &str| server.invoke(&json!({"inputs": [[1]], "params": {"what": what}}).to_string());

    let first = ask("");
    assert_eq!(first.status, 200, "{first:?}");
    let answered = first.json();
    let predictions = &answered["predictions"];
    assert_eq!((&predictions["calls"], &predictions["rows"]), (&json!(1), &json!([[1]])), "{first:?}");
    assert_eq!(ask("").json(), first.json(), "every call starts from the same");

    let rejected = ask("reject");
    assert_eq!(rejected.status, 400, "{rejected:?}");
    assert!(rejected.body.contains("these flowers are too tall"), "{rejected:?}");

    for (what, logged) in [("divide", "ZeroDivisionError: "), ("exit", "SystemExit: secret")] {
        let failed = ask(what);
        assert_eq!(failed.status, 500, "{failed:?}");
        for inner in ["Traceback", "ZeroDivision", "secret", ".py"] {
            assert!(!failed.body.contains(inner), "{failed:?}");
        }
        server.logged("Traceback (most recent call last):");
        server.logged("model.py\\\", line ");
        server.logged(logged);
    }
    assert_eq!(ask("").json(), first.json(), "a failed call leaves nothing behind");
}

#[test]
#[ignore = "needs MLHOST_TEST_COMPONENTIZE; `cargo xtask test --only python` brings it"]
fn what_is_wrong_with_a_model_in_python_is_said_when_it_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let (source, output) = (folder.path().join("model.py"), folder.path().join("component.wasm"));
    let place =
        source.canonicalize().unwrap_or_else(|_| folder.path().canonicalize().unwrap().join("model.py"));
    let place = place.display();
    for (text, expected) in [
        ("import mlhost\n", "has no model\nhint: ".to_owned()),
        (
            "import mlhost\nclass A(mlhost.PythonModel): pass\nclass B(mlhost.PythonModel): pass\n",
            "has several models: `A`, `B`\nhint: ".to_owned(),
        ),
        ("import mlhost\n\ndef f(:\n", format!("File \"{place}\", line 3\n    def f(:\n")),
        ("import numpy\n", format!("File \"{place}\", line 1, in <module>\n    import numpy\n")),
        ("1 // 0\n", "ZeroDivisionError: ".to_owned()),
    ] {
        fs::write(&source, text).unwrap();
        let said = build(&source, &output).unwrap_err();
        assert!(said.contains(&expected), "{text}: {said}");
        assert!(!said.contains("mlhost_predictor"), "{text}: {said}");
        assert!(!output.exists(), "{text}");
    }
}

#[test]
fn a_build_without_python_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (source, empty) = (folder.path().join("model.py"), folder.path().join("bin"));
    fs::write(&source, "").unwrap();
    fs::create_dir(&empty).unwrap();
    let said = built(mlhost().arg("build").arg(&source).env("PATH", &empty).env("MLHOST_CACHE_DIR", &empty));
    let said = said.unwrap_err();
    assert!(said.contains("cannot run `python3 -m venv`"), "{said}");
    assert!(said.contains("\nhint: `mlhost build` installs it by itself where there is python3"), "{said}");
}

#[cfg(unix)]
#[test]
fn an_installation_that_fails_says_why_and_the_next_one_begins_anew() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let (source, programs) = (folder.path().join("model.py"), folder.path().join("bin"));
    fs::write(&source, "").unwrap();
    fs::create_dir(&programs).unwrap();
    let python = programs.join("python3");
    fs::write(&python, "#!/bin/sh\necho 'ensurepip is not available'; exit 1\n").unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    let cache = folder.path().join("cache");
    let half_made = cache.join("guest-toolchain/componentize-py-0.25.1/bin");
    fs::create_dir_all(&half_made).unwrap();
    let said =
        built(mlhost().arg("build").arg(&source).env("PATH", &programs).env("MLHOST_CACHE_DIR", &cache));
    let said = said.unwrap_err();
    assert!(said.contains("`python3 -m venv` failed\nensurepip is not available\nhint: "), "{said}");
    assert!(!half_made.exists());
}

#[test]
fn what_is_no_model_in_python_is_refused_before_anything_is_installed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("mlhost.py"), "").unwrap();
    for (source, expected) in [
        (path("missing.py"), "cannot read `"),
        (path("mlhost.py"), "cannot be a model: Python has to import it by its name"),
        (folder.path().to_owned(), "holds no guest: there is neither a `Cargo.toml` nor a `model.py`"),
    ] {
        let said = built(mlhost().arg("build").arg(&source).env("PATH", "")).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn the_sample_in_python_is_the_one_in_rust_but_for_its_component() {
    let file = |sample: &str, name: &str| fs::read(models().join(sample).join(name)).unwrap();
    for name in ["iris.onnx", "labels.txt"] {
        assert_eq!(file("iris", name), file("iris-python", name), "{name}");
    }
    let model = |sample: &str| -> Vec<String> {
        let text = String::from_utf8(file(sample, "MLmodel")).unwrap();
        text.lines().filter(|line| !line.starts_with("model_uuid")).map(str::to_owned).collect()
    };
    assert_eq!(model("iris"), model("iris-python"));
}
