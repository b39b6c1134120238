//! gRPC's messages in HTTP/2 bodies (`PROTOCOL-HTTP2.md` of grpc/grpc): a byte that says whether one is compressed, four of its
//! length, the message. One for most calls, any number for streams.
//!
//! Called by `protocol::grpc`. A length that a client says is never believed before the bytes are there, and what is held counts
//! among all requests' bodies.

use std::time::Instant;

use bytes::{Buf as _, Bytes};
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response};
use mlhost_proto::Message;
use mlhost_wire::fault::{Fault, FaultKind};

use super::MEDIA_TYPE;
use super::status::{Code, MESSAGE, STATUS, code, escaped};
use crate::fault;
use crate::serve::body::{BodyBudget, HeldBody, too_large};
use crate::serve::compression::{Coding, WORTH_IT, compress};
use crate::serve::response::{Body, BrokenOff};

/// Bytes before each message.
pub(super) const PREFIX: usize = 5;

/// What messages are compressed in, where one is.
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Messages of a body, one after another.
pub(super) struct Inbound {
    body: Incoming,
    /// Of the last frame, what is not read yet.
    rest: Bytes,
    coding: Option<Coding>,
}

/// How far a message may go.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// The most bytes of one message.
    pub(super) bytes: usize,
    /// When it has to be there.
    pub(super) deadline: Instant,
}

/// What a call's messages are compressed in.
///
/// # Errors
///
/// [`FaultKind::UnsupportedMedia`] where that is nothing that is known here.
pub(super) fn coding(headers: &HeaderMap) -> Result<Option<Coding>, Fault> {
    let Some(value) = headers.get(ENCODING) else { return Ok(None) };
    match value.as_bytes() {
        b"identity" => Ok(None),
        b"gzip" => Ok(Some(Coding::Gzip)),
        b"deflate" => Ok(Some(Coding::Deflate)),
        other => {
            let name = String::from_utf8_lossy(other);
            let public =
                format!("messages compressed in `{name}` are not read; send gzip, deflate or identity");
            Err(Fault::new(FaultKind::UnsupportedMedia, public))
        }
    }
}

/// The only message of a body that was read whole.
///
/// # Errors
///
/// Where it is none, several, or not what it says it is.
pub(super) async fn only(
    mut held: HeldBody<'_>,
    coding: Option<Coding>,
    most: usize,
) -> Result<HeldBody<'_>, Fault> {
    let prefix = held.take_prefix::<PREFIX>().ok_or_else(|| broken("the call has no message"))?;
    let (compressed, length) = read_prefix(prefix)?;
    if held.len() != length {
        let found = held.len();
        return Err(broken(format!("the message says that it has {length} bytes, and {found} came")));
    }
    if !compressed {
        return Ok(held);
    }
    held.unfolded(coding.ok_or_else(without_coding)?, most).await
}

fn read_prefix([flag, length @ ..]: [u8; PREFIX]) -> Result<(bool, usize), Fault> {
    // Lossless: the length of a message fits where its bytes would have to.
    let length = u32::from_be_bytes(length) as usize;
    match flag {
        0 => Ok((false, length)),
        1 => Ok((true, length)),
        other => {
            Err(broken(format!("a message begins with {other} where 0 or 1 says whether it is compressed")))
        }
    }
}

fn without_coding() -> Fault {
    broken("a message is compressed, and the header grpc-encoding does not say how")
}

#[cold]
fn broken(public: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadInput, public)
}

// === impl Inbound ===

impl Inbound {
    pub(super) fn new(body: Incoming, coding: Option<Coding>) -> Self {
        Self { body, rest: Bytes::new(), coding }
    }

    /// Waits until another message begins; `None` at the end. Forgets nothing when the wait is given up.
    ///
    /// # Errors
    ///
    /// Where the client has broken it off.
    pub(super) async fn begins(&mut self) -> Result<Option<()>, Fault> {
        while self.rest.is_empty() {
            let Some(data) = self.frame().await? else { return Ok(None) };
            self.rest = data;
        }
        Ok(Some(()))
    }

