//! The admin port: metrics, probes, what is served, the log's filter. Not for clients.
//!
//! Started by `cli::serve` where the operator gives it an address, on a thread with a runtime of its own: a server whose
//! workers are all busy still answers. Everything of it is bounded, and nothing of it waits for a request. It wants an
//! administrator's key once there is one, and always where others than this machine reach it; probes bring none.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::sync::{Semaphore, oneshot};

use crate::access::{Access, Need, Refusal};
use crate::catalog::Catalog;
use crate::observe::log_filter::LogFilter;
use crate::observe::metrics::Metrics;
use crate::readiness::Readiness;
use crate::serve::status;

/// Connections at one time.
const MAX_CONNECTIONS: usize = 64;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest filter.
const MAX_BODY_BYTES: usize = 4096;

/// How long to wait after the system had no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const TEXT: &str = "text/plain; charset=utf-8";

const JSON: &str = "application/json";

/// What the admin port shows.
pub struct Admin {
    /// The models.
    pub catalog: Arc<Catalog>,
    /// Everything that is counted.
    pub metrics: Metrics,
    /// Whether the server wants requests.
    pub readiness: Readiness,
    /// What is logged.
    pub log: LogFilter,
    /// Who may ask.
    pub access: Arc<Access>,
    /// Whether others than this machine reach it.
    pub exposed: bool,
}

/// An admin port that is served until this is dropped.
pub struct AdminThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Status, media type, body.
type Said = (StatusCode, &'static str, String);

// === impl Admin ===

impl Admin {
    /// Serves on `listener` until the answer is dropped.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread to give.
    pub fn start(self, listener: TcpListener) -> io::Result<AdminThread> {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let admin = Arc::new(self);
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => tokio::select! {
                        () = serve(&listener, &admin) => {}
                        // The sender says nothing; it is dropped.
                        _ = stopped => {}
                    },
                    Err(error) => tracing::error!(%error, "the admin port is not served"),
                }
            });
        })?;
        Ok(AdminThread { stop: Some(stop), thread: Some(thread) })
    }

    async fn answer(
        &self,
        peer: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let need = if matches!(head.uri.path(), "/live" | "/ready") { Need::Health } else { Need::Admin };
        if let Err(refusal) = self.access.admit_to_admin_port(need, self.exposed, (peer, &head.headers)) {
            return Ok(turn_away(&refusal));
        }
        let asked = if head.method == Method::HEAD { &Method::GET } else { &head.method };
        let said = match (asked, head.uri.path()) {
            (&Method::GET, "/live") => (StatusCode::OK, TEXT, "live\n".to_owned()),
            (&Method::GET, "/ready") => self.ready(),
            (&Method::GET, "/health") => self.health(),
            (&Method::GET, "/metrics") => {
                self.scrape(head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()))
            }
            (&Method::GET, "/build") => build(),
            (&Method::GET, "/log-level") => (StatusCode::OK, TEXT, format!("{}\n", self.log.current())),
            (&Method::PUT, "/log-level") => self.set_log(body).await,
            (_, "/log-level") => return Ok(refuse_method("GET, HEAD, PUT")),
            (_, "/live" | "/ready" | "/health" | "/metrics" | "/build") => {
                return Ok(refuse_method("GET, HEAD"));
            }
            _ => {
                let routes = "there is /live, /ready, /health, /metrics, /build, /log-level\n";
                (StatusCode::NOT_FOUND, TEXT, routes.to_owned())
            }
        };
        Ok(respond(said))
    }

    fn ready(&self) -> Said {
        if self.readiness.is_ready() {
            (StatusCode::OK, TEXT, "ready\n".to_owned())
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, TEXT, "draining\n".to_owned())
        }
    }

    /// What is served; the status is that of the process, which is alive.
    fn health(&self) -> Said {
        (StatusCode::OK, JSON, format!("{:#}\n", status::health(&self.catalog, self.readiness.is_ready())))
    }

    fn scrape(&self, accept: Option<&str>) -> Said {
        match self.metrics.encode(accept) {
            Ok((media_type, body)) => (StatusCode::OK, media_type, body),
            Err(error) => {
                tracing::error!(%error, "the metrics cannot be written");
                (StatusCode::INTERNAL_SERVER_ERROR, TEXT, "the metrics cannot be written\n".to_owned())
            }
        }
    }

    async fn set_log(&self, body: Incoming) -> Said {
        let refused = |reason: String| (StatusCode::BAD_REQUEST, TEXT, format!("{reason}\n"));
        let body = tokio::time::timeout(PATIENCE, Limited::new(body, MAX_BODY_BYTES).collect()).await;
        let Ok(Ok(body)) = body else {
            return refused(format!("the body is a filter of at most {MAX_BODY_BYTES} bytes"));
        };
        let body = body.to_bytes();
        let Ok(filter) = std::str::from_utf8(&body) else {
            return refused("the filter is no UTF-8".to_owned());
        };
        let filter = filter.trim();
        if filter.is_empty() {
            return refused("the body is a filter, such as `info` or `mlhost=debug`".to_owned());
        }
        match self.log.set(filter) {
            Ok(()) => {
                tracing::warn!(filter, "the log's filter was changed");
                (StatusCode::OK, TEXT, format!("{filter}\n"))
            }
            Err(reason) => refused(format!("`{filter}` is no filter: {reason}")),
        }
    }
}

// === impl AdminThread ===

impl Drop for AdminThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the admin port's thread panicked");
        }
    }
}

async fn serve(listener: &tokio::net::TcpListener, admin: &Arc<Admin>) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the admin port");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let admin = Arc::clone(admin);
        tokio::spawn(async move {
            let answer = service_fn(|request| admin.answer(peer.ip().to_canonical(), request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), answer);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection on the admin port ended early");
            }
            drop(permit);
        });
    }
}

fn build() -> Said {
    let build = json!({
        "name": "mlhost",
        "version": env!("CARGO_PKG_VERSION"),
        "onnxruntime": mlhost_nn::runtime_version(),
        "architecture": std::env::consts::ARCH,
        "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
    });
    (StatusCode::OK, JSON, format!("{build:#}\n"))
}

fn turn_away(refusal: &Refusal) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(refusal.fault.kind.status()).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = respond((status, TEXT, format!("{}\n", refusal.fault.public)));
    refusal.advise(response.headers_mut());
    response
}

fn refuse_method(allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response = respond((StatusCode::METHOD_NOT_ALLOWED, TEXT, format!("use {allowed}\n")));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn respond((status, media_type, body): Said) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
