//! Seldon Core 1: predictions in each form, feedback, health, metadata.

use serde_json::json;

use crate::running::{Running, models};

fn iris() -> Running {
    let parameters =
        json!([{"name": "model_uri", "value": models().join("iris"), "type": "STRING"}]).to_string();
    let environment = [
        ("PREDICTIVE_UNIT_ID", "classifier"),
        ("PREDICTIVE_UNIT_PARAMETERS", parameters.as_str()),
        ("MLHOST_HOST", "127.0.0.1"),
    ];
    Running::start_with(&[], &environment)
}

#[test]
fn seldon_answers_in_the_form_of_the_request() {
    let server = iris();
    assert_eq!((&server.ready["platform"], &server.ready["model"]), (&json!("seldon"), &json!("classifier")));
    let names = ["petal_length", "petal_width", "sepal_length", "sepal_width"];
    for path in ["/api/v1.0/predictions", "/api/v0.1/predictions", "/predict"] {
        let body = json!({"data": {"names": names, "ndarray": [[14, 2, 51, 35]]}, "meta": {"puid": "p1"}});
        let answer = server.post(path, Some("application/json"), body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        assert_eq!((&answer["data"]["names"][0], &answer["meta"]["puid"]), (&json!("species"), &json!("p1")));
        assert_eq!(answer["data"]["ndarray"][0][0], "setosa");
    }
    let body = json!({"data": {"tensor": {"shape": [1, 4], "values": [51, 35, 14, 2]}}}).to_string();
    let headers = [("content-type", "application/json"), ("seldon-puid", "p2")];
    let answer = server.send("POST", "/predict", &headers, body.as_bytes());
    assert_eq!((answer.header("seldon-puid"), &answer.json()["meta"]["puid"]), (Some("p2"), &json!("p2")));
    let body = json!({"jsonData": {"instances": [[51, 35, 14, 2]]}}).to_string();
    let answer = server.post("/predict", None, body.as_bytes()).json();
    assert_eq!(answer["jsonData"][0]["species"], "setosa");
    assert_eq!(answer["meta"]["puid"].as_str().unwrap().len(), 36);
}

#[test]
fn seldon_reads_the_form_that_its_own_client_sends() {
    let server = iris();
    let form = Some("application/x-www-form-urlencoded");
    let body = "json=%7B%22data%22%3A+%7B%22ndarray%22%3A+%5B%5B51%2C+35%2C+14%2C+2%5D%5D%7D%7D";
    let answer = server.post("/predict", form, body.as_bytes());
    assert_eq!(
        (answer.status, &answer.json()["data"]["ndarray"][0][0]),
        (200, &json!("setosa")),
        "{answer:?}"
    );
    assert_eq!(server.post("/predict", form, b"text=%7B%7D").status, 400);
    assert_eq!(server.post("/send-feedback", form, b"json=%7B%22reward%22%3A1%7D").status, 200);
}

#[test]
fn seldon_gives_numbers_as_a_tensor_and_bytes_as_bytes() {
    let server = Running::sample("echo", &["--platform", "seldon"]);
    let body = json!({"data": {"tensor": {"shape": [2, 2], "values": [1, 2, 3, 4.5]}}}).to_string();
    let answer = server.post("/predict", None, body.as_bytes()).json();
    assert_eq!(answer["data"]["tensor"], json!({"shape": [2, 2], "values": [1.0, 2.0, 3.0, 4.5]}));
    let answer = server.post("/predict", None, br#"{"binData": "AAH/"}"#).json();
    assert_eq!(answer["binData"], "AAH/");
}

#[test]
fn seldon_refuses_in_its_own_words() {
    let server = iris();
    for (body, status, text) in [
        ("{", 400, "Invalid request data"),
        ("{}", 400, "one of `data`"),
        (r#"{"data": {"ndarray": [[1]]}}"#, 400, "missing inputs"),
        (r#"{"data": {"tftensor": {}}}"#, 400, "tftensor"),
        (r#"{"binData": "AA=="}"#, 400, "no raw bytes"),
    ] {
        let answer = server.post("/api/v1.0/predictions", Some("application/json"), body.as_bytes());
        let answered = answer.json()["status"].clone();
        assert!(answer.status == status && answered["info"].as_str().unwrap().contains(text), "{answer:?}");
        assert_eq!((&answered["status"], &answered["reason"]), (&json!(1), &json!("MICROSERVICE_BAD_DATA")));
    }
    let answer = server.get("/predict");
    assert_eq!((answer.status, answer.json()["status"]["status"].clone()), (405, json!(1)));
}

#[test]
fn seldon_takes_feedback_and_says_what_it_is() {
    let server = iris();
    for path in ["/api/v1.0/feedback", "/api/v0.1/feedback", "/send-feedback"] {
        let answer = server.post(path, Some("application/json"), br#"{"reward": 1.0, "truth": {}}"#);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(server.post(path, None, b"[]").status, 400);
    }
    assert_eq!(server.get("/health/ping").body, "pong");
    for path in ["/health/status", "/api/v1.0/health/status"] {
        assert_eq!(server.get(path).json()["jsonData"], json!({"ready": true}));
    }
    for path in ["/metadata", "/api/v1.0/metadata"] {
        let metadata = server.get(path).json();
        assert_eq!((&metadata["name"], &metadata["versions"]), (&json!("classifier"), &json!(["1"])));
        assert_eq!(metadata["inputs"][0]["messagetype"], "ndarray");
        assert_eq!(metadata["outputs"][0]["schema"]["shape"], json!([4]));
    }
}
