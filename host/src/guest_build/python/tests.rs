//! Which paths are models, what componentize-py's words mean, and that the SDK is carried whole.

use super::*;

/// What componentize-py 0.25.1 says, but for its own frames.
fn said(rest: &str) -> String {
    format!(
        "Traceback (most recent call last):\n  File \"bin/componentize-py\", line 8, in <module>\n    \
         sys.exit(script())\nAssertionError: Traceback (most recent call last):\n  File \
         \"/0/mlhost_predictor.py\", line 53, in <module>\n    CLASS = find_model(mlhost_build.MODULE)\n{rest}\n\n\n\
         Caused by:\n    Error\n"
    )
}

fn source() -> Source {
    Source { file: "m/model.py".into(), folder: "/home/u/m".into(), module: "model".to_owned() }
}

fn explained(rest: &str) -> String {
    traceback::explain(&said(rest), &source()).to_string()
}

#[test]
fn a_syntax_error_is_said_with_the_users_file_and_line() {
    let message =
        explained("  File \"/1/model.py\", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax");
    assert_eq!(
        message,
        "`m/model.py` cannot be imported:\n  File \"/home/u/m/model.py\", line 3\n    def f(:\n          ^\n\
         SyntaxError: invalid syntax"
    );
}

#[test]
fn a_module_that_cannot_be_in_a_component_is_named_with_a_hint() {
    let message = explained(
        "  File \"/1/model.py\", line 2, in <module>\n    import numpy\nModuleNotFoundError: No module named 'numpy'",
    );
    assert!(message.contains("model.py\", line 2"), "{message}");
    assert!(message.contains("No module named 'numpy'\nhint: "), "{message}");
    assert!(!message.contains("mlhost_predictor"), "{message}");
}

#[test]
fn no_model_and_several_are_each_said() {
    let none = explained("    raise ImportError(\"mlhost: no model\")\nImportError: mlhost: no model");
    assert!(none.starts_with("`m/model.py` has no model\nhint: "), "{none}");
    let several = explained("ImportError: mlhost: several models: `A`, `B`");
    assert!(several.starts_with("`m/model.py` has several models: `A`, `B`\nhint: "), "{several}");
}

#[test]
fn words_that_are_no_traceback_are_handed_on() {
    let message = traceback::explain("error: no space left\n", &source()).to_string();
    assert_eq!(message, "`componentize-py` failed: error: no space left");
}

#[test]
fn a_model_is_a_python_file_or_a_folder_with_one_and_no_package() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(Source::find(path).unwrap(), None);
    fs::write(path.join("model.py"), "").unwrap();
    assert_eq!(Source::find(path).unwrap().unwrap().module, "model");
    fs::write(path.join("my-model.py"), "").unwrap();
    assert_eq!(Source::find(&path.join("my-model.py")).unwrap().unwrap().module, "my-model");
    fs::write(path.join("Cargo.toml"), "").unwrap();
    assert_eq!(Source::find(path).unwrap(), None);
    assert_eq!(Source::find(&path.join("guest.wasm")).unwrap(), None);
}

#[test]
fn a_name_that_python_cannot_import_or_the_sdk_has_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.b.py", "mlhost.py", "wit_world.py"] {
        let path = folder.path().join(name);
        fs::write(&path, "").unwrap();
        let message = Source::find(&path).unwrap_err().to_string();
        assert!(message.contains("hint: call it `model.py`"), "{message}");
    }
}

#[test]
fn the_sdk_is_carried_whole() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk");
    let mut found = Vec::new();
    for root in ["python", "wit"] {
        let mut folders = vec![sdk.join(root)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.ends_with("tests") && !path.ends_with("__pycache__") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "py" || extension == "wit") {
                    let place = path.strip_prefix(&sdk).unwrap();
                    found.push(place.strip_prefix("python").unwrap_or(place).to_str().unwrap().to_owned());
                }
            }
        }
    }
    let mut carried: Vec<_> = sdk::FILES.iter().map(|(place, _)| (*place).to_owned()).collect();
    carried.sort();
    found.sort();
    assert_eq!(carried, found);
}
