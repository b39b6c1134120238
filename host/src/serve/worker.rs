//! One thread that serves the connections dealt out to it, from their first byte to their last.
//!
//! `server.rs` starts as many as there are cores. Each has an asynchronous runtime of its own, and a connection stays
//! where it is: a request's sandbox, its memory and its answer never change cores, and no thread is woken for it. With a
//! runtime that moves tasks between threads, half of a small request's time went into just that. A guest that spins
//! gives way every millisecond, so it slows its neighbours down and stops none of them.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};

use crate::observe::Telemetry;
use crate::serve::connection::Http;
use crate::serve::room::Place;

/// A connection, and its place until it ends.
pub(crate) struct Admitted {
    stream: TcpStream,
    peer: IpAddr,
    place: Place,
}

/// A worker's thread, as the server sees it.
pub(crate) struct Worker {
    /// Bounded by the places that the connections bring along. Its end is the signal to stop.
    connections: UnboundedSender<Admitted>,
    load: Arc<AtomicUsize>,
    ended: oneshot::Receiver<()>,
}

/// Counts a connection of a worker while it lives.
struct Counted {
    load: Arc<AtomicUsize>,
    telemetry: Arc<Telemetry>,
}

// === impl Admitted ===

impl Admitted {
    pub(crate) fn new(stream: TcpStream, peer: IpAddr, place: Place) -> Self {
        Self { stream, peer, place }
    }
}

// === impl Worker ===

impl Worker {
    /// Starts the thread `worker-<number>`.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread to give.
    pub(crate) fn start(number: usize, http: Http) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (connections, dealt) = unbounded_channel();
        let (ending, ended) = oneshot::channel();
        let load = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&load);
        thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            runtime.block_on(serve(dealt, http, counter));
            // Nobody listens any more where the drain time is over.
            let _ = ending.send(());
        })?;
        Ok(Self { connections, load, ended })
    }

    /// Connections that it has.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Gives it one more.
    pub(crate) fn serve(&self, connection: Admitted) {
        self.load.fetch_add(1, Ordering::Relaxed);
        if self.connections.send(connection).is_err() {
            // Only after a panic outside any request.
            tracing::error!("a worker's thread has ended");
        }
    }

    /// Tells it to end; the future ends when all that was under way is answered.
    pub(crate) fn stop(self) -> impl Future<Output = ()> {
        drop(self.connections);
        async move {
            // Ended either way.
            let _ = self.ended.await;
        }
    }
}

/// A worker's whole life.
async fn serve(mut dealt: UnboundedReceiver<Admitted>, http: Http, load: Arc<AtomicUsize>) {
    let telemetry = Arc::clone(http.telemetry());
    let http = Arc::new(http);
    let (stop, stopping) = watch::channel(());
    while let Some(Admitted { stream, peer, place }) = dealt.recv().await {
        let counted = Counted::new(&load, &telemetry);
        let stream = match asynchronous(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "a connection ended before it began");
                continue;
            }
        };
        let (http, stopping) = (Arc::clone(&http), stopping.clone());
        tokio::spawn(async move {
            if let Err(error) = http.serve(stream, peer, stopping).await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((place, counted));
        });
    }
    drop(stopping);
    // Every connection holds a receiver until its end.
    let _ = stop.send(());
    stop.closed().await;
}

fn asynchronous(stream: TcpStream) -> io::Result<tokio::net::TcpStream> {
    // An answer is one write: waiting for more to send with it would add up to 40 ms.
    stream.set_nodelay(true)?;
    tokio::net::TcpStream::from_std(stream)
}

// === impl Counted ===

impl Counted {
    fn new(load: &Arc<AtomicUsize>, telemetry: &Arc<Telemetry>) -> Self {
        telemetry.connected();
        Self { load: Arc::clone(load), telemetry: Arc::clone(telemetry) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
        self.telemetry.disconnected();
    }
}
