//! Stopping: what is under way is answered, and the process ends well.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::running::Running;

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
