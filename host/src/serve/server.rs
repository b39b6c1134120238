//! Accepts connections, bounds their number, deals them out to the workers, and drains them when told to stop.
//!
//! Called by `cli::serve`, which loads everything before it binds. Takes the listener and the stop signal from its
//! caller, so that tests bring their own. `worker.rs` serves what is dealt out.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::observe::Limit;
use crate::serve::connection::Http;
use crate::serve::handler::Service;
use crate::serve::room::Room;
use crate::serve::worker::{Admitted, Worker};
use crate::tls::Tls;

/// How long to wait after the system had no file descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the server needs besides its service.
pub struct Server {
    /// Bound already.
    pub listener: TcpListener,
    /// A second one, for platforms that look for gRPC on a port of its own; both serve the same.
    pub grpc: Option<TcpListener>,
    /// Connections at one time.
    pub max_connections: usize,
    /// What encrypts them, where they are to be.
    pub tls: Option<Arc<Tls>>,
    /// Threads that serve them, at least 1.
    pub workers: usize,
    /// How long requests may take to end after the stop.
    pub drain: Duration,
}

// === impl Server ===

impl Server {
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let Some(grpc) = &self.grpc else { return self.listener.accept().await };
        tokio::select! {
            accepted = self.listener.accept() => accepted,
            accepted = grpc.accept() => accepted,
        }
    }

    /// Serves until `stop` ends, then takes no more connections and waits for the requests that are under way.
    /// Answers whether all of them ended in time.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread to give.
    pub async fn run(self, service: Arc<Service>, stop: impl Future<Output = ()>) -> io::Result<bool> {
        let telemetry = Arc::clone(service.telemetry());
        let room = Room::new(self.max_connections, service.config.connections.max_per_address);
        let workers = (0..self.workers.max(1))
            .map(|number| {
                Worker::start(number, Http::new(Arc::clone(&service), self.tls.clone(), room.wish()))
            })
            .collect::<io::Result<Vec<_>>>()?;
        let mut stop = pin!(stop);
        // Said once, and not twenty times a second.
        let mut refusing = false;
        loop {
            // One at a time: while this one waits for a place, others stay in the system's backlog.
            let next = async {
                let (stream, peer) = self.accept().await?;
                let peer = peer.ip().to_canonical();
                if room.is_full() {
                    telemetry.limits.hit(Limit::Connections);
                }
                let place = room.enter(peer).await;
                stream.into_std().map(|stream| (stream, peer, place))
            };
            let accepted = tokio::select! {
                accepted = next => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, peer, Some(place))) => {
                    refusing = false;
                    if let Some(worker) = workers.iter().min_by_key(|worker| worker.load()) {
                        worker.serve(Admitted::new(stream, peer, place));
                    }
                }
                Ok((_, peer, None)) => {
                    telemetry.limits.hit(Limit::Connections);
                    tracing::debug!(%peer, "a client address has as many connections as it may");
                }
                Err(error) => {
                    if !refusing {
                        let hint = "`ulimit -n` is how many files and connections a process may have";
                        tracing::warn!(%error, hint, "cannot accept a connection: trying again until it can be done");
                    }
                    refusing = true;
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop((self.listener, self.grpc));
        let ends: Vec<_> = workers.into_iter().map(Worker::stop).collect();
        let drained = async {
            for end in ends {
                end.await;
            }
        };
        Ok(tokio::time::timeout(self.drain, drained).await.is_ok())
    }
}
