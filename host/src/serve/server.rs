//! Accepts connections, bounds their number, and drains them when told to stop.
//!
//! Called by `cli::serve`, which loads everything before it binds. Takes the listener and the stop signal from its
//! caller, so that tests bring their own.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::serve::handler::Service;

/// How long a client may take for a request's head; a connection that sends nothing is closed after it.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait after the system had no file descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the server needs besides its service.
pub struct Server {
    /// Bound already.
    pub listener: TcpListener,
    /// Connections at one time.
    pub max_connections: usize,
    /// How long requests may take to end after the stop.
    pub drain: Duration,
}

// === impl Server ===

impl Server {
    /// Serves until `stop` ends, then takes no more connections and waits for the requests that are under way.
    /// Answers whether all of them ended in time.
    pub async fn run(self, service: Arc<Service>, stop: impl Future<Output = ()>) -> bool {
        let connections = Arc::new(Semaphore::new(self.max_connections));
        let graceful = GracefulShutdown::new();
        let mut stop = pin!(stop);
        loop {
            // The permit first: a connection that cannot be served stays in the system's backlog.
            let next = async {
                let permit = Arc::clone(&connections).acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            let (permit, stream) = tokio::select! {
                (permit, accepted) = next => match accepted {
                    Ok((stream, _)) => (permit, stream),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
                () = &mut stop => break,
            };
            let service = Arc::clone(&service);
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                let connection = watcher.watch(connection(stream, service));
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended early");
                }
                drop(permit);
            });
        }
        drop(self.listener);
        tokio::time::timeout(self.drain, graceful.shutdown()).await.is_ok()
    }
}

fn connection(
    stream: TcpStream,
    service: Arc<Service>,
) -> impl GracefulConnection<Error = hyper::Error, Output = Result<(), hyper::Error>> {
    // An answer is one write: waiting for more to send with it would add up to 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { service.answer(request).await }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), answer)
}
