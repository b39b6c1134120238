//! A guest that imports WASI 0.2 and answers what it gets through it.
//!
//! For tests of the sandbox: it tries what a component built for wasm32-wasip2 or by componentize-py could try.

use std::sync::atomic::{AtomicU32, Ordering};

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor, log};
use serde_json::{Value, json};
use wasip2::cli::{environment, stderr, stdin, stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
use wasip2::io::streams::{OutputStream, StreamError};
use wasip2::random::random;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::{instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket};

/// Calls of `predict` that this instance's memory knows of.
static CALLS: AtomicU32 = AtomicU32::new(0);

/// The model: what it wrote down when it was loaded.
pub struct Wasi {
    artifacts: usize,
    /// A handle over `load-context`, where the bundle's configuration says so.
    kept: Option<OutputStream>,
}

// === impl Wasi ===

impl Predictor for Wasi {
    fn load_context(context: &Context) -> Result<Self, Error> {
        CALLS.fetch_add(100, Ordering::Relaxed);
        log::info!("load-context runs");
        let kept = context.model_config().contains("keep").then(stdout::get_stdout);
        Ok(Self { artifacts: context.artifact_names().len(), kept })
    }

    fn predict(&self, _input: Input, params: Params) -> Result<Output, Error> {
        if let Some(stream) = &self.kept {
            write(stream, "written to what was kept\n")?;
        }
        let lines = params.integer("lines")?.unwrap_or(1);
        for line in 0..lines {
            write(&stdout::get_stdout(), &format!("standard output, line {line}\n"))?;
        }
        write(&stderr::get_stderr(), "standard error, not ended")?;
        let file = params.text("file")?.unwrap_or_default();
        let port = params.integer("port")?.and_then(|port| u16::try_from(port).ok()).unwrap_or(1);
        let report = json!({
            "environment": environment::get_environment(),
            "arguments": environment::get_arguments(),
            "directory": environment::initial_cwd(),
            "stdin": stdin_bytes(),
            "directories": directories(file),
            "tcp": tcp(port),
            "udp": udp(port),
            "lookup": lookup(),
            "random": random::get_random_bytes(16),
            "seconds": wall_clock::now().seconds,
            "nanoseconds": elapsed(),
            "artifacts": self.artifacts,
            "calls": CALLS.fetch_add(1, Ordering::Relaxed),
        });
        Ok(Output::Json(report.to_string()))
    }
}

fn write(stream: &OutputStream, text: &str) -> Result<(), Error> {
    stream.blocking_write_and_flush(text.as_bytes()).map_err(|error| Error::failed(error.to_string()))
}

/// How many bytes there are to read, or why none.
fn stdin_bytes() -> Value {
    match stdin::get_stdin().blocking_read(64) {
        Ok(bytes) => json!(bytes.len()),
        Err(StreamError::Closed) => json!("closed"),
        Err(StreamError::LastOperationFailed(error)) => json!(error.to_debug_string()),
    }
}

/// Every open directory: what `file` in it holds, and whether a file can be made or removed in it.
fn directories(file: &str) -> Value {
    let directories = preopens::get_directories().into_iter().map(|(directory, path)| {
        json!({
            "path": path,
            "read": read(&directory, file),
            "above": read(&directory, "../outside"),
            "made": made(&directory),
            "removed": outcome(directory.unlink_file_at(file)),
        })
    });
    directories.collect()
}

fn read(directory: &Descriptor, file: &str) -> Value {
    let flags = PathFlags::SYMLINK_FOLLOW;
    let opened = directory.open_at(flags, file, OpenFlags::empty(), DescriptorFlags::READ);
    match opened.and_then(|file| file.read(64, 0)) {
        Ok((bytes, _)) => json!(String::from_utf8_lossy(&bytes)),
        Err(error) => json!({ "error": error.name() }),
    }
}

fn made(directory: &Descriptor) -> Value {
    let create = OpenFlags::CREATE;
    outcome(directory.open_at(PathFlags::empty(), "made", create, DescriptorFlags::WRITE).map(drop))
}

fn outcome(result: Result<(), wasip2::filesystem::types::ErrorCode>) -> Value {
    result.map_or_else(|error| json!({ "error": error.name() }), |()| json!("done"))
}

fn loopback(port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) })
}

fn tcp(port: u16) -> Value {
    let network = instance_network::instance_network();
    let connected = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4).and_then(|socket| {
        socket.start_connect(&network, loopback(port))?;
        socket.subscribe().block();
        socket.finish_connect().map(drop)
    });
    connected.map_or_else(|error| json!({ "error": error.name() }), |()| json!("connected"))
}

fn udp(port: u16) -> Value {
    let network = instance_network::instance_network();
    let bound = udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4).and_then(|socket| {
        socket.start_bind(&network, loopback(0))?;
        socket.subscribe().block();
        socket.finish_bind()?;
        socket.stream(Some(loopback(port))).map(drop)
    });
    bound.map_or_else(|error| json!({ "error": error.name() }), |()| json!("bound"))
}

fn lookup() -> Value {
    let network = instance_network::instance_network();
    match ip_name_lookup::resolve_addresses(&network, "localhost") {
        Ok(stream) => {
            stream.subscribe().block();
            let resolved = stream.resolve_next_address();
            resolved.map_or_else(|error| json!({ "error": error.name() }), |_| json!("resolved"))
        }
        Err(error) => json!({ "error": error.name() }),
    }
}

/// How long a wait for a millisecond took.
fn elapsed() -> u64 {
    let start = monotonic_clock::now();
    monotonic_clock::subscribe_duration(1_000_000).block();
    monotonic_clock::now().saturating_sub(start)
}

mlhost_guest::export!(Wasi);
