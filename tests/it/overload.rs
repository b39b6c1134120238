//! More requests than there is room for: the ones over it are told so at once, and the others are not disturbed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::running::{Running, models};

const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

#[test]
fn a_request_without_room_is_503_with_retry_after_at_once() {
    let spin = models().join("hostile/infinite_loop/component.wasm");
    let server = Running::start(&["--component", spin.to_str().unwrap(), "--max-requests", "1", "--timeout", "3s"]);
    let request = format!(
        "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{ROW}",
        ROW.len()
    );
    let mut spinning = TcpStream::connect(server.address()).unwrap();
    spinning.write_all(request.as_bytes()).unwrap();
    // Whichever of the two comes second is refused; the refusal cannot come before the other is in.
    let mut refused = None;
    while refused.is_none() {
        let answer = server.invoke(ROW);
        refused = (answer.status == 503).then_some(answer);
    }
    assert_eq!(refused.unwrap().header("retry-after"), Some("1"));
    let mut answer = String::new();
    spinning.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 504") || answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[test]
fn other_requests_are_answered_while_guests_spin() {
    let directory = models().join("hostile/infinite_loop/component.wasm");
    let server = Running::start(&["--component", directory.to_str().unwrap(), "--timeout", "2s"]);
    std::thread::scope(|scope| {
        // More spinning guests than there are workers to run them.
        let spinning: Vec<_> = (0..8).map(|_| scope.spawn(|| server.invoke(ROW).status)).collect();
        for _ in 0..50 {
            assert_eq!(server.get("/ping").status, 200);
        }
        for status in spinning {
            assert_eq!(status.join().unwrap(), 504);
        }
    });
}
