//! What one request says of itself: its name, its line in the log, its stages in a header; and what is never said.

use serde_json::Value;

use super::FLOWERS;
use crate::running::Running;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn a_request_keeps_its_name_and_has_one_line_with_its_stages() {
    let server = Running::sample("iris", &["--access-log"]);
    let answer =
        server.send("POST", "/invocations", &[JSON, ("X-Request-Id", "order-7")], FLOWERS.as_bytes());
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("order-7")));
    let line: Value = serde_json::from_str(&server.logged("order-7")).unwrap();
    for (field, value) in [
        ("method", "POST"),
        ("path", "/invocations"),
        ("protocol", "mlflow"),
        ("model", "iris"),
        ("version", "1"),
        ("level", "INFO"),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    assert_eq!((&line["status"], &line["rows"]), (&200.into(), &2.into()), "{line}");
    let took = |stage: &str| line[format!("{stage}_us")].as_u64().unwrap();
    let stages: u64 = ["read", "decode", "queue", "compute", "guest", "encode"].map(took).iter().sum();
    assert!(took("compute") > 0 && stages <= took("total"), "{line}");

    // What is no name is not taken for one: it could forge a line.
    let insane = "a\" status=\"200";
    let answer = server.send("POST", "/invocations", &[JSON, ("X-Request-Id", insane)], b"{");
    let ours = answer.header("x-request-id").unwrap().to_owned();
    assert!(answer.status == 400 && ours.len() == 16, "{answer:?}");
    let line: Value = serde_json::from_str(&server.logged(&ours)).unwrap();
    assert_eq!((&line["status"], &line["model"]), (&400.into(), &"iris".into()), "{line}");
}

#[test]
fn without_being_asked_for_a_name_comes_back_and_nothing_else_is_said() {
    let server = Running::sample("iris", &[]);
    let plain = server.invoke(FLOWERS);
    assert_eq!((plain.header("x-request-id"), plain.header("server-timing")), (None, None));
    let named = server.send("POST", "/invocations", &[JSON, ("X-Request-Id", "order-8")], FLOWERS.as_bytes());
    assert_eq!(named.header("x-request-id"), Some("order-8"));
}

#[test]
fn server_timing_lists_the_stages_where_it_is_asked_for() {
    let server = Running::sample("iris", &["--server-timing"]);
    let answer = server.invoke(FLOWERS);
    let header = answer.header("server-timing").unwrap();
    let stages: Vec<(&str, f64)> = header
        .split(", ")
        .map(|stage| stage.split_once(";dur=").unwrap())
        .map(|(name, milliseconds)| (name, milliseconds.parse().unwrap()))
        .collect();
    let names: Vec<_> = stages.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["read", "decode", "queue", "compute", "guest", "encode", "total"]);
    let (parts, total) = stages.split_at(6);
    // Each is rounded to a microsecond.
    assert!(parts.iter().map(|(_, took)| took).sum::<f64>() <= total[0].1 + 0.006, "{header}");
}

#[test]
fn no_secret_of_a_caller_or_an_operator_is_ever_logged() {
    let environment = [
        ("MLHOST_LOG", "trace"),
        // Nothing listens there, and its key is none of the log's business either.
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2-key"),
        ("MLFLOW_TRACKING_PASSWORD", "hunter2-password"),
    ];
    let directory = crate::running::models().join("iris");
    let flags = ["-m", directory.to_str().unwrap(), "--access-log"];
    let mut server = Running::start_with(&flags, &environment);
    let secrets = [
        JSON,
        ("Authorization", "Bearer hunter2-token"),
        ("Cookie", "session=hunter2-cookie"),
        ("X-Api-Key", "hunter2-api"),
        ("Proxy-Authorization", "Basic hunter2-proxy"),
    ];
    for body in [FLOWERS, "{"] {
        server.send("POST", "/invocations?token=hunter2-query", &secrets, body.as_bytes());
    }
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    let log = server.rest_of_log();
    assert!(log.iter().filter(|line| line.contains("mlhost::access")).count() == 2, "{log:#?}");
    let told: Vec<_> = log.iter().filter(|line| line.contains("hunter2")).collect();
    assert!(told.is_empty(), "{told:#?}");
}
