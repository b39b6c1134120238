//! Requests and answers that are written down: all of one, none of most, and never more than their cap.

use std::fs;

use serde_json::{Value, json};

use super::FLOWERS;
use crate::running::{Running, mlhost, models};

#[test]
fn what_was_asked_and_answered_is_written_as_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.jsonl");
    let flags = ["--sample-log", path.to_str().unwrap(), "--sample-rate", "1"];
    let mut server = Running::sample("iris", &flags);
    let headers = [("Content-Type", "application/json"), ("X-Request-Id", "order-10")];
    let answer = server.send("POST", "/invocations", &headers, FLOWERS.as_bytes()).json();
    // What was refused says nothing about drift.
    assert_eq!(server.invoke("{").status, 400);
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    let text = fs::read_to_string(&path).unwrap();
    let [line] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["request_id"], &line["model"]), (&"order-10".into(), &"iris".into()));
    assert_eq!(line["input"]["columns"]["sepal_length"], json!([51.0, 5.0]));
    let species: Vec<_> =
        answer["predictions"].as_array().unwrap().iter().map(|row| &row["species"]).collect();
    assert_eq!(line["output"]["columns"]["species"], json!(species));
}

#[test]
fn a_rate_of_none_writes_none_and_a_cap_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.jsonl");
    let server = Running::sample("iris", &["--sample-log", none.to_str().unwrap(), "--sample-rate", "0"]);
    assert_eq!(server.invoke(FLOWERS).status, 200);
    drop(server);
    assert_eq!(fs::metadata(&none).unwrap().len(), 0);

    let path = folder.path().join("capped.jsonl");
    let flags = ["--sample-log", path.to_str().unwrap(), "--sample-rate", "1", "--sample-log-max", "4KiB"];
    let mut server = Running::sample("iris", &[&flags[..], &["--admin-address", "0"]].concat());
    for _ in 0..40 {
        assert_eq!(server.invoke(FLOWERS).status, 200);
    }
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    let before = fs::read_to_string(folder.path().join("capped.jsonl.1")).unwrap();
    let now = fs::read_to_string(&path).unwrap();
    assert!(before.len() + now.len() <= 4096 && before.len() > 1024, "{} and {}", before.len(), now.len());
    assert!(before.lines().chain(now.lines()).all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_anything_is_served() {
    let output = mlhost()
        .args(["serve", "-p", "0", "--sample-log", "/no-such-folder/samples.jsonl", "-m"])
        .arg(models().join("echo"))
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && error.contains("hint: `--sample-log`"), "{error}");
}
