//! What a client does wrong: the right status, and a message that says what and where. Never an empty 500.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::running::Running;

#[test]
fn every_bad_body_gets_its_status_and_names_what_is_wrong() {
    let server = Running::sample("titanic", &[]);
    let cases: &[(&str, u16, &str)] = &[
        ("", 400, "byte 0"),
        ("{", 400, "byte 1"),
        ("[]", 400, ""),
        (r#"{"dataframe_split": {"columns": ["sex"], "data": [["male"]"#, 400, ""),
        (r#"{"dataframe_split": {"columns": ["sex", "pclass"], "data": [["male", 3]"#, 400, "byte"),
        (r#"{"rows": []}"#, 400, "dataframe_split"),
        (r#"{"inputs": [], "instances": []}"#, 400, ""),
        (r#"{"dataframe_split": {"columns": ["sex", "pclass"], "data": [["male", 3, 1]]}}"#, 400, "row 0"),
        (r#"{"dataframe_split": {"columns": ["age"], "data": [[1]]}}"#, 400, "Model is missing inputs"),
        (r#"{"dataframe_records": [{"sex": "male", "pclass": "third"}]}"#, 400, "pclass"),
        (r#"{"dataframe_records": [{"sex": "male", "pclass": 3, "age": {}}]}"#, 400, "age"),
        (r#"{"dataframe_records": 7}"#, 400, ""),
    ];
    for (body, status, text) in cases {
        let answer = server.invoke(body);
        assert_eq!(answer.status, *status, "{body}: {answer:?}");
        let json = answer.json();
        let message = json["message"].as_str().unwrap_or_else(|| panic!("{body}: {answer:?}"));
        assert!(!message.is_empty() && message.contains(text), "{body}: {message}");
        assert!(json["error_code"].is_string(), "{body}: {answer:?}");
    }
    assert_eq!(server.get("/ping").status, 200);
}

#[test]
fn deep_nesting_is_refused_and_not_run_into() {
    let server = Running::sample("echo", &[]);
    let body = format!(r#"{{"inputs": {}1{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(server.invoke(&body).status, 400);
    assert_eq!(server.get("/ping").status, 200);
}

#[test]
fn an_unsupported_media_type_is_415_and_a_missing_one_too() {
    let server = Running::sample("iris", &[]);
    for content_type in [Some("image/png"), Some("application/json; format=pandas-split"), None] {
        let answer = server.post("/invocations", content_type, b"{}");
        assert_eq!(answer.status, 415, "{content_type:?}: {answer:?}");
        assert!(!answer.body.is_empty());
    }
}

#[test]
fn a_body_over_the_limit_is_413_whether_it_says_so_or_not() {
    let server = Running::sample("echo", &["--max-body", "1KiB"]);
    let answer = server.invoke(&"x".repeat(2000));
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(answer.json()["message"].as_str().unwrap().contains("1024"));

    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("7d0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000));
    stream.write_all(chunk.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn unknown_routes_and_wrong_methods_say_what_there_is() {
    let server = Running::sample("echo", &[]);
    let unknown = server.get("/nothing");
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["message"].as_str().unwrap().contains("/invocations"));
    let wrong = server.get("/invocations");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    assert_eq!(server.post("/ping", None, b"").status, 405);
    assert_eq!(server.head("/ping").status, 200);
}

#[test]
fn health_and_version_answer_as_mlflow_does() {
    let server = Running::sample("echo", &[]);
    for path in ["/ping", "/health"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, "\n"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    assert_eq!(server.get("/version").body, env!("CARGO_PKG_VERSION"));
}
