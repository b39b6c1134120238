//! Accepts connections, bounds their number, deals them out to the workers, and drains them when told to stop.
//!
//! Called by `cli::serve`, which loads everything before it binds. Takes the listener and the stop signal from its
//! caller, so that tests bring their own. `worker.rs` serves what is dealt out.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::serve::handler::Service;
use crate::serve::worker::{Admitted, Worker};

/// How long to wait after the system had no file descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the server needs besides its service.
pub struct Server {
    /// Bound already.
    pub listener: TcpListener,
    /// Connections at one time.
    pub max_connections: usize,
    /// Threads that serve them, at least 1.
    pub workers: usize,
    /// How long requests may take to end after the stop.
    pub drain: Duration,
}

// === impl Server ===

impl Server {
    /// Serves until `stop` ends, then takes no more connections and waits for the requests that are under way.
    /// Answers whether all of them ended in time.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread to give.
    pub async fn run(self, service: Arc<Service>, stop: impl Future<Output = ()>) -> io::Result<bool> {
        let workers = (0..self.workers.max(1))
            .map(|number| Worker::start(number, Arc::clone(&service)))
            .collect::<io::Result<Vec<_>>>()?;
        let connections = Arc::new(Semaphore::new(self.max_connections));
        let mut stop = pin!(stop);
        // Said once, and not twenty times a second.
        let mut refusing = false;
        loop {
            // The permit first: a connection that cannot be served stays in the system's backlog.
            let next = async {
                let permit = Arc::clone(&connections).acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                next = next => next,
                () = &mut stop => break,
            };
            match (permit, accepted.and_then(|(stream, _)| stream.into_std())) {
                (Ok(permit), Ok(stream)) => {
                    refusing = false;
                    if let Some(worker) = workers.iter().min_by_key(|worker| worker.load()) {
                        worker.serve(Admitted::new(stream, permit));
                    }
                }
                (_, Err(error)) => {
                    if !refusing {
                        let hint = "`ulimit -n` is how many files and connections a process may have";
                        tracing::warn!(%error, hint, "cannot accept a connection: trying again until it can be done");
                    }
                    refusing = true;
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                // The semaphore is never closed.
                (Err(_), _) => break,
            }
        }
        drop(self.listener);
        let ends: Vec<_> = workers.into_iter().map(Worker::stop).collect();
        let drained = async {
            for end in ends {
                end.await;
            }
        };
        Ok(tokio::time::timeout(self.drain, drained).await.is_ok())
    }
}
