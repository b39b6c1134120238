//! Calls whose answers are streams: inferences one after another, and the health of the server as it changes.
//!
//! Called by `protocol::grpc`. Each request of a stream is a request like any other, with its own permit, deadline and place in
//! the statistics; the next one is read when it is answered. A server that stops ends them: nobody says when a client would.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::{Frame, Incoming};
use hyper::http::request::Parts;
use mlhost_proto::health::HealthCheckResponse;
use mlhost_proto::health::health_check_response::ServingStatus;
use mlhost_proto::{ModelInferResponse, ModelStreamInferResponse};
use mlhost_wire::dialect::Answer;
use mlhost_wire::fault::{Fault, FaultKind};

use super::frame::{self, Bounds, Inbound};
use super::{parse, predict};
use crate::access::keys::Key;
use crate::fault;
use crate::serve::compression::Coding;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::protocol::Protocol;
use crate::serve::report;
use crate::serve::response::{Body, BrokenOff, respond};

/// A stream of inferences.
struct Conversation {
    service: Arc<Service>,
    head: Parts,
    peer: IpAddr,
    key: Option<Arc<Key>>,
    inbound: Inbound,
    coding: Option<Coding>,
    /// When the client's time for all of it is up.
    deadline: Option<Instant>,
}

/// A stream of the server's health.
struct Watch {
    service: Arc<Service>,
    known: bool,
    told: Option<ServingStatus>,
    deadline: Option<Instant>,
}

/// Frames of an answer from a state that each of them takes on; after the last there are trailers.
fn answer<S, F>(state: S, coding: Option<Coding>, next: impl Fn(S) -> F + Send + 'static) -> Response<Body>
where
    S: Send + 'static,
    F: Future<Output = Result<(Bytes, S), Option<Fault>>> + Send + 'static,
{
    let frames = stream::unfold(Some((state, next)), |state| async move {
        let (state, next) = state?;
        Some(match next(state).await {
            Ok((message, state)) => (Ok(Frame::data(message)), Some((state, next))),
            Err(fault) => (Ok(Frame::trailers(frame::trailers(fault.as_ref()))), None),
        })
    });
    frame::respond(body(frames), coding)
}

fn body(
    frames: impl Stream<Item = Result<Frame<Bytes>, BrokenOff>> + Send + 'static,
) -> http_body_util::combinators::UnsyncBoxBody<Bytes, BrokenOff> {
    StreamBody::new(frames).boxed_unsync()
}

/// The end of a call's time, where the client says one: of all of a stream, not of each of its requests.
fn deadline(exchange: &Exchange<'_>) -> Option<Instant> {
    exchange.arrival.checked_add(exchange.patience?)
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// The answer to `ModelStreamInfer`.
pub(super) fn infer(
    service: &Arc<Service>,
    exchange: &Exchange<'_>,
    body: Incoming,
    coding: Option<Coding>,
) -> Response<Body> {
    let conversation = Conversation {
        service: Arc::clone(service),
        head: exchange.head.clone(),
        peer: exchange.peer,
        key: exchange.key.clone(),
        inbound: Inbound::new(body, coding),
        coding,
        deadline: deadline(exchange),
    };
    answer(conversation, coding, |mut conversation| async move {
        match conversation.next().await {
            Ok(Some(message)) => Ok((message, conversation)),
            Ok(None) => Err(None),
            Err(fault) => Err(Some(conversation.service.told(&fault).into_owned())),
        }
    })
}

fn stopping() -> Fault {
    Fault::new(FaultKind::NotReady, "the server stops; send again to another")
}

// === impl Conversation ===

impl Conversation {
    /// The answer to the next request; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let begins = tokio::select! {
            begins = self.inbound.begins() => begins,
            () = self.service.readiness.drained() => Err(stopping()),
            () = until(self.deadline) => Err(fault::deadline()),
        };
        if begins?.is_none() {
            return Ok(None);
        }
        let under_way = self.service.telemetry.begin();
        let arrival = Instant::now();
        let time = self.service.config.timeout;
        let bounds = Bounds {
            bytes: self.service.config.max_body_bytes,
            deadline: self.deadline.map_or(arrival + time, |deadline| deadline.min(arrival + time)),
        };
        let held = self.inbound.message(&self.service.bodies, bounds).await;
        let held = held.inspect_err(|fault| self.service.note_unread(fault.kind))?;
        let mut exchange = Exchange::new(&self.head, self.peer, Protocol::Grpc);
        (exchange.key, exchange.arrival) = (self.key.clone(), arrival);
        exchange.stages.read = arrival.elapsed();
        exchange.patience = self.deadline.map(|deadline| deadline.saturating_duration_since(arrival));
        let request = parse::infer(held.contiguous())?;
        let id = request.id.clone();
        let outcome = AssertUnwindSafe(predict(&self.service, &mut exchange, request)).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Err(fault::internal("a panic; its message is above")));
        let (answered, message) = match outcome {
            Ok(answered) => (
                Answer::empty(200),
                ModelStreamInferResponse { infer_response: Some(answered), ..Default::default() },
            ),
            Err(fault) => {
                let told = self.service.told(&fault);
                let infer_response = Some(ModelInferResponse { id, ..Default::default() });
                let message = ModelStreamInferResponse { error_message: told.public.clone(), infer_response };
                (super::refuse(&told), message)
            }
        };
        report::answered(&self.service, &mut exchange, &mut respond(answered));
        under_way.answered();
        Ok(Some(frame::folded(frame::framed(&message), self.coding).await))
    }
}

/// The answer to `Watch` of the health service.
pub(super) fn watch(service: &Arc<Service>, exchange: &Exchange<'_>, known: bool) -> Response<Body> {
    let watch = Watch { service: Arc::clone(service), known, told: None, deadline: deadline(exchange) };
    answer(watch, None, |mut watch| async move {
        match watch.next().await {
            Ok(status) => {
                let message = HealthCheckResponse { status: status.into() };
                Ok((frame::framed(&message).into(), watch))
            }
            Err(fault) => Err(Some(fault)),
        }
    })
}

/// What the server says of its health.
pub(super) fn health(service: &Service) -> ServingStatus {
    if service.readiness.is_ready() { ServingStatus::Serving } else { ServingStatus::NotServing }
}

// === impl Watch ===

impl Watch {
    /// The next status that was not told yet.
    async fn next(&mut self) -> Result<ServingStatus, Fault> {
        loop {
            let now = if self.known { health(&self.service) } else { ServingStatus::ServiceUnknown };
            if self.told != Some(now) {
                self.told = Some(now);
                return Ok(now);
            }
            if self.told == Some(ServingStatus::NotServing) {
                return Err(stopping());
            }
            tokio::select! {
                () = self.service.readiness.drained() => {}
                () = until(self.deadline) => return Err(fault::deadline()),
            }
        }
    }
}
