//! Clients that take their time, take too much, or only take up room: they are closed, and nobody else notices.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::running::{Running, models};

/// Longer than anything here takes; only reached when something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

const PING: &[u8] = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";
const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// One request over a connection that stays open; its answer's head. Of routes whose body is one line end.
fn ping(stream: &mut TcpStream) -> String {
    stream.write_all(PING).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

/// Sends `byte` every 50 ms until the server has closed the connection or answered; what it answered, and when.
fn trickle(stream: &mut TcpStream, byte: u8) -> (String, Duration) {
    let begin = Instant::now();
    let mut answer = Vec::new();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    while begin.elapsed() < PATIENCE {
        // It may be closed between the two.
        let _ = stream.write_all(&[byte]);
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer) {
            Ok(0) => return (String::from_utf8(answer).unwrap(), begin.elapsed()),
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return (String::from_utf8(answer).unwrap(), begin.elapsed()),
        }
    }
    panic!("the server lets it go on for ever");
}

/// Ends when the server has closed the connection, whose answers are read and forgotten.
fn closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_head_that_trickles_in_has_its_time_and_no_more() {
    let server = Running::sample("echo", &["--header-timeout", "1s"]);
    let mut fresh = connect(&server);
    fresh.write_all(b"GET /ping HTTP/1.1\r\nX-Slow: ").unwrap();
    let (answer, after) = trickle(&mut fresh, b'x');
    assert_eq!(answer, "");
    assert!(after >= Duration::from_millis(900), "{after:?}");
    // The same for a head that is not the first one.
    let mut kept = connect(&server);
    ping(&mut kept);
    kept.write_all(b"GET /ping HTTP/1.1\r\nX-Slow: ").unwrap();
    let (answer, after) = trickle(&mut kept, b'x');
    assert_eq!(answer, "");
    assert!(after >= Duration::from_millis(900), "{after:?}");
    // And for one who never says anything.
    assert!(closed(&mut connect(&server)));
    assert_eq!(server.get("/ping").status, 200);
}

#[test]
fn a_body_that_trickles_in_is_408() {
    let server = Running::sample("echo", &["--min-body-rate", "1000"]);
    let mut stream = connect(&server);
    let head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let (answer, after) = trickle(&mut stream, b' ');
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("1000 bytes a second"), "{answer}");
    assert!(after >= Duration::from_secs(4), "any client may take some seconds: {after:?}");
}

#[test]
fn a_client_that_does_not_read_its_answer_is_closed() {
    let echo = models().join("echo");
    let flags = ["-m", echo.to_str().unwrap(), "--write-timeout", "1s"];
    let server = Running::start_with(&flags, &[("MLHOST_LOG", "mlhost=debug")]);
    let stream = connect(&server);
    // So that the kernel does not take the whole answer for it.
    let small: libc::c_int = 4096;
    // SAFETY: the descriptor is open, and the pointer is to as many bytes as are said.
    let set = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUF,
            std::ptr::from_ref(&small).cast(),
            u32::try_from(size_of_val(&small)).unwrap(),
        )
    };
    assert_eq!(set, 0);
    let rows = vec!["[1.5]"; 1_000_000].join(",");
    let body = format!("{{\"dataframe_split\": {{\"columns\": [\"x\"], \"data\": [{rows}]}}}}");
    let head = format!(
        "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (&stream).write_all(head.as_bytes()).unwrap();
    (&stream).write_all(body.as_bytes()).unwrap();
    let said = server.logged("does not read its answer");
    assert!(said.contains("a connection ended"), "{said}");
    assert_eq!(server.invoke(ROW).status, 200);
}

#[test]
fn a_client_that_gives_an_answer_no_window_is_closed() {
    let server = Running::sample("echo", &["--write-timeout", "1s"]);
    let mut stream = connect(&server);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    // SETTINGS with SETTINGS_INITIAL_WINDOW_SIZE 0 (RFC 9113, section 6.5.2): no byte of a body may be sent.
    stream.write_all(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00").unwrap();
    // HEADERS that end stream 1: GET, http, /ping, and `x` for the authority (RFC 7541, appendix A).
    stream.write_all(b"\x00\x00\x0c\x01\x05\x00\x00\x00\x01\x82\x86\x04\x05/ping\x01\x01x").unwrap();
    assert!(closed(&mut stream));
    assert_eq!(server.invoke(ROW).status, 200);
}

#[test]
fn a_connection_without_requests_is_closed_and_a_busy_one_is_not() {
    let server = Running::sample("echo", &["--idle-timeout", "2s"]);
    let (mut idle, mut busy) = (connect(&server), connect(&server));
    ping(&mut idle);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(5) {
        ping(&mut busy);
        thread::sleep(Duration::from_millis(200));
    }
    assert!(closed(&mut idle));
    ping(&mut busy);
}

#[test]
fn a_connection_brings_as_many_requests_as_it_may_and_is_told_which_is_the_last() {
    let server = Running::sample("echo", &["--max-connection-requests", "2"]);
    let mut stream = connect(&server);
    assert!(!ping(&mut stream).contains("connection: close"));
    assert!(ping(&mut stream).contains("connection: close"));
    assert!(closed(&mut stream));
}

#[test]
fn an_address_has_as_many_connections_as_it_may() {
    let server = Running::sample("echo", &["--max-connections-per-address", "2"]);
    let (mut first, mut second) = (connect(&server), connect(&server));
    ping(&mut first);
    ping(&mut second);
    assert!(closed(&mut connect(&server)), "the third is closed without an answer");
    drop(first);
    // The server learns of it a little later.
    let begin = Instant::now();
    loop {
        let mut next = connect(&server);
        // Closed before or after it is written.
        let _ = next.write_all(PING);
        if next.read(&mut [0; 64]).is_ok_and(|read| read > 0) {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "its place never comes back");
    }
    ping(&mut second);
}

#[test]
fn a_head_over_the_bound_is_431() {
    let server = Running::sample("echo", &["--max-header", "8KiB"]);
    let long = "x".repeat(10 << 10);
    assert_eq!(server.send("GET", "/ping", &[("x-long", &long)], b"").status, 431);
    assert_eq!(server.send("GET", "/ping", &[("x-long", &long[..4 << 10])], b"").status, 200);
}

#[test]
fn where_it_is_full_a_connection_that_does_nothing_gives_way() {
    let server = Running::sample("echo", &["--max-connections", "4"]);
    // Twice as many as there are places, all of them silent, or kept open between requests.
    let mut kept = connect(&server);
    ping(&mut kept);
    let _silent: Vec<_> = (0..8).map(|_| connect(&server)).collect();
    // Their own time would be 30 s.
    let begin = Instant::now();
    assert_eq!(server.invoke(ROW).status, 200);
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out_and_cost_little() {
    more_files();
    let server = Running::sample("echo", &[]);
    assert_eq!(server.invoke(ROW).status, 200);
    let before = server.resident_bytes();
    let mut idle: Vec<_> = (0..1000).map(|_| connect(&server)).collect();
    for stream in &mut idle {
        ping(stream);
    }
    let each = server.resident_bytes().saturating_sub(before) / idle.len();
    assert!(each <= 48 << 10, "{each} bytes for each idle connection");
    for _ in 0..20 {
        assert_eq!(server.invoke(ROW).status, 200);
    }
    // None was closed for it.
    for stream in &mut idle {
        ping(stream);
    }
}

/// Lets this process have as many files as it may.
fn more_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls are given a valid structure.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}
