//! One connection, from its first byte to its last: HTTP/1.1 or HTTP/2, whichever its first bytes say, and TLS around it where
//! the operator wants it.
//!
//! Called by `serve::worker`, on the worker's own runtime, and every task of a connection stays there: its handshake, too.
//! Knows no route. Nothing here waits for a client without an end: not for a handshake, not for the first bytes, not for a
//! head, not for an answer to be read, not for an answer to a ping, not for the next request. `serve::activity` says when.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Version, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Sleep;

use crate::observe::Telemetry;
use crate::serve::activity::{Activity, Bounds, Due};
use crate::serve::handler::Service;
use crate::serve::noted::{Noted, UntilWritten};
use crate::serve::response::BrokenOff;
use crate::serve::room::{LEAST_IDLE, Wish};
use crate::tls::Tls;

/// After how much silence an HTTP/2 client is asked whether it is still there.
const PING_AFTER: Duration = Duration::from_secs(30);

/// How long it may take to say so.
const PONG_PATIENCE: Duration = Duration::from_secs(20);

/// How long a client that was told that its connection ends may keep it open without a request.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the connections of one worker are served by.
pub(crate) struct Http {
    builder: auto::Builder<TokioExecutor>,
    bounds: Bounds,
    service: Arc<Service>,
    tls: Option<Arc<Tls>>,
    wish: Arc<Wish>,
}

/// What ends a connection that does not end by itself.
struct Attendant {
    activity: Arc<Activity>,
    wish: Arc<Wish>,
    stopping: watch::Receiver<()>,
    look: Pin<Box<Sleep>>,
}

// === impl Http ===

impl Http {
    /// What is counted of the service.
    pub(crate) fn telemetry(&self) -> &Arc<Telemetry> {
        self.service.telemetry()
    }

    pub(crate) fn new(service: Arc<Service>, tls: Option<Arc<Tls>>, wish: Arc<Wish>) -> Self {
        let bounds = &service.config.connections;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // Without hyper's own timer for heads, which does not know idleness from slowness.
        builder.http1().header_read_timeout(None).max_buf_size(bounds.max_header_bytes as usize);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(bounds.max_streams)
            .max_header_list_size(bounds.max_header_bytes)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PONG_PATIENCE);
        Self { builder, bounds: Bounds::new(bounds), service, tls, wish }
    }

    /// Serves `stream` to its end. Once `stopping` changes, its client is told to send no more requests, and it ends when
    /// those under way are answered.
    ///
    /// # Errors
    ///
    /// When it breaks off or breaks the protocol: nothing that anyone but its client would want to know.
    pub(crate) async fn serve(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        stopping: watch::Receiver<()>,
    ) -> Result<(), BrokenOff> {
        let activity = Arc::new(Activity::new(self.bounds));
        let mut attendant = Attendant::new(activity, Arc::clone(&self.wish), stopping);
        let Some(tls) = &self.tls else { return self.speak(stream, peer, attendant).await };
        let stream = {
            let mut handshake = pin!(tls.acceptor().accept(stream));
            tokio::select! {
                biased;
                shaken = handshake.as_mut() => shaken?,
                due = attendant.due() => return Err(due.reason().into()),
            }
        };
        self.speak(stream, peer, attendant).await
    }

    /// HTTP over whatever carries it.
    async fn speak<S>(&self, stream: S, peer: IpAddr, mut attendant: Attendant) -> Result<(), BrokenOff>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut connection = pin!(self.connection(stream, peer, Arc::clone(&attendant.activity)));
        let due = tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            due = attendant.due() => due,
        };
        if let Due::Cut(why) = due {
            return Err(why.into());
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            why = attendant.farewell() => Err(why.into()),
        }
    }

    fn connection<S>(
        &self,
        stream: S,
        peer: IpAddr,
        activity: Arc<Activity>,
    ) -> impl GracefulConnection<Error = BrokenOff, Output = Result<(), BrokenOff>> + use<S>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let stream = TokioIo::new(Noted::new(stream, Arc::clone(&activity)));
        let service = Arc::clone(&self.service);
        let answer = service_fn(move |request: Request<Incoming>| {
            let (service, activity) = (Arc::clone(&service), Arc::clone(&activity));
            async move {
                let multiplexed = request.version() == Version::HTTP_2;
                let (under_way, last) = Activity::begin(activity, multiplexed);
                let mut response = service.answer(peer, request).await?;
                // HTTP/2 says so in a frame of its own.
                if !multiplexed && (last || !service.readiness.is_ready()) {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                let hand_over = multiplexed.then(|| under_way.hand_over());
                Ok::<_, Infallible>(response.map(|body| UntilWritten {
                    body,
                    hand_over,
                    _under_way: under_way,
                }))
            }
        });
        self.builder.serve_connection(stream, answer).into_owned()
    }
}

// === impl Attendant ===

impl Attendant {
    fn new(activity: Arc<Activity>, wish: Arc<Wish>, stopping: watch::Receiver<()>) -> Self {
        // Set right at the first look.
        let look = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { activity, wish, stopping, look }
    }

    /// Ends when the connection is to, and says how.
    async fn due(&mut self) -> Due {
        loop {
            let due = tokio::select! {
                _ = self.stopping.changed() => return Due::Close("the server stops"),
                () = self.wish.asked() => {
                    let idle = self.activity.idle_for(Instant::now());
                    if idle.is_some_and(|time| time >= LEAST_IDLE) && self.wish.grant() {
                        return Due::Cut("its place was wanted for another one");
                    }
                    continue;
                }
                () = self.look.as_mut() => self.activity.due(Instant::now()),
            };
            match due {
                Due::Later(until) => self.look.as_mut().reset(until.into()),
                due => return due,
            }
        }
    }

    /// Ends when a connection that was told to end has to be cut: nothing is under way, and its client keeps it open.
    async fn farewell(&mut self) -> &'static str {
        loop {
            tokio::time::sleep(FAREWELL).await;
            let now = Instant::now();
            match self.activity.due(now) {
                Due::Cut(why) => return why,
                _ if self.activity.idle_for(now).is_some() => return "its client does not let go of it",
                _ => {}
            }
        }
    }
}
