//! Stopping: what is under way is answered, and the process ends well.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::running::{Running, models};

const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

#[test]
fn a_signal_ends_an_idle_server_with_success() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let mut server = Running::sample("echo", &[]);
        assert_eq!(server.get("/ping").status, 200);
        server.signal(signal);
        assert!(server.wait().success());
        server.logged("stopped");
    }
}

#[test]
fn a_request_under_way_is_answered_after_the_signal() {
    let mut server = Running::sample("echo", &[]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let (first, rest) = ROW.split_at(10);
    let head = format!(
        "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\
         Content-Length: {}\r\n\r\n",
        ROW.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The interim answer says that the request has reached its handler.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 Continue"), "{}", String::from_utf8_lossy(&interim));
    stream.write_all(first.as_bytes()).unwrap();
    server.signal(libc::SIGTERM);
    server.logged("stopping");
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(server.wait().success());
}

#[test]
fn not_ready_comes_first_and_requests_are_still_answered_meanwhile() {
    let mut server = Running::sample("echo", &["--drain-delay", "3s"]);
    let mut kept = TcpStream::connect(server.address()).unwrap();
    assert!(!ask(&mut kept, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n").contains("connection: close"));
    server.signal(libc::SIGTERM);
    server.logged("draining");
    let ready = server.get("/ping");
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(ready.header("retry-after").is_some(), "{ready:?}");
    let answer = server.invoke(ROW);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    // One that was open before is told so, too, and then closed.
    let request = format!(
        "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ROW}",
        ROW.len()
    );
    let answer = ask(&mut kept, &request);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    assert!(server.wait().success());
    server.logged("stopped");
}

/// A request, and what comes back in one piece.
fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

/// A server with a request under way that ends after a minute.
fn spinning(flags: &[&str]) -> (Running, TcpStream) {
    let spin = models().join("hostile/infinite_loop/component.wasm");
    let server =
        Running::start(&[&["--component", spin.to_str().unwrap(), "--timeout", "60s"], flags].concat());
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\
         Content-Length: {}\r\n\r\n",
        ROW.len()
    );
    assert!(ask(&mut stream, &head).starts_with("HTTP/1.1 100"));
    stream.write_all(ROW.as_bytes()).unwrap();
    (server, stream)
}

#[test]
fn a_second_signal_stops_at_once() {
    let (mut server, _stream) = spinning(&["--drain-timeout", "60s"]);
    server.signal(libc::SIGTERM);
    server.logged("stopping");
    let begin = Instant::now();
    server.signal(libc::SIGTERM);
    assert_eq!(server.wait().code(), Some(1));
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    server.logged("requests under way were not answered");
}

#[test]
fn requests_that_outlive_the_drain_are_given_up() {
    let (mut server, _stream) = spinning(&["--drain-timeout", "1s"]);
    let begin = Instant::now();
    server.signal(libc::SIGTERM);
    server.logged("they outlived the drain time");
    assert!(server.wait().success());
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}
