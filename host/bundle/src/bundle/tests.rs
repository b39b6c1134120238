//! Whole directories, made for each case: what opens, and as what. What is refused is in [`refusals`].

use std::fs;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

mod all_at_once;
mod refusals;

const MLFLOW_ONNX: &str = include_str!("../../../../tests/fixtures/bundles/mlflow-onnx/MLmodel");
const MLFLOW_PYFUNC: &str = include_str!("../../../../tests/fixtures/bundles/mlflow-pyfunc/MLmodel");

const EVERYTHING: &str = r#"
flavors:
  mlhost:
    component: component.wasm
    graphs: {iris: graphs/iris.onnx, "second one": model.onnx}
    artifacts: {labels: labels.json}
    accepts: [Application/Octet-Stream, "text/*", "text/*"]
    grants: ["env:TZ", "read:/usr/share/zoneinfo"]
    limits: {memory: 64MiB, time: 500ms, data: 16MiB, concurrency: 32}
    batching: {iris: {max_rows: 64, max_elements: 4096, max_delay: 2ms, max_queue: 512}}
  python_function:
    loader_module: mlhost_flavor
    config: {threshold: 0.5, classes: [a, b], nested: {x: null}}
    artifacts:
      labels: {path: model.onnx, uri: "s3://b/labels"}
      vocabulary: {path: ./labels.json, uri: "s3://b/vocabulary"}
      outside: {path: /etc/hostname, uri: "file:///etc/hostname"}
      folder: {path: graphs, uri: "s3://b/folder"}
      lost: {uri: "s3://b/lost"}
"#;

/// A model directory with an MLmodel and the files that the cases name.
fn directory(mlmodel: &str) -> TempDir {
    let directory = tempfile::Builder::new().prefix("iris-").tempdir().unwrap();
    let root = directory.path();
    fs::write(root.join("MLmodel"), mlmodel).unwrap();
    fs::create_dir(root.join("graphs")).unwrap();
    fs::create_dir(root.join("artifacts")).unwrap();
    for file in ["model.onnx", "component.wasm", "labels.json", "graphs/iris.onnx", "artifacts/labels.json"] {
        fs::write(root.join(file), file).unwrap();
    }
    directory
}

fn open(mlmodel: &str) -> Result<Bundle, BundleError> {
    Bundle::open(directory(mlmodel).path())
}

fn mlhost(flavor: &str) -> Result<Bundle, BundleError> {
    open(&format!("flavors:\n  mlhost: {flavor}\n"))
}

#[test]
fn a_model_that_mlflow_logged_opens_as_it_is() {
    let directory = directory(MLFLOW_ONNX);
    let bundle = Bundle::open(directory.path()).unwrap();
    let root = directory.path().canonicalize().unwrap();
    let graph =
        GraphSource { name: "model".into(), path: root.join("model.onnx"), batching: Batching::default() };
    assert_eq!(bundle.graphs, [graph]);
    assert_eq!((bundle.component, bundle.artifacts.as_slice()), (None, &[][..]));
    assert_eq!(bundle.name, root.file_name().unwrap().to_str().unwrap());
    assert_eq!(bundle.model_config, "{}");
    assert_eq!(bundle.mlflow_version.as_deref(), Some("3.17.2"));
    assert_eq!((bundle.limits, bundle.notes.len()), (Limits::default(), 0));
    let signature = bundle.interface.signature;
    let Some(mlhost_wire::signature::Schema::Columns(columns)) = signature.inputs else {
        panic!("the signature has columns");
    };
    let names: Vec<_> = columns.iter().map(|column| (column.name.as_deref(), column.required)).collect();
    assert_eq!(names[3], (Some("petal width (cm)"), false));
    assert_eq!(signature.params[0].name, "threshold");
}

#[test]
fn everything_that_the_format_has_is_read() {
    let directory = directory(EVERYTHING);
    let bundle = Bundle::open(directory.path()).unwrap();
    let root = directory.path().canonicalize().unwrap();
    assert_eq!(bundle.component, Some(root.join("component.wasm")));
    let graphs: Vec<_> =
        bundle.graphs.iter().map(|graph| (graph.name.as_str(), graph.path.clone())).collect();
    assert_eq!(graphs, [("iris", root.join("graphs/iris.onnx")), ("second one", root.join("model.onnx"))]);
    let batching = Batching {
        max_rows: Some(64),
        max_elements: Some(4096),
        max_delay: Some(Duration::from_millis(2)),
        max_queue: Some(512),
    };
    assert_eq!((bundle.graphs[0].batching, bundle.graphs[1].batching), (batching, Batching::default()));
    assert_eq!(bundle.interface.raw_media_types, ["application/octet-stream", "text/*"]);
    let grants: Vec<_> = bundle.grants.iter().map(ToString::to_string).collect();
    assert_eq!(grants, ["env:TZ", "read:/usr/share/zoneinfo"]);
    let limits = Limits {
        memory_bytes: Some(64 << 20),
        time: Some(Duration::from_millis(500)),
        data_bytes: Some(16 << 20),
        concurrency: Some(32),
    };
    assert_eq!(bundle.limits, limits);
    let config: serde_json::Value = serde_json::from_str(&bundle.model_config).unwrap();
    assert_eq!(config, serde_json::json!({"threshold": 0.5, "classes": ["a", "b"], "nested": {"x": null}}));
    assert_eq!(bundle.read_component().unwrap().unwrap(), b"component.wasm");
}

#[test]
fn python_functions_artifacts_are_taken_where_they_can_be_and_noted_where_not() {
    let directory = directory(EVERYTHING);
    let bundle = Bundle::open(directory.path()).unwrap();
    let expected = [("labels", "labels.json"), ("vocabulary", "labels.json")]
        .map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()));
    assert_eq!(bundle.read_artifacts().unwrap(), expected);
    for name in ["`outside`", "`folder`", "`lost`"] {
        assert!(bundle.notes.iter().any(|note| note.contains(name)), "{name} in {:?}", bundle.notes);
    }
    assert_eq!(bundle.notes.len(), 3);
}

#[test]
fn a_pyfunc_becomes_servable_by_adding_a_component() {
    let with_component =
        MLFLOW_PYFUNC.replacen("flavors:\n", "flavors:\n  mlhost: {component: component.wasm}\n", 1);
    let bundle = open(&with_component).unwrap();
    assert_eq!(bundle.artifacts[0].name, "labels");
    let config: serde_json::Value = serde_json::from_str(&bundle.model_config).unwrap();
    assert_eq!(config, serde_json::json!({"d": 0.5, "k": 1, "l": [1, {"a": null}], "yes": "yes"}));
    assert!(bundle.graphs.is_empty());
}

#[test]
fn foreign_flavors_may_hold_anything() {
    let text = "flavors:\n  onnx: {data: model.onnx, providers: [[.nan, {}], 0x1F, !!binary aGk=]}\n  \
                other: [1, {? [a] : b}, .inf, 2024-01-01]\n  python_function: {env: {conda: x}, code: null}\n";
    assert_eq!(open(text).unwrap().graphs.len(), 1);
}

#[test]
fn what_json_cannot_say_reaches_the_model_config_as_text() {
    let text =
        "flavors:\n  onnx: {data: model.onnx}\n  python_function: {config: {a: .nan, b: -.inf, 3: x}}\n";
    assert_eq!(open(text).unwrap().model_config, r#"{"3":"x","a":".nan","b":"-.inf"}"#);
}
