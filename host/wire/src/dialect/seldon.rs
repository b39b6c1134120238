//! Seldon Core 1's `SeldonMessage`: one of `data`, `jsonData`, `strData` and `binData`, and `meta`.
//!
//! Called by `host/src/serve/protocol/seldon.rs`. An answer has the form of its request as far as its values allow it
//! (`seldon_core/utils.py`, `construct_response_json`); errors are `{"status": {...}}`, as `seldon_core/flask_utils.py` writes
//! them. `tftensor` is TensorFlow's and refused.

mod answer;
mod message;

use serde_json::json;

use self::message::{Data, Message};
use super::media_type::is_accepted;
use super::mlflow::{Compat, Mlflow, Words};
use super::{Answer, Decoded, Dialect, Interface, Request};
use crate::fault::{Fault, FaultKind};
use crate::values::{Blob, Call, Input, Reply};

/// The dialect of Seldon Core 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seldon<'a> {
    /// How close to MLflow values are read and written.
    pub compat: Compat,
    /// What the request is called where its `meta` does not say.
    pub puid: &'a str,
}

/// How an answer is to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    form: Form,
    /// The answer's `meta`, a JSON text.
    meta: String,
}

/// Where a message has its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Ndarray,
    Tensor,
    Json,
    Text,
    Binary,
}

// === impl Seldon ===

impl Dialect for Seldon<'_> {
    type Envelope = Envelope;

    fn decode(&self, request: Request<'_>, interface: &Interface) -> Result<Decoded<Envelope>, Fault> {
        let message = Message::read(request.body)?;
        let meta = message.meta(self.puid)?;
        let decoded = |form, call| Ok(Decoded { call, envelope: Envelope { form, meta: meta.clone() } });
        match message.data()? {
            Data::Array { text, form } => decoded(form, self.json(&text, interface)?),
            Data::Json(text) => decoded(Form::Json, self.json(&text, interface)?),
            Data::Text(text) => {
                let call = match self.blob("text/plain", text.as_bytes(), interface)? {
                    Some(call) => call,
                    None => self.json(&json!({ "inputs": [text] }).to_string(), interface)?,
                };
                decoded(Form::Text, call)
            }
            Data::Binary(bytes) => match self.blob("application/octet-stream", &bytes, interface)? {
                Some(call) => decoded(Form::Binary, call),
                None => Err(bad_input("the model takes no raw bytes: send `data` or `jsonData`")),
            },
        }
    }

    fn encode(&self, reply: Reply, envelope: Envelope) -> Result<Answer, Fault> {
        answer::encode(&reply.output, &envelope, self.compat)
    }

    fn refuse(&self, fault: &Fault) -> Answer {
        let status = fault.kind.status();
        let reason = match status {
            500.. => "MICROSERVICE_INTERNAL_ERROR",
            _ => "MICROSERVICE_BAD_DATA",
        };
        let status_object = json!({ "status": 1, "info": fault.public, "code": -1, "reason": reason });
        Answer::json(status, json!({ "status": status_object }).to_string().into_bytes())
    }
}

impl Seldon<'_> {
    /// A body of one of MLflow's forms.
    fn json(&self, text: &str, interface: &Interface) -> Result<Call, Fault> {
        let words = Words { by_position: true, ..Words::default() };
        let decoded = Mlflow { compat: self.compat }.decode_json(text.as_bytes(), interface, words)?;
        Ok(decoded.call)
    }

    /// Raw bytes, where the model takes them.
    fn blob(&self, kind: &str, data: &[u8], interface: &Interface) -> Result<Option<Call>, Fault> {
        if !is_accepted(&interface.raw_media_types, kind) {
            return Ok(None);
        }
        let params = Mlflow { compat: self.compat }.default_params(interface)?;
        let blob = Blob { content_type: kind.to_owned(), data: data.to_vec() };
        Ok(Some(Call { input: Input::Blob(blob), params }))
    }
}

fn bad_input(public: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadInput, public)
}

#[cfg(test)]
mod tests;
