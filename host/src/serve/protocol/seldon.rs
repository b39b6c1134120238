//! The routes of Seldon Core 1's Python server (`seldon_core/wrapper.py` 1.18).
//!
//! Called by `serve::handler`. The dialect is `mlhost_wire::dialect::seldon`. A model here is a `MODEL` of Seldon's graphs: it
//! predicts, and neither routes, aggregates nor transforms.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Method, Response};
use mlhost_wire::dialect::seldon::Seldon;
use mlhost_wire::dialect::{Answer, Request};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::signature::{Schema, Signature};
use percent_encoding::percent_decode;
use serde_json::{Value, json};

use crate::access::Need;
use crate::deployment::Release;
use crate::fault;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::identifier;
use crate::serve::response::{Body, json_of, respond};
use crate::serve::routes::Route;

/// The header that names a request as `meta.puid` does.
const PUID: &str = "seldon-puid";

/// What its routes lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Predict.
    Predict,
    /// Take note of how good a prediction was: there is nobody here who learns.
    Feedback,
    /// Whether the server answers at all.
    Ping,
    /// Whether there is a model.
    Status,
    /// What the model takes and gives.
    Metadata,
}

// === impl Endpoint ===

impl Endpoint {
    /// What a request to it needs.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::Ping | Self::Status => Need::Health,
            Self::Predict | Self::Feedback | Self::Metadata => Need::Key,
        }
    }
}

pub(crate) fn routes() -> Vec<Route> {
    let predict = |path| {
        Route::new(Method::POST, path, Endpoint::Predict)
            .about("predict on a `SeldonMessage`", "seldon_answers_in_the_form_of_the_request")
    };
    let feedback = |path| {
        Route::new(Method::POST, path, Endpoint::Feedback)
            .about("takes feedback and learns nothing from it", "seldon_takes_feedback_and_says_what_it_is")
    };
    let status = |path| {
        Route::new(Method::GET, path, Endpoint::Status)
            .about("whether there is a model", "seldon_takes_feedback_and_says_what_it_is")
    };
    let metadata = |path| {
        Route::new(Method::GET, path, Endpoint::Metadata)
            .about("what the model takes and gives", "seldon_takes_feedback_and_says_what_it_is")
    };
    vec![
        predict("/api/v1.0/predictions"),
        predict("/api/v0.1/predictions"),
        predict("/predict"),
        feedback("/api/v1.0/feedback"),
        feedback("/api/v0.1/feedback"),
        feedback("/send-feedback"),
        Route::new(Method::GET, "/health/ping", Endpoint::Ping)
            .about("`pong`", "seldon_takes_feedback_and_says_what_it_is"),
        status("/health/status"),
        status("/api/v1.0/health/status"),
        metadata("/metadata"),
        metadata("/api/v1.0/metadata"),
    ]
}

pub(crate) async fn answer(
    service: &Service,
    endpoint: Endpoint,
    exchange: &mut Exchange<'_>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    let answer = match endpoint {
        Endpoint::Predict => predict(service, exchange, body).await?,
        Endpoint::Feedback => feedback(service, exchange, body).await?,
        Endpoint::Ping => plain("pong"),
        Endpoint::Status if !service.readiness.is_ready() => return Err(fault::draining()),
        Endpoint::Status => {
            // A probe, which brings no key.
            let ready = service.has_models();
            json_of(&json!({ "jsonData": { "ready": ready }, "meta": {} }))
        }
        Endpoint::Metadata => json_of(&metadata(&*service.model(exchange)?.version(None)?)),
    };
    Ok(respond(answer))
}

async fn predict(service: &Service, exchange: &mut Exchange<'_>, body: Incoming) -> Result<Answer, Fault> {
    let held = service.read(exchange, body).await?;
    let body = message(exchange, held.contiguous())?;
    let puid = exchange.header(PUID).map_or_else(identifier::random, str::to_owned);
    let request = Request { content_type: None, body: &body };
    let dialect = Seldon { compat: service.config.compat, puid: &puid };
    let mut answer = service.predict_in(exchange, &dialect, request).await?;
    if exchange.header(PUID).is_some() {
        answer.headers.push((PUID, puid));
    }
    Ok(answer)
}

/// The message's JSON: the body, or the field `json` of a form, which is how Seldon's own client sends it.
fn message(exchange: &Exchange<'_>, body: Bytes) -> Result<Bytes, Fault> {
    let form = exchange.content_type()?.is_some_and(|header| {
        let essence = header.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !form {
        return Ok(body);
    }
    let field = body.split(|byte| *byte == b'&').find_map(|field| field.strip_prefix(b"json="));
    let field = field.ok_or_else(|| {
        Fault::new(FaultKind::BadInput, "Invalid request data: the form has no field `json`")
    })?;
    // A blank is a plus in a form.
    let spaced: Vec<u8> = field.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Ok(percent_decode(&spaced).collect::<Vec<u8>>().into())
}

/// `{"request": ..., "response": ..., "reward": ..., "truth": ...}`.
async fn feedback(service: &Service, exchange: &mut Exchange<'_>, body: Incoming) -> Result<Answer, Fault> {
    let held = service.read(exchange, body).await?;
    let feedback: Value = serde_json::from_slice(&message(exchange, held.contiguous())?)
        .map_err(|error| Fault::new(FaultKind::BadInput, format!("Invalid request data: {error}")))?;
    if !feedback.is_object() {
        return Err(Fault::new(FaultKind::BadInput, "Invalid request data: feedback is an object"));
    }
    tracing::debug!(reward = feedback["reward"].as_f64(), "feedback");
    Ok(json_of(&json!({ "data": { "names": [], "ndarray": [] }, "meta": {} })))
}

/// As `seldon_core/metadata.py` validates it.
fn metadata(release: &Release) -> Value {
    let Signature { inputs, outputs, .. } = &release.app.interface.signature;
    json!({
        "name": release.app.name,
        "versions": [release.version.name()],
        "platform": "mlhost",
        "inputs": described(inputs.as_ref()),
        "outputs": described(outputs.as_ref()),
    })
}

/// One array for a table; of several tensors a JSON object.
fn described(schema: Option<&Schema>) -> Value {
    match schema {
        None => json!([]),
        Some(Schema::Columns(columns)) => {
            let names: Vec<String> = columns.iter().filter_map(|column| column.name.clone()).collect();
            let schema = json!({ "names": names, "shape": [columns.len()] });
            json!([{ "messagetype": "ndarray", "schema": schema }])
        }
        Some(Schema::Tensors(tensors)) => match tensors.as_slice() {
            [only] => {
                // Seldon leaves the axis of rows out.
                let sizes = only.shape.iter().skip(1);
                let shape: Vec<i64> = sizes.map(|size| size.map_or(-1, i64::from)).collect();
                json!([{ "messagetype": "ndarray", "schema": { "names": [], "shape": shape } }])
            }
            _ => json!([{ "messagetype": "jsonData", "schema": {} }]),
        },
    }
}

fn plain(text: &str) -> Answer {
    Answer {
        status: 200,
        content_type: Some("text/html; charset=utf-8".to_owned()),
        headers: Vec::new(),
        body: text.into(),
    }
}
