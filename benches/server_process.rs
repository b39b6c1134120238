//! A server under measurement: started, asked until it answers, looked at in /proc, and stopped.
//!
//! Shared by the benchmarks `serve` and `load`, each of which includes it by path. A server is a process and whatever it
//! starts; none outlives the value that stands for it. Never sends load.

#![allow(dead_code, reason = "each benchmark uses what it needs of it")]

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Longer than MLflow takes to start on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Short beside the fastest start.
const START_POLL: Duration = Duration::from_micros(500);
/// For one answer of a server that is up.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// A running server, killed with all it started when dropped.
pub(crate) struct ServerProcess {
    child: Child,
    port: u16,
    log: PathBuf,
}

/// What it takes to know that a server is up.
pub(crate) struct Question<'a> {
    pub(crate) content_type: &'a str,
    pub(crate) body: &'a [u8],
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A place below the target directory: where cargo builds now, else the repository's own `target`.
pub(crate) fn below_target(place: &str) -> PathBuf {
    let own = root().join("target").join(place);
    let named = std::env::var_os("CARGO_TARGET_DIR").map(|target| Path::new(&target).join(place));
    named.filter(|named| named.exists()).unwrap_or(own)
}

/// `mlhost`, as this benchmark's cargo built it. What it reads from the environment must not decide what is measured.
pub(crate) fn mlhost() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlhost"));
    for (name, _) in mlhost::config::VARIABLES {
        if !matches!(*name, "ORT_DYLIB_PATH" | "MLHOST_CACHE_DIR" | "XDG_CACHE_HOME" | "HOME" | "CARGO_HOME")
        {
            command.env_remove(name);
        }
    }
    command.env("MLHOST_LOG", "error");
    command
}

/// The ONNX Runtime library that every server is to load.
///
/// # Errors
///
/// There is none, with the command that brings it.
pub(crate) fn onnxruntime() -> anyhow::Result<PathBuf> {
    let environment = |name: &str| std::env::var_os(name);
    let found = mlhost::onnxruntime::locate(&mlhost::onnxruntime::Places {
        flag: None,
        variable: environment("ORT_DYLIB_PATH").as_deref(),
        executable_directory: None,
        cache_directory: mlhost::config::cache_dir(&environment).as_deref(),
    })?;
    Ok(found.path)
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

// === impl ServerProcess ===

impl ServerProcess {
    /// Starts a server that listens on `port`, and asks until it gives a good answer. Says how long that took.
    ///
    /// # Errors
    ///
    /// The server ended or does not answer; what it wrote is part of the error.
    pub(crate) fn start(
        mut command: Command,
        port: u16,
        question: &Question<'_>,
    ) -> anyhow::Result<(Self, Duration)> {
        let log = std::env::temp_dir().join(format!("mlhost-bench-{port}.log"));
        let written = fs::File::create(&log).context("the server's log")?;
        command.stdin(Stdio::null()).stdout(written.try_clone()?).stderr(written);
        die_with_this_process(&mut command);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot run {:?}", command.get_program()))?;
        let mut server = Self { child, port, log };
        while started.elapsed() < START_PATIENCE {
            if let Some(status) = server.child.try_wait()? {
                bail!("{:?} ended with {status}:\n{}", command.get_program(), server.written());
            }
            match server.ask(question) {
                Ok(answer) if answer.status == 200 => return Ok((server, started.elapsed())),
                Ok(answer) if answer.status != 503 => {
                    bail!("{:?} answers {}: {}", command.get_program(), answer.status, answer.text());
                }
                _ => thread::sleep(START_POLL),
            }
        }
        bail!("{:?} does not answer:\n{}", command.get_program(), server.written());
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Answer, ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_PATIENCE))
            .build()
            .into();
        let request = agent.post(self.url()).header("Content-Type", question.content_type);
        let mut response = request.send(question.body)?;
        let mut body = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut body)?;
        Ok(Answer { status: response.status().as_u16(), body })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/invocations", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether the process is still there.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// CPU time of the process and all below it so far, user and system, in seconds; counted in ticks of 10 ms.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        // SAFETY: no memory is involved.
        let ticks_per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        let ticks: u64 = self.family().iter().filter_map(|pid| Stat::read(*pid)).map(|stat| stat.ticks).sum();
        ticks as f64 / ticks_per_second as f64
    }

    /// Resident memory of the process and all below it now, in MiB. Pages that several share count in each.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.memory_mib("VmRSS:")
    }

    /// The most resident memory so far, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.memory_mib("VmHWM:")
    }

    fn memory_mib(&self, field: &str) -> f64 {
        let kib = |pid: &i32| -> Option<f64> {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix(field))?;
            line.split_whitespace().next()?.parse().ok()
        };
        self.family().iter().filter_map(kib).sum::<f64>() / 1024.0
    }

    /// The process and all below it.
    fn family(&self) -> Vec<i32> {
        let everyone: Vec<(i32, i32)> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, Stat::read(pid)?.parent)))
            .collect();
        let mut family = vec![self.child.id().cast_signed()];
        let mut next = 0;
        while let Some(parent) = family.get(next).copied() {
            family.extend(everyone.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
            next += 1;
        }
        family
    }

    fn written(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        for pid in self.family() {
            // SAFETY: no memory is involved; all of them are this server's own.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.log);
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What /proc/PID/stat says: proc_pid_stat(5).
struct Stat {
    parent: i32,
    ticks: u64,
}

// === impl Stat ===

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field, a name in parentheses, may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self { parent: fields.get(1)?.parse().ok()?, ticks: ticks(11)? + ticks(12)? })
    }
}

/// A benchmark that is killed takes its servers with it.
fn die_with_this_process(command: &mut Command) {
    // SAFETY: prctl is safe to call between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            Ok(())
        });
    }
}
