//! A component with CPython inside of it, made by componentize-py, as a user without Rust would make one.
//!
//! Ignored unless asked for: componentize-py comes from PyPI. `cargo xtask test` brings it, builds
//! `tests/fixtures/python-guest` and runs this.

use std::fs;

use crate::running::{Running, models};
use crate::samples::{close, sorted};

#[test]
#[ignore = "needs MLHOST_TEST_PYTHON_COMPONENT; `cargo xtask test --only python` makes it"]
fn iris_in_python_answers_as_iris_in_rust_and_reaches_nothing() {
    let component = std::env::var("MLHOST_TEST_PYTHON_COMPONENT").unwrap();
    let bundle = tempfile::tempdir().unwrap();
    for file in ["MLmodel", "iris.onnx", "labels.txt"] {
        fs::copy(models().join("iris").join(file), bundle.path().join(file)).unwrap();
    }
    fs::copy(component, bundle.path().join("component.wasm")).unwrap();
    let server =
        Running::start_with(&["-m", bundle.path().to_str().unwrap()], &[("MLHOST_TEST_SECRET", "x")]);
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
    server.logged("python's environment: {}");
    server.logged("python's files: [Errno");
    let refused = server.invoke(r#"{"dataframe_records": []}"#);
    assert_eq!(refused.status, 400, "{refused:?}");
}
