//! What a platform's environment makes of `mlhost serve`.

use serde_json::json;

use crate::running::{Running, mlhost, models};

#[test]
fn a_platforms_environment_brings_model_address_and_routes() {
    // Azure ML's folder lies above the model's own.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(models().join("iris").canonicalize().unwrap(), folder.path().join("iris"))
        .unwrap();
    let model = folder.path().to_str().unwrap();
    let server = Running::start_with(&[], &[("AZUREML_MODEL_DIR", model)]);
    assert_eq!((&server.ready["platform"], &server.ready["model"]), (&json!("azureml"), &json!("iris")));
    assert!(server.address().starts_with("0.0.0.0:"), "{}", server.address());
    let routes: Vec<_> = server.ready["routes"].as_array().unwrap().clone();
    for route in ["POST /invocations", "POST /v1/models/{model}:predict", "GET /ping"] {
        assert!(routes.contains(&json!(route)), "{route}: {routes:?}");
    }
}

#[test]
fn a_flag_and_a_variable_of_ours_count_more_than_the_platform() {
    let environment = [("AIP_MODE", "PREDICTION"), ("MLHOST_HOST", "127.0.0.1")];
    let server = Running::start_with(&["-m", models().join("iris").to_str().unwrap()], &environment);
    assert_eq!(server.ready["platform"], "vertex");
    assert!(server.address().starts_with("127.0.0.1:"), "{}", server.address());
    let server = Running::sample("iris", &["--platform", "mlflow", "--protocols", "kserve"]);
    assert_eq!(server.ready["platform"], "mlflow");
    assert_eq!((server.invoke("{}").status, server.get("/v1/models").status), (404, 200));
    assert_eq!((server.get("/ping").status, server.get("/health").status), (200, 200));
}

#[test]
fn without_a_model_the_server_says_what_to_do() {
    let output = mlhost().args(["serve", "--platform", "mlflow"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("hint: `-m"), "{said}");
}
