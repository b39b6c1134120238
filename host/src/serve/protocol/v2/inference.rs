//! Predictions over V2: `/infer` with JSON and binary tensors, `/generate` with flat objects.
//!
//! Called by `protocol::v2`. By way of `serve::prediction`, like all others.

use hyper::body::Incoming;
use mlhost_wire::dialect::v2::{self, rest};
use mlhost_wire::dialect::{Answer, Decoded};
use mlhost_wire::fault::{Fault, FaultKind};

use super::model_version;
use crate::deployment::Release;
use crate::fault;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;

/// How a flat answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As an object.
    Object,
    /// As one server-sent event with that object: a model answers once.
    Event,
}

pub(super) async fn infer(
    service: &Service,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Answer, Fault> {
    let length = match exchange.headers().get(rest::HEADER_LENGTH) {
        None => None,
        Some(value) => Some(value.to_str().map(str::to_owned).map_err(|_| {
            Fault::new(FaultKind::BadInput, "the header Inference-Header-Content-Length is not ASCII")
        })?),
    };
    let held = service.read(exchange, body).await?;
    let body = held.contiguous();
    service
        .predict(
            exchange,
            |release| as_taken(release, rest::decode(&body, length.as_deref(), release.app.tensors())?),
            |release, reply, envelope| {
                rest::encode(reply, envelope, model_version(release), release.app.tensors())
            },
        )
        .await
}

pub(super) async fn generate(
    service: &Service,
    exchange: &mut Exchange<'_>,
    body: Incoming,
    form: Form,
) -> Result<Answer, Fault> {
    let held = service.read(exchange, body).await?;
    let body = held.contiguous();
    service
        .predict(
            exchange,
            |release| as_taken(release, rest::decode_flat(&body, release.app.tensors())?),
            |release, reply, wanted| {
                let answer = v2::response(reply, wanted, model_version(release), release.app.tensors())?;
                let object = rest::encode_flat(&answer);
                Ok(match form {
                    Form::Object => Answer::json(200, object),
                    Form::Event => event(&object),
                })
            },
        )
        .await
}

/// The call as this model takes it.
fn as_taken<E>(release: &Release, decoded: Decoded<E>) -> Result<Decoded<E>, Fault> {
    let Decoded { call, envelope } = decoded;
    let call = release.app.call_of_tensors(call).map_err(fault::of_prediction)?;
    Ok(Decoded { call, envelope })
}

/// One event (WHATWG HTML, section 9.2): JSON has no line feed in it.
fn event(object: &[u8]) -> Answer {
    let body = [b"data: ", object, b"\n\n"].concat();
    Answer { content_type: Some("text/event-stream".to_owned()), ..Answer::json(200, body) }
}
