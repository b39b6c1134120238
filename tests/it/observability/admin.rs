//! The admin port: probes while all is busy and while it drains, the log's filter, and what it refuses.

use std::time::{Duration, Instant};

use super::FLOWERS;
use crate::running::{Running, mlhost, models};

#[test]
fn probes_are_answered_while_every_worker_is_busy() {
    let flags = ["--admin-address", "0", "--workers", "1", "--timeout", "20s"];
    let server = Running::sample("hostile/infinite_loop", &flags);
    let table = std::fs::read(models().join("hostile/faults.json")).unwrap();
    let table: serde_json::Value = serde_json::from_slice(&table).unwrap();
    let input = table["input"].to_string();
    std::thread::scope(|scope| {
        let spinning: Vec<_> = (0..4).map(|_| scope.spawn(|| server.invoke(&input))).collect();
        let metrics = || server.admin("GET", "/metrics", &[], b"").body;
        let deadline = Instant::now() + Duration::from_secs(15);
        while !metrics().contains("mlhost_requests_in_flight 4\n") {
            assert!(Instant::now() < deadline, "{}", metrics());
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(metrics().contains("mlhost_pool_requests 4\n"), "{}", metrics());
        for path in ["/live", "/ready", "/health", "/build", "/log-level"] {
            let began = Instant::now();
            assert_eq!(server.admin("GET", path, &[], b"").status, 200, "{path}");
            assert!(began.elapsed() < Duration::from_secs(5), "{path}: {:?}", began.elapsed());
        }
        for request in spinning {
            assert_eq!(request.join().unwrap().status, 504);
        }
    });
}

#[test]
fn readiness_turns_false_while_what_is_under_way_is_answered() {
    use std::io::{Read as _, Write as _};

    let mut server = Running::sample("iris", &["--admin-address", "0"]);
    assert_eq!(server.admin("GET", "/ready", &[], b"").body, "ready\n");
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\
         Content-Length: {}\r\n\r\n",
        FLOWERS.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    server.signal(libc::SIGTERM);
    server.logged("stopping");
    let answer = server.admin("GET", "/ready", &[], b"");
    assert_eq!((answer.status, answer.body.as_str()), (503, "draining\n"));
    assert_eq!(server.admin("GET", "/live", &[], b"").status, 200);
    let health = server.admin("GET", "/health", &[], b"").json();
    assert_eq!((&health["status"], &health["models"][0]["name"]), (&"draining".into(), &"iris".into()));
    assert!(server.admin("GET", "/metrics", &[], b"").body.contains("mlhost_ready 0\n"));
    stream.write_all(FLOWERS.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(server.wait().success());
}

#[test]
fn the_logs_filter_is_changed_while_the_server_runs() {
    let server = Running::sample("iris", &["--admin-address", "0"]);
    assert_eq!(server.admin("GET", "/log-level", &[], b"").body, "info,guest=trace\n");
    let changed = server.admin("PUT", "/log-level", &[], b"mlhost::access=debug");
    assert_eq!((changed.status, changed.body.as_str()), (200, "mlhost::access=debug\n"));
    assert_eq!(server.invoke(FLOWERS).status, 200);
    let line: serde_json::Value = serde_json::from_str(&server.logged("answered")).unwrap();
    assert_eq!((&line["level"], &line["status"]), (&"DEBUG".into(), &200.into()), "{line}");
    for wrong in [&b"mlhost=[loud"[..], b"", b"\xff", &[b'a'; 5000]] {
        let answer = server.admin("PUT", "/log-level", &[], wrong);
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert_eq!(server.admin("GET", "/log-level", &[], b"").body, "mlhost::access=debug\n");
}

#[test]
fn what_the_admin_port_does_not_have_is_said_and_changes_nothing() {
    let server = Running::sample("echo", &["--admin-address", "0"]);
    assert!(server.ready["admin"].as_str().unwrap().starts_with("127.0.0.1:"), "{}", server.ready);
    assert_eq!(server.admin("GET", "/invocations", &[], b"").status, 404);
    let refused = server.admin("DELETE", "/log-level", &[], b"");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, PUT")));
    assert_eq!(server.admin("POST", "/metrics", &[], b"x").status, 405);
    let build = server.admin("GET", "/build", &[], b"").json();
    assert_eq!((&build["name"], &build["version"]), (&"mlhost".into(), &env!("CARGO_PKG_VERSION").into()));
    // The clients' port has none of it.
    for path in ["/ready", "/live", "/log-level", "/build"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert_eq!(server.get("/health?detail").body, "\n");
}

#[test]
fn an_admin_port_that_is_taken_is_said_before_anything_is_served() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = mlhost()
        .args(["serve", "-p", "0", "--admin-address", &port, "-m"])
        .arg(models().join("echo"))
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot listen on 127.0.0.1:") && error.contains("--admin-address"), "{error}");
    assert!(output.stdout.is_empty(), "it never became ready");
}
