//! From a dialect's [`Answer`] to an HTTP response.
//!
//! Called by `serve::handler` and the protocols. Knows no model.

use std::error::Error;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use mlhost_wire::dialect::Answer;

/// What breaks off an answer that is written bit by bit.
pub(crate) type BrokenOff = Box<dyn Error + Send + Sync>;

/// An answer's body: in one piece, which nearly all are, or as it comes.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, BrokenOff>>;

/// 200 and a JSON value.
pub(crate) fn json_of(value: &serde_json::Value) -> Answer {
    Answer::json(200, value.to_string().into_bytes())
}

/// The response that spells `answer`.
pub(crate) fn respond(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(answer.body))));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(value) = answer.content_type.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// A redirect that keeps method and body. Relative, so that it leads nowhere else whatever `Host` says.
pub(crate) fn redirect(path: &str, query: Option<&str>) -> Response<Body> {
    let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut response = respond(Answer::empty(StatusCode::TEMPORARY_REDIRECT.as_u16()));
    if let Ok(target) = HeaderValue::try_from(target) {
        response.headers_mut().insert(LOCATION, target);
    }
    response
}