    /// The message that has begun.
    ///
    /// # Errors
    ///
    /// Too large, too slow, broken off, no room for it now, or not what it says it is.
    pub(super) async fn message<'b>(
        &mut self,
        budget: &'b BodyBudget,
        bounds: Bounds,
    ) -> Result<HeldBody<'b>, Fault> {
        let reading = self.read(budget, bounds.bytes);
        tokio::time::timeout_at(bounds.deadline.into(), reading).await.map_err(|_| fault::deadline())?
    }

    async fn read<'b>(&mut self, budget: &'b BodyBudget, most: usize) -> Result<HeldBody<'b>, Fault> {
        let mut prefix = [0; PREFIX];
        for byte in &mut prefix {
            self.begins().await?.ok_or_else(cut_short)?;
            *byte = self.rest.get_u8();
        }
        let (compressed, length) = read_prefix(prefix)?;
        if length > most {
            return Err(too_large(most));
        }
        let mut held = budget.hold();
        while held.len() < length {
            self.begins().await?.ok_or_else(cut_short)?;
            let piece = self.rest.split_to(self.rest.len().min(length - held.len()));
            held.push(piece)?;
        }
        if !compressed {
            return Ok(held);
        }
        held.unfolded(self.coding.ok_or_else(without_coding)?, most).await
    }

    async fn frame(&mut self) -> Result<Option<Bytes>, Fault> {
        while !self.body.is_end_stream() {
            let Some(frame) = self.body.frame().await else { break };
            let frame = frame.map_err(|error| cut_short().with_detail(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

fn cut_short() -> Fault {
    broken("the request broke off within a message")
}

/// A message with what stands before it.
pub(super) fn framed(message: &impl Message) -> Vec<u8> {
    let length = message.encoded_len();
    let mut framed = Vec::with_capacity(PREFIX + length);
    framed.extend_from_slice(&[0; PREFIX]);
    // A vector takes whatever comes.
    let _ = message.encode(&mut framed);
    note_length(&mut framed, false);
    framed
}

fn note_length(framed: &mut [u8], compressed: bool) {
    let length = u32::try_from(framed.len() - PREFIX).unwrap_or(u32::MAX);
    framed[0] = u8::from(compressed);
    framed[1..PREFIX].copy_from_slice(&length.to_be_bytes());
}

/// The same frame, compressed where its call's requests are and it is worth it.
pub(super) async fn folded(framed: Vec<u8>, coding: Option<Coding>) -> Bytes {
    let Some(coding) = coding.filter(|_| framed.len() as u64 >= WORTH_IT) else { return framed.into() };
    let framed = Bytes::from(framed);
    // Into memory, where nothing fails; and if it did, the message is good as it is.
    let Ok(small) = compress(coding, &framed.slice(PREFIX..)).await else { return framed };
    let mut folded = Vec::with_capacity(PREFIX + small.len());
    folded.extend_from_slice(&[0; PREFIX]);
    folded.extend_from_slice(&small);
    note_length(&mut folded, true);
    folded.into()
}

/// The answer of a call that went well, with its only message.
pub(super) fn answer(framed: Bytes, coding: Option<Coding>) -> Response<Body> {
    let frames = [Ok(Frame::data(framed)), Ok(Frame::trailers(trailers(None)))];
    respond(StreamBody::new(stream::iter(frames)).boxed_unsync(), coding)
}

/// An answer whose body is `frames`.
pub(super) fn respond(body: UnsyncBoxBody<Bytes, BrokenOff>, coding: Option<Coding>) -> Response<Body> {
    let mut response = Response::new(Either::Right(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Some(coding) = coding {
        headers.insert(ENCODING, coding.name());
    }
    response
}

/// What ends a body: how the call went.
pub(super) fn trailers(fault: Option<&Fault>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let code = fault.map_or(Code::Ok, |fault| code(fault.kind));
    trailers.insert(STATUS, u16::from(code.number()).into());
    if let Some(message) = fault.and_then(|fault| HeaderValue::try_from(escaped(&fault.public)).ok()) {
        trailers.insert(MESSAGE, message);
    }
    trailers
}

#[cfg(test)]
mod tests {
    use mlhost_proto::{ModelReadyRequest, ServerLiveRequest};

    use super::*;

    fn held<'b>(budget: &'b BodyBudget, bytes: &[u8]) -> HeldBody<'b> {
        let mut held = budget.hold();
        // In pieces, as frames come.
        for piece in bytes.chunks(3) {
            held.push(Bytes::copy_from_slice(piece)).unwrap();
        }
        held
    }

    #[tokio::test]
    async fn a_message_comes_back_as_it_was_framed_compressed_or_not() {
        let budget = BodyBudget::new(1 << 20);
        let message = ModelReadyRequest { name: "x".repeat(4000), version: "1".into() };
        for coding in [None, Some(Coding::Gzip), Some(Coding::Deflate)] {
            let framed = folded(framed(&message), coding).await;
            assert_eq!(framed.len() < 1000, coding.is_some());
            let read = only(held(&budget, &framed), coding, 8000).await.unwrap();
            assert_eq!(ModelReadyRequest::decode(read.contiguous()).unwrap(), message);
        }
        assert_eq!(framed(&ServerLiveRequest {}), [0; 5]);
    }

    #[tokio::test]
    async fn frames_that_lie_are_refused() {
        let budget = BodyBudget::new(1 << 20);
        for bytes in [
            &b""[..],
            b"\0\0\0\0",
            b"\0\0\0\0\x01",
            b"\0\0\0\0\0\0",
            b"\0\xff\xff\xff\xffx",
            b"\x02\0\0\0\0",
            b"\x01\0\0\0\x01x",
        ] {
            for coding in [None, Some(Coding::Gzip)] {
                let fault = only(held(&budget, bytes), coding, 1000).await.err().unwrap();
                assert_eq!(fault.kind, FaultKind::BadInput, "{bytes:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_small_message_that_unfolds_to_a_large_one_is_refused_at_the_bound() {
        let budget = BodyBudget::new(1 << 20);
        let message = ModelReadyRequest { name: "x".repeat(100_000), version: String::new() };
        let folded = folded(framed(&message), Some(Coding::Gzip)).await;
        assert!(folded.len() < 1000);
        let fault = only(held(&budget, &folded), Some(Coding::Gzip), 10_000).await.err().unwrap();
        assert_eq!(fault.kind, FaultKind::TooLarge);
    }
}
