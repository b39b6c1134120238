//! WASI 0.2 for components that import it (wasm32-wasip2, componentize-py): nothing granted unless bundle and operator
//! both name it.
//!
//! Without grants a guest sees clocks and random numbers; its standard output and error go to the log, within the
//! call's budget; its standard input is empty; there are no files, no sockets, no names to resolve and no environment.
//! Used by `guest.rs` for each call.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::clocks::{self, HostMonotonicClock, HostWallClock};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::bindings::mlhost::guest::log::Level;
use crate::error::SandboxError;
use crate::journal::Journal;
use crate::state::GuestState;

/// How much a stream takes at a time, and keeps of a line that has not ended.
const CHUNK: usize = 4096;

/// What a bundle asked for and its operator allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WasiGrants {
    /// Environment variables, name and value.
    pub environment: Vec<(String, String)>,
    /// Directories that can be read, under the same path.
    pub read: Vec<PathBuf>,
}

/// One call's WASI.
pub(crate) struct WasiState {
    context: WasiCtx,
    table: ResourceTable,
    /// Whether a clock was read.
    told_time: Arc<AtomicBool>,
}

/// A clock of the host's that remembers being read.
struct Clock<C> {
    clock: C,
    read: Arc<AtomicBool>,
}

/// A standard stream that ends in the log, a line at a time.
#[derive(Clone)]
struct LogStream {
    lines: Arc<Mutex<Lines>>,
}

struct Lines {
    journal: Journal,
    level: Level,
    partial: Vec<u8>,
}

// === impl WasiGrants ===

impl WasiGrants {
    /// Whether nothing of this machine is to be seen.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { environment, read } = self;
        environment.is_empty() && read.is_empty()
    }
}

// === impl WasiState ===

impl WasiState {
    pub(crate) fn new(grants: &WasiGrants, journal: &Journal) -> Result<Self, SandboxError> {
        let told_time = Arc::new(AtomicBool::new(false));
        let mut builder = WasiCtxBuilder::new();
        builder
            .wall_clock(Clock { clock: clocks::wall_clock(), read: Arc::clone(&told_time) })
            .monotonic_clock(Clock { clock: clocks::monotonic_clock(), read: Arc::clone(&told_time) })
            .stdout(LogStream::new(journal, Level::Info))
            .stderr(LogStream::new(journal, Level::Warn))
            .envs(&grants.environment)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        for directory in &grants.read {
            let path = directory.to_string_lossy();
            builder.preopened_dir(directory, &path, FsPerms::ReadOnly).map_err(|error| {
                SandboxError::Grant { path: path.clone().into_owned(), message: format!("{error:#}") }
            })?;
        }
        Ok(Self { context: builder.build(), table: ResourceTable::new(), told_time })
    }

    /// Whether the guest knows what time it was.
    pub(crate) fn told_time(&self) -> bool {
        self.told_time.load(Ordering::Relaxed)
    }

    /// Whether the guest has a stream, a directory, a socket or the like.
    pub(crate) fn holds_handles(&self) -> bool {
        !self.table.is_empty()
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let journal = &self.journal;
        // `guest.rs` fills it before any guest code runs; without grants there is nothing that could fail here.
        let wasi = self.wasi.get_or_insert_with(|| {
            Box::new(WasiState {
                context: WasiCtxBuilder::new().stderr(LogStream::new(journal, Level::Warn)).build(),
                table: ResourceTable::new(),
                told_time: Arc::new(AtomicBool::new(true)),
            })
        });
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

// === impl Clock ===

impl HostWallClock for Clock<Box<dyn HostWallClock + Send>> {
    fn resolution(&self) -> Duration {
        self.clock.resolution()
    }

    fn now(&self) -> Duration {
        self.read.store(true, Ordering::Relaxed);
        self.clock.now()
    }
}

impl HostMonotonicClock for Clock<Box<dyn HostMonotonicClock + Send>> {
    fn resolution(&self) -> u64 {
        self.clock.resolution()
    }

    fn now(&self) -> u64 {
        self.read.store(true, Ordering::Relaxed);
        self.clock.now()
    }
}

// === impl LogStream ===

impl LogStream {
    fn new(journal: &Journal, level: Level) -> Self {
        let lines = Lines { journal: journal.clone(), level, partial: Vec::new() };
        Self { lines: Arc::new(Mutex::new(lines)) }
    }

    fn take(&self, bytes: &[u8]) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take(bytes);
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

// === impl Lines ===

impl Lines {
    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = CHUNK.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.partial);
        self.journal.write(self.level, line.trim_end_matches(['\n', '\r']));
        self.partial.clear();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.partial.is_empty() {
            self.end_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::clocks::WasiClocksView as _;
    use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};

    use super::*;
    use crate::limits::Limits;
    use crate::resources::GuestResources;

    fn state() -> GuestState {
        let resources = GuestResources {
            name: "g".into(),
            graphs: mlhost_nn::Graphs::new(Vec::new()),
            artifacts: std::collections::BTreeMap::new(),
        };
        let deadline = std::time::Instant::now() + Duration::from_secs(1);
        let mut state = GuestState::new(&Limits::default(), Arc::new(resources), deadline);
        let wasi = WasiState::new(&WasiGrants::default(), &state.journal).unwrap();
        state.wasi = Some(Box::new(wasi));
        state
    }

    fn told_time(state: &GuestState) -> bool {
        state.wasi.as_ref().unwrap().told_time()
    }

    #[test]
    fn reading_a_clock_is_remembered() {
        let mut unread = state();
        wall_clock::Host::resolution(&mut unread.clocks()).unwrap();
        monotonic_clock::Host::resolution(&mut unread.clocks()).unwrap();
        assert!(!told_time(&unread));

        let mut wall = state();
        wall_clock::Host::now(&mut wall.clocks()).unwrap();
        assert!(told_time(&wall));

        let mut monotonic = state();
        monotonic_clock::Host::now(&mut monotonic.clocks()).unwrap();
        assert!(told_time(&monotonic));

        let mut waiting = state();
        monotonic_clock::Host::subscribe_instant(&mut waiting.clocks(), 0).unwrap();
        assert!(told_time(&waiting));
    }
}
