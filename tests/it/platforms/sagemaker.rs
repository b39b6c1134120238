//! SageMaker: the word `serve`, any media type, and multi-model endpoints.

use serde_json::json;

use crate::running::{Running, models};

/// iris as SageMaker runs it.
fn iris() -> Running {
    Running::sample("iris", &["--platform", "sagemaker"])
}

#[test]
fn sagemaker_starts_with_nothing_but_the_word_serve() {
    // The folder itself is root's, so that a variable stands for it here; `config::platform` has the folder's own test.
    let server = iris();
    assert_eq!(server.ready["platform"], "sagemaker");
    assert!(server.address().starts_with("0.0.0.0:"), "{}", server.address());
    let ping = server.get("/ping");
    assert_eq!((ping.status, ping.body.as_str()), (200, ""));
    assert!(server.ready["routes"].as_array().unwrap().iter().all(|route| route != "POST /models"));
}

#[test]
fn sagemaker_takes_and_gives_any_media_type() {
    let server = iris();
    let rows = json!({"instances": [[51, 35, 14, 2], [63, 33, 60, 25]]}).to_string();
    let expected =
        server.send("POST", "/invocations", &[("content-type", "application/json")], rows.as_bytes());
    assert_eq!(expected.status, 200, "{expected:?}");
    let csv = "51,35,14,2\n63,33,60,25\n";
    let headed = format!("sepal_length,sepal_width,petal_length,petal_width\n{csv}");
    let lines = "[51, 35, 14, 2]\n[63, 33, 60, 25]\n";
    for (content_type, body) in
        [("text/csv", csv), ("text/csv; header=present", &headed), ("application/jsonlines", lines)]
    {
        let headers = [("content-type", content_type), ("accept", "application/json")];
        let answer = server.send("POST", "/invocations", &headers, body.as_bytes());
        assert_eq!((answer.status, &answer.body), (200, &expected.body), "{content_type}");
    }
    let asked = |accept: &str| {
        let headers = [
            ("content-type", "text/csv"),
            ("accept", accept),
            ("x-amzn-sagemaker-custom-attributes", "trace=7"),
        ];
        server.send("POST", "/invocations", &headers, csv.as_bytes())
    };
    let answer = asked("text/csv");
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(answer.header("x-amzn-sagemaker-custom-attributes"), Some("trace=7"));
    let species: Vec<&str> = answer.body.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(species, ["setosa", "virginica"]);
    let answer = asked("application/jsonlines");
    assert_eq!(answer.body.lines().count(), 2, "{answer:?}");
    assert!(answer.body.lines().all(|line| line.starts_with("{\"species\": ")), "{answer:?}");
    for (content_type, body, status, text) in [
        ("text/csv", "1,2\n", 400, "4 columns"),
        ("application/jsonlines", "{", 400, "Line 1"),
        ("application/x-npy", "x", 400, "NumPy"),
        ("application/x-recordio-protobuf", "", 415, "application/jsonlines"),
    ] {
        let answer = server.send("POST", "/invocations", &[("content-type", content_type)], body.as_bytes());
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(answer.status == status && message.contains(text), "{content_type}: {answer:?}");
    }
    let headers = [("content-type", "text/csv"), ("x-amzn-sagemaker-target-model", "none")];
    assert_eq!(server.send("POST", "/invocations", &headers, csv.as_bytes()).status, 404);
}

#[test]
fn sagemaker_passes_raw_bytes_to_models_that_take_them() {
    let server = Running::sample("magika", &["--platform", "sagemaker"]);
    let source = include_bytes!("sagemaker.rs");
    let answer = server.send("POST", "/invocations", &[("content-type", "application/octet-stream")], source);
    assert!(answer.status == 200 && answer.body.contains("rust"), "{answer:?}");
}

#[test]
fn sagemaker_loads_and_unloads_the_models_of_a_multi_model_endpoint() {
    // The archive's content, as SageMaker lays it out: the model directory may be in a folder of its own.
    let unpacked = tempfile::tempdir().unwrap();
    let first = unpacked.path().join("1/model");
    std::fs::create_dir_all(&first).unwrap();
    std::os::unix::fs::symlink(models().join("iris"), first.join("iris")).unwrap();
    std::fs::create_dir(unpacked.path().join("2")).unwrap();
    // Room for iris, and not for iris twice.
    let server = Running::start_with(
        &["--model-memory", "160KiB"],
        &[("SAGEMAKER_MULTI_MODEL", "true"), ("MLHOST_HOST", "127.0.0.1")],
    );
    assert_eq!(server.get("/ping").status, 200);
    assert_eq!(server.get("/models").json(), json!({"models": []}));
    let load = |name: &str, url: &std::path::Path| {
        let body = json!({"model_name": name, "url": url}).to_string();
        server.send("POST", "/models", &[("content-type", "application/json")], body.as_bytes())
    };
    assert_eq!(load("iris", &first).status, 200);
    let again = load("iris", &first);
    assert_eq!(again.status, 409, "{again:?}");
    let full = load("other", &first);
    assert_eq!(full.status, 507, "{full:?}");
    for (url, status) in [(unpacked.path().join("none"), 404), (unpacked.path().to_owned(), 404)] {
        let answer = load("nope", &url);
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let listed = server.get("/models").json();
    assert_eq!(listed["models"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(server.get("/models/iris").json(), listed["models"][0]);
    assert_eq!(listed["models"][0]["modelName"], "iris");
    let csv = [("content-type", "text/csv")];
    let invoke = |name: &str| server.send("POST", &format!("/models/{name}/invoke"), &csv, b"51,35,14,2\n");
    let answer = invoke("iris");
    assert!(answer.status == 200 && answer.body.contains("setosa"), "{answer:?}");
    assert_eq!((invoke("other").status, server.get("/models/other").status), (404, 404));
    // SageMaker unloads one, and then there is room.
    assert_eq!(server.request("DELETE", "/models/iris").status, 200);
    assert_eq!((server.request("DELETE", "/models/iris").status, invoke("iris").status), (404, 404));
    assert_eq!(load("other", &first).status, 200);
    assert_eq!(invoke("other").status, 200);
    let broken = load("", &first);
    assert_eq!(broken.status, 400, "{broken:?}");
}
