//! Who reads what mlhost writes may be gone, slow, or a full disk: no request fails for it, and no command panics.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::running::{Running, mlhost, models};

const ROW: &str = r#"{"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}"#;

/// A server whose standard error is the test's to break.
struct Server {
    child: Child,
    address: String,
}

// === impl Server ===

impl Server {
    /// Logs everything there is to log.
    fn start(stderr: impl Into<Stdio>) -> Self {
        let mut command = Running::command(&["-m", models().join("echo").to_str().unwrap()]);
        let mut child =
            command.env("MLHOST_LOG", "trace").stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("a ready line");
        let address = ready["address"].as_str().unwrap().to_owned();
        Self { child, address }
    }

    fn answers(&self, times: usize) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).build().into();
        for _ in 0..times {
            let url = format!("http://{}/invocations", self.address);
            let answer = agent.post(&url).header("Content-Type", "application/json").send(ROW).unwrap();
            assert_eq!(answer.status(), 200);
        }
    }

    fn stops(&mut self) {
        // SAFETY: no memory is involved; the process is ours and not yet waited for.
        assert_eq!(unsafe { libc::kill(self.child.id().cast_signed(), libc::SIGTERM) }, 0);
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_log_on_a_full_disk_fails_no_request() {
    let mut server = Server::start(File::options().write(true).open("/dev/full").unwrap());
    server.answers(50);
    server.stops();
}

#[test]
fn a_log_pipe_that_was_closed_fails_no_request() {
    let mut server = Server::start(Stdio::piped());
    drop(server.child.stderr.take());
    server.answers(50);
    server.stops();
}

/// More than a pipe and the log's own buffer hold.
#[test]
fn a_log_pipe_that_nobody_reads_blocks_no_request_and_what_is_missing_is_counted() {
    let mut server = Server::start(Stdio::piped());
    let mut log = server.child.stderr.take().unwrap();
    server.answers(5000);
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    server.answers(200);
    server.stops();
    let text = reader.join().unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "half a line");
    assert!(text.contains("stopped"), "the last lines are written");
    assert!(text.contains("lines of the log are missing"), "{} bytes", text.len());
}

#[test]
fn a_ready_line_that_nobody_reads_stops_no_server() {
    let mut command = Running::command(&["-m", models().join("echo").to_str().unwrap()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    std::thread::sleep(Duration::from_secs(2));
    let mut server = Server { child, address: String::new() };
    assert!(server.child.try_wait().unwrap().is_none(), "it has ended");
    server.stops();
}

fn said(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn commands_whose_reader_is_gone_end_quietly_and_on_a_full_disk_they_fail() {
    let echo = models().join("echo");
    let component = echo.join("component.wasm");
    let request = models().join("iris/calls/one_of_each.request.json");
    let iris = models().join("iris");
    let words: [Vec<&std::ffi::OsStr>; 3] = [
        vec!["inspect".as_ref(), component.as_os_str()],
        vec!["validate".as_ref(), echo.as_os_str()],
        vec!["predict".as_ref(), "-m".as_ref(), iris.as_os_str(), "-i".as_ref(), request.as_os_str()],
    ];
    for words in words {
        let (code, error) = said(mlhost().args(&words).stdout(Stdio::piped()));
        assert_eq!(code, Some(0), "{words:?}: {error}");
        assert!(!error.contains("error") && !error.contains("panicked"), "{words:?}: {error}");
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, error) = said(mlhost().args(&words).stdout(full));
        assert_eq!(code, Some(1), "{words:?}: {error}");
        assert!(
            error.contains("No space left on device") && !error.contains("panicked"),
            "{words:?}: {error}"
        );
    }
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = mlhost().args(["inspect", "/nowhere"]).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(1), "an error that cannot be said is one still");
}
