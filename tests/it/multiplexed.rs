//! An HTTP/2 connection without encryption, as gRPC clients open one: many requests at one time, trailers, and bodies that
//! come in pieces. Used by `http2` and `grpc`.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// One connection, driven while one of its own functions runs.
pub(crate) struct Multiplexed {
    runtime: Runtime,
    sender: SendRequest<Body>,
    driver: JoinHandle<hyper::Result<()>>,
    authority: String,
}

/// An answer with its trailers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// A request whose body is written bit by bit.
pub(crate) struct Open {
    pub(crate) body: Sending,
    answer: JoinHandle<hyper::Result<Response<Incoming>>>,
}

/// Where a body's pieces go; its end is the body's.
pub(crate) struct Sending(Option<UnboundedSender<Bytes>>);

// === impl Open ===

impl Open {
    /// There is no more of the body.
    pub(crate) fn end(&mut self) {
        self.body.0 = None;
    }
}

// === impl Sending ===

impl Sending {
    pub(crate) fn send(&self, piece: Bytes) -> Result<(), Bytes> {
        match &self.0 {
            Some(sender) => sender.send(piece).map_err(|refused| refused.0),
            None => Err(piece),
        }
    }
}

// === impl Multiplexed ===

impl Multiplexed {
    pub(crate) fn connect(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (sender, driver) = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            (sender, tokio::spawn(connection))
        });
        Self { runtime, sender, driver, authority: address.to_owned() }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own; a struct would be made for this call alone"
    )]
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.authority));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.send("POST", path, &[("content-type", content_type)], body)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own; a struct would be made for this call alone"
    )]
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let body = Full::new(Bytes::copy_from_slice(body)).boxed_unsync();
        let mut answers = self.at_once([self.request(method, path, headers, body)]);
        answers.remove(0)
    }

    /// The same request `count` times, all of them before the first is answered.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own; a struct would be made for this call alone"
    )]
    pub(crate) fn many(
        &self,
        count: usize,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<Answer> {
        let bytes = Bytes::copy_from_slice(body);
        self.at_once(
            (0..count).map(|_| self.request("POST", path, headers, Full::new(bytes.clone()).boxed_unsync())),
        )
    }

    fn at_once(&self, requests: impl IntoIterator<Item = Request<Body>>) -> Vec<Answer> {
        self.runtime.block_on(async {
            let sent: Vec<_> = requests
                .into_iter()
                .map(|request| {
                    let answer = self.sender.clone().send_request(request);
                    tokio::spawn(async move { whole(answer.await.unwrap()).await })
                })
                .collect();
            let mut answers = Vec::new();
            for answer in sent {
                answers.push(answer.await.unwrap());
            }
            answers
        })
    }

    /// Sends a head, and leaves the body to the caller.
    pub(crate) fn open(&self, path: &str, headers: &[(&str, &str)]) -> Open {
        let (sender, mut receiver) = unbounded_channel();
        let frames = futures_util::stream::poll_fn(move |context| {
            receiver.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
        });
        let request = self.request("POST", path, headers, StreamBody::new(frames).boxed_unsync());
        let answer = self.sender.clone().send_request(request);
        Open { body: Sending(Some(sender)), answer: self.runtime.spawn(answer) }
    }

    /// The answer to what was opened, once it is there whole.
    pub(crate) fn finish(&self, open: Open) -> Answer {
        drop(open.body);
        self.runtime.block_on(async { whole(open.answer.await.unwrap().unwrap()).await })
    }

    /// The answer's head, and its body to be read bit by bit.
    pub(crate) fn begin(&self, open: &mut Open) -> Response<Incoming> {
        self.runtime.block_on(async { (&mut open.answer).await.unwrap().unwrap() })
    }

    /// The next frame of an answer.
    pub(crate) fn frame(&self, response: &mut Response<Incoming>) -> Option<Frame<Bytes>> {
        self.runtime.block_on(async { response.frame().await.map(Result::unwrap) })
    }

    /// Sends and receives what is due, for a moment.
    pub(crate) fn settle(&self) {
        self.runtime.block_on(async { tokio::time::sleep(std::time::Duration::from_millis(100)).await });
    }

    /// Waits until the server has ended the connection.
    pub(crate) fn ended(self) {
        drop(self.sender);
        let _ = self.runtime.block_on(self.driver).unwrap();
    }
}

async fn whole(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes(), trailers }
}
