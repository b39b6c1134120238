//! HTTP/2 on the port of HTTP/1.1, without encryption: the same routes, the same limits, the same end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;

use crate::multiplexed::Multiplexed;
use crate::running::Running;

const JSON: &str = "application/json";
const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

#[test]
fn both_versions_share_a_port_and_answer_the_same() {
    let server = Running::sample("echo", &[]);
    let connection = Multiplexed::connect(server.address());
    let (first, second) = (server.invoke(ROW), connection.post("/invocations", JSON, ROW.as_bytes()));
    assert_eq!((first.status, second.status), (200, 200), "{first:?} {second:?}");
    assert_eq!(first.body.as_bytes(), second.body);
    assert_eq!(first.header("content-type"), second.headers["content-type"].to_str().ok());
    let (first, second) = (server.get("/nowhere"), connection.get("/nowhere"));
    assert_eq!((first.status, second.status), (404, 404));
    assert_eq!(first.body.as_bytes(), second.body);
    // And once more by the first version: no connection has changed what the port speaks.
    assert_eq!(server.get("/ping").status, 200);
}

#[test]
fn many_requests_run_at_one_time_over_one_connection() {
    let server = Running::sample("echo", &["--max-requests", "512"]);
    let connection = Multiplexed::connect(server.address());
    // More than it takes at one time: the others wait for their turn, and none is lost.
    let answers = connection.many(600, "/invocations", &[("content-type", JSON)], ROW.as_bytes());
    assert_eq!(answers.len(), 600);
    for answer in answers {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[test]
fn a_body_over_the_bound_is_413_over_http2_too() {
    let server = Running::sample("echo", &["--max-body", "1KiB"]);
    let connection = Multiplexed::connect(server.address());
    // Without a length in its head, so that it is found out while it is read.
    let open = connection.open("/invocations", &[("content-type", JSON)]);
    open.body.send(Bytes::from(vec![b' '; 4096])).unwrap();
    assert_eq!(connection.finish(open).status, 413);
    assert_eq!(connection.post("/invocations", JSON, ROW.as_bytes()).status, 200);
}

#[test]
fn a_head_over_the_bound_is_431_and_its_connection_lives() {
    let server = Running::sample("echo", &[]);
    let connection = Multiplexed::connect(server.address());
    let long = "x".repeat(80 << 10);
    assert_eq!(connection.send("GET", "/ping", &[("x-long", &long)], b"").status, 431);
    assert_eq!(connection.get("/ping").status, 200);
}

#[test]
fn bytes_that_are_no_frames_end_their_connection_alone() {
    let server = Running::sample("echo", &[]);
    let connection = Multiplexed::connect(server.address());
    for garbage in [&b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        stream.write_all(garbage).unwrap();
        let mut told = Vec::new();
        // Its end comes as an end or as a reset, not as a time that is up.
        if let Err(error) = stream.read_to_end(&mut told) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
        assert_eq!(connection.get("/ping").status, 200);
    }
}

#[test]
fn a_request_over_http2_under_way_is_answered_after_the_signal() {
    let mut server = Running::sample("echo", &[]);
    let connection = Multiplexed::connect(server.address());
    let open = connection.open("/invocations", &[("content-type", JSON)]);
    let (first, rest) = ROW.split_at(10);
    open.body.send(Bytes::copy_from_slice(first.as_bytes())).unwrap();
    connection.settle();
    server.signal(libc::SIGTERM);
    server.logged("stopping");
    open.body.send(Bytes::copy_from_slice(rest.as_bytes())).unwrap();
    let answer = connection.finish(open);
    assert_eq!(answer.status, 200, "{answer:?}");
    connection.ended();
    assert!(server.wait().success());
}

#[test]
fn an_idle_http2_connection_ends_with_the_server() {
    let mut server = Running::sample("echo", &[]);
    let connection = Multiplexed::connect(server.address());
    assert_eq!(connection.get("/ping").status, 200);
    server.signal(libc::SIGTERM);
    connection.ended();
    assert!(server.wait().success());
    server.logged("stopped");
}
