//! A running `mlhost serve`, from its ready line to its end, and requests to it. Used by every other module here.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything here takes on a busy machine; only reached when something hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// A server of our own, killed when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) ready: Value,
    /// Locked by whoever reads it, so that requests can be sent from several threads.
    log: Mutex<Receiver<String>>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// An answer whose body may be no text.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The sample models: the committed ones, or those that `cargo xtask test` has just rebuilt from source.
pub(crate) fn models() -> PathBuf {
    std::env::var_os("MLHOST_TEST_MODELS").map_or_else(|| root().join("models"), PathBuf::from)
}

pub(crate) fn mlhost() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlhost"));
    // The tests' environment must not decide what they find.
    for (name, _) in mlhost::config::VARIABLES {
        if !matches!(*name, "ORT_DYLIB_PATH" | "XDG_CACHE_HOME" | "HOME" | "CARGO_HOME") {
            command.env_remove(name);
        }
    }
    // Nor must the tests fill their user's cache.
    command.env("MLHOST_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    command
}

// === impl Running ===

impl Running {
    /// Serves the sample model `name`.
    pub(crate) fn sample(name: &str, flags: &[&str]) -> Self {
        let directory = models().join(name);
        let directory = directory.to_str().unwrap();
        Self::start(&[&["-m", directory], flags].concat())
    }

    /// Starts `mlhost serve` on a free port and waits for its ready line.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_with(flags, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn start_with(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::started(Self::command(flags).envs(environment.iter().copied()))
    }

    /// What `start` starts.
    pub(crate) fn command(flags: &[&str]) -> Command {
        let mut command = mlhost();
        command
            .args(["serve", "--port", "0", "--log-format", "json"])
            .args(flags)
            .env("MLHOST_LOG", "info,guest=trace");
        command
    }

    /// Starts it, with whatever was changed about it, and waits for its ready line.
    pub(crate) fn started(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let output = lines(child.stdout.take().unwrap());
        match output.recv_timeout(PATIENCE) {
            Ok(line) => Self { child, ready: serde_json::from_str(&line).unwrap(), log: Mutex::new(log) },
            Err(_) => {
                let _ = child.kill();
                let log: Vec<_> = log.iter().collect();
                panic!("no ready line from {command:?}:\n{}", log.join("\n"));
            }
        }
    }

    pub(crate) fn address(&self) -> &str {
        self.ready["address"].as_str().unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer(agent().get(format!("http://{}{path}", self.address())).call())
    }

    pub(crate) fn head(&self, path: &str) -> Answer {
        answer(agent().head(format!("http://{}{path}", self.address())).call())
    }

    /// POST to `/invocations` as JSON.
    pub(crate) fn invoke(&self, body: &str) -> Answer {
        self.post("/invocations", Some("application/json"), body.as_bytes())
    }

    /// Any method without a body. Follows no redirect: where one leads is part of the answer.
    pub(crate) fn request(&self, method: &str, path: &str) -> Answer {
        self.ask(method, path, &[], None).text()
    }

    /// Any request, just as it is given. Follows no redirect.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own; a struct would be made for this call alone"
    )]
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> RawAnswer {
        ask(self.address(), method, path, headers, body)
    }

    pub(crate) fn post(&self, path: &str, content_type: Option<&str>, body: &[u8]) -> Answer {
        let mut request = agent().post(format!("http://{}{path}", self.address()));
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        answer(request.send(body))
    }

    /// Any method with headers and a body.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own; a struct would be made for this call alone"
    )]
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.ask(method, path, headers, Some(body)).text()
    }

    /// The same to its admin port, where it has one.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own; a struct would be made for this call alone"
    )]
    pub(crate) fn admin(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(self.ready["admin"].as_str().unwrap(), method, path, headers, Some(body)).text()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // SAFETY: no memory is involved; the process is ours and not yet waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap().count()
    }

    /// The memory that it has, in bytes.
    pub(crate) fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The next log line with `text` in it.
    pub(crate) fn logged(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        let log = self.log.lock().unwrap();
        while let Ok(line) = log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("`{text}` was not logged; seen:\n{}", seen.join("\n"));
    }

    /// Every line that was not read yet, once the process has ended.
    pub(crate) fn rest_of_log(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

// === impl RawAnswer ===

impl RawAnswer {
    /// With its body as a text.
    fn text(self) -> Answer {
        let Self { status, headers, body } = self;
        Answer { status, headers, body: String::from_utf8(body).unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn texts(headers: &ureq::http::HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    headers.iter().map(text).collect()
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into()
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of its own; a struct would be made for this call alone"
)]
fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> RawAnswer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .allow_non_standard_methods(true)
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    let request = ureq::http::Request::builder().method(method).uri(format!("http://{address}{path}"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    raw(match body {
        Some(body) => agent.run(request.body(body).unwrap()),
        None => agent.run(request.body(()).unwrap()),
    })
}

fn raw(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> RawAnswer {
    let (head, mut body) = response.expect("an answer, not a broken connection").into_parts();
    let mut bytes = Vec::new();
    body.as_reader().read_to_end(&mut bytes).unwrap();
    RawAnswer { status: head.status.as_u16(), headers: texts(&head.headers), body: bytes }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    raw(response).text()
}

/// A pipe's lines, read by a thread so that the process never blocks on a full pipe.
fn lines(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
