//! `-m` with model URIs that need no server: files, an `mlruns` folder, and what is refused. Servers are
//! `tests/mlflow/uris.py`'s business, and `host/registry/tests`'.

use std::fs;
use std::path::Path;

use crate::running::{Running, mlhost, models};

/// An `mlruns` folder with version 2 of the registered model `flowers`, which is the sample `iris`; alias `best`.
fn mlruns(folder: &Path) -> String {
    let model = folder.join("mlruns/models/flowers");
    fs::create_dir_all(model.join("version-2")).unwrap();
    fs::create_dir_all(model.join("aliases")).unwrap();
    fs::write(model.join("meta.yaml"), "name: flowers\n").unwrap();
    fs::write(model.join("aliases/best"), "2").unwrap();
    let place = models().join("iris").canonicalize().unwrap();
    let meta = format!(
        "name: flowers\nversion: 2\ncurrent_stage: None\nstatus: READY\nsource: x\nstorage_location: file://{}\n",
        place.display()
    );
    fs::write(model.join("version-2/meta.yaml"), meta).unwrap();
    folder.join("mlruns").to_str().unwrap().to_owned()
}

#[test]
fn a_file_uri_is_served_as_its_directory_is() {
    let place = models().join("iris").canonicalize().unwrap();
    let uri = format!("file://{}", place.display());
    assert_eq!(Running::start(&["-m", &uri]).ready["model"], "iris");
}

#[test]
fn a_registered_model_is_served_under_its_registered_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = mlruns(folder.path());
    for uri in ["models:/flowers/2", "models:/flowers/latest", "models:/flowers@best"] {
        let server = Running::start_with(&["-m", uri], &[("MLFLOW_TRACKING_URI", &store)]);
        assert_eq!(server.ready["model"], "flowers", "{uri}");
        assert_eq!(server.get("/ping").status, 200);
    }
}

#[test]
fn what_no_model_is_behind_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let store = mlruns(folder.path());
    for (uri, tracking, expected) in [
        ("model:/flowers/2", store.as_str(), "hint: did you mean `models:`"),
        ("models:/flowers", &store, "hint: write `models:/flowers/latest`"),
        ("models:/flower/2", &store, "hint: did you mean `flowers`?"),
        ("models:/flowers/3", &store, "hint: its newest version is 2"),
        ("models:/flowers@bset", &store, "hint: did you mean `models:/flowers@best`?"),
        ("models:/flowers/2", "sqlite:///mlflow.db", "hint: run `mlflow server --backend-store-uri"),
        ("models:/flowers/2", "", "hint: set it to the address"),
        ("models:/flowers/2", "http://127.0.0.1:1", "hint: MLFLOW_TRACKING_URI"),
        ("hdfs://host/model", "", "hint: `mlflow artifacts download"),
        ("https://127.0.0.1:1/model", "", ".tar.gz"),
    ] {
        let output = mlhost()
            .args(["serve", "-m", uri, "-p", "0"])
            .env("MLFLOW_TRACKING_URI", tracking)
            .env("MLHOST_CACHE_DIR", folder.path().join("cache"))
            .current_dir(folder.path().join("mlruns"))
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{uri}: {error}");
        assert!(error.contains(expected), "{uri} with {tracking}: {error}");
    }
}
