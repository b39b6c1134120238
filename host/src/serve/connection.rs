//! One connection, from its first byte to its last: HTTP/1.1 or HTTP/2, whichever its first bytes say.
//!
//! Called by `serve::worker`, on the worker's own runtime, and every task of a connection stays there. Asks nothing of what
//! carries the bytes: a TCP stream, or one with encryption around it. Knows no route. Nothing here waits for a client
//! without an end: not for the first bytes, not for a head, not for an answer to a ping, not for the next request.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Sleep;

use crate::serve::handler::Service;
use crate::serve::response::BrokenOff;

/// How long a client may take for its first bytes, and again for a request's head; over HTTP/1.1 a connection that sends
/// nothing is closed after it.
pub(crate) const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// After how much silence an HTTP/2 client is asked whether it is still there.
const PING_AFTER: Duration = Duration::from_secs(30);

/// How long it may take to say so.
const PONG_PATIENCE: Duration = Duration::from_secs(20);

/// How long a connection may go without a request. gRPC clients keep theirs on purpose and open another without a word
/// when they are told that one ends.
const IDLE_PATIENCE: Duration = Duration::from_secs(300);

/// Requests at one time on one HTTP/2 connection; clients wait with more.
pub(crate) const MAX_STREAMS: u32 = 256;

/// The largest head, in bytes as HPACK counts them (RFC 7541, section 4.1): room for long tokens.
pub(crate) const MAX_HEADER_LIST: u32 = 64 << 10;

/// How an HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the connections of one worker are served by.
pub(crate) struct Http {
    builder: auto::Builder<TokioExecutor>,
    service: Arc<Service>,
}

/// The requests of one connection.
#[derive(Default)]
struct Traffic {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// Notes a request's end, whatever ends it.
struct UnderWay<'a>(&'a Traffic);

/// A stream whose first bytes have to come in time. What tells the versions apart waits for them as long as it takes, and
/// only then do HTTP's own limits begin.
struct Prompt<S> {
    stream: S,
    /// Until it is known which version it is.
    patience: Option<Pin<Box<Sleep>>>,
    /// Bytes so far, all of them [`PREFACE`]'s.
    matching: usize,
}

// === impl Http ===

impl Http {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PONG_PATIENCE);
        Self { builder, service }
    }

    /// Serves `stream` to its end. Once `stopping` changes, its client is told to send no more requests, and it ends when
    /// those under way are answered.
    ///
    /// # Errors
    ///
    /// When it breaks off or breaks the protocol: nothing that anyone but its client would want to know.
    pub(crate) async fn serve<S>(&self, stream: S, mut stopping: watch::Receiver<()>) -> Result<(), BrokenOff>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let traffic = Arc::new(Traffic::default());
        let mut connection = pin!(self.connection(stream, Arc::clone(&traffic)));
        let mut begun = 0;
        let mut idle = pin!(tokio::time::sleep(IDLE_PATIENCE));
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended,
                _ = stopping.changed() => break,
                () = idle.as_mut() => {
                    if traffic.is_idle_since(begun) {
                        break;
                    }
                    begun = traffic.begun.load(Ordering::Relaxed);
                    idle.as_mut().reset(tokio::time::Instant::now() + IDLE_PATIENCE);
                }
            }
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    }

    fn connection<S>(
        &self,
        stream: S,
        traffic: Arc<Traffic>,
    ) -> impl GracefulConnection<Error = BrokenOff, Output = Result<(), BrokenOff>> + use<S>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = Arc::clone(&self.service);
        let answer = service_fn(move |request| {
            let (service, traffic) = (Arc::clone(&service), Arc::clone(&traffic));
            async move {
                let _under_way = traffic.begin();
                service.answer(request).await
            }
        });
        let stream = TokioIo::new(Prompt::new(stream, HEAD_PATIENCE));
        self.builder.serve_connection(stream, answer).into_owned()
    }
}

// === impl Traffic ===

impl Traffic {
    fn begin(&self) -> UnderWay<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    /// Whether no request is under way and none began after the first `begun`.
    fn is_idle_since(&self, begun: usize) -> bool {
        let now = self.begun.load(Ordering::Relaxed);
        now == begun && now == self.ended.load(Ordering::Relaxed)
    }
}

// === impl UnderWay ===

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

// === impl Prompt ===

impl<S> Prompt<S> {
    fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience: Some(Box::pin(tokio::time::sleep(patience))), matching: 0 }
    }

    /// Ends the wait once these bytes say which version it is, or that there are no more.
    fn note(&mut self, bytes: &[u8]) {
        let wanted = &PREFACE[self.matching..];
        let known = bytes.len() >= wanted.len() || !wanted.starts_with(bytes);
        self.matching += bytes.len();
        if known || bytes.is_empty() {
            self.patience = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prompt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(patience) = &mut self.patience else { return read };
        if read.is_pending() {
            ready!(patience.as_mut().poll(context));
            let error = io::Error::new(io::ErrorKind::TimedOut, "the client's first bytes took too long");
            return Poll::Ready(Err(error));
        }
        let bytes = &buffer.filled()[before..];
        self.note(bytes);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prompt<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    /// What reading on gives once `first` was read.
    async fn read_after(first: &[u8]) -> io::Result<Option<u8>> {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = Prompt::new(server, SHORT);
        client.write_all(first).await.unwrap();
        let mut read = vec![0; first.len()];
        server.read_exact(&mut read).await.unwrap();
        assert_eq!(read, first);
        let more = async { server.read_u8().await.map(Some) };
        tokio::time::timeout(SHORT * 4, more).await.unwrap_or(Ok(None))
    }

    #[tokio::test]
    async fn a_client_that_never_says_which_version_it_speaks_is_given_up() {
        for first in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n"] {
            let error = read_after(first).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{first:?}");
        }
    }

    #[tokio::test]
    async fn once_the_version_is_known_the_first_wait_is_over() {
        for first in [PREFACE, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"] {
            assert_eq!(read_after(first).await.unwrap(), None, "{first:?}");
        }
    }

    #[tokio::test]
    async fn a_preface_in_pieces_is_one_too() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = Prompt::new(server, SHORT);
        for byte in PREFACE {
            client.write_all(&[*byte]).await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), *byte);
        }
        assert!(server.patience.is_none());
    }

    #[test]
    fn a_connection_is_idle_when_all_that_began_has_ended_and_nothing_new_began() {
        let traffic = Traffic::default();
        assert!(traffic.is_idle_since(0));
        let first = traffic.begin();
        assert!(!traffic.is_idle_since(0) && !traffic.is_idle_since(1));
        drop(first);
        assert!(!traffic.is_idle_since(0));
        assert!(traffic.is_idle_since(1));
    }
}
