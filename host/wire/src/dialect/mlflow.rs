//! MLflow's `/invocations`: what `mlflow models serve` 3.x takes and gives.
//!
//! Called by `host/src/serve`. `decode` reads JSON bodies by way of `forms` and `split`, `csv` and `parquet` the others; their rows
//! fill a `frame` of `column`s and `tensor`s; `encode` and `refuse` write. Where MLflow destroys data or answers
//! what is no JSON, this does not: `tests/mlflow_vectors/differences.rs` lists every difference with its reason.

mod chat;
mod column;
mod compat;
mod context;
pub mod csv;
pub(super) mod datetime;
mod decode;
mod encode;
mod enforce;
mod forms;
mod frame;
mod grid;
mod infer;
pub(super) mod lenient;
mod media;
pub(super) mod nested;
pub(super) mod npy;
pub(super) mod params;
mod parquet;
pub(super) mod python;
mod refuse;
pub(super) mod scalar;
mod split;
mod table;
mod tensor;
pub mod typed;

pub use self::compat::Compat;
pub(super) use self::decode::Words;
pub(super) use self::encode::{Layout, push_values, raw};
use self::media::Media;
use super::{Answer, Decoded, Dialect, Interface, Request};
use crate::fault::Fault;
use crate::values::{Blob, Call, Input, Param, Reply};

/// The dialect of `mlflow models serve`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mlflow {
    /// How close to it.
    pub compat: Compat,
}

/// What an answer is put into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Envelope {
    /// The usual `{"predictions": ...}`.
    #[default]
    Predictions,
    /// None: the answer stands by itself.
    Bare,
}

// === impl Mlflow ===

impl Mlflow {
    /// A body of JSON, with another protocol's words for some of its keys.
    pub(super) fn decode_json(
        self,
        body: &[u8],
        interface: &Interface,
        words: Words,
    ) -> Result<Decoded<Envelope>, Fault> {
        decode::decode(body, &interface.signature, self.compat, words)
    }

    /// A body of CSV, with names in its first record or without any.
    pub(super) fn decode_csv(self, body: &[u8], interface: &Interface, headed: bool) -> Result<Input, Fault> {
        csv::decode(body, &interface.signature, headed)
    }

    /// Every parameter of the model, for a call that is no request: out of `given`, a JSON object, or its default.
    ///
    /// # Errors
    ///
    /// [`crate::fault::FaultKind::BadInput`] names what does not fit.
    pub fn params(self, given: Option<&str>, interface: &Interface) -> Result<Vec<Param>, Fault> {
        params::enforce(given, &interface.signature.params)
    }

    /// The parameters of a request that has no room for any.
    pub(super) fn default_params(self, interface: &Interface) -> Result<Vec<Param>, Fault> {
        params::enforce(None, &interface.signature.params)
    }
}

impl Dialect for Mlflow {
    type Envelope = Envelope;

    fn decode(&self, request: Request<'_>, interface: &Interface) -> Result<Decoded<Envelope>, Fault> {
        let input = match media::media(request.content_type, &interface.raw_media_types, self.compat)? {
            Media::Json => return self.decode_json(request.body, interface, Words::default()),
            Media::Csv => self.decode_csv(request.body, interface, true)?,
            Media::Parquet => parquet::decode(request.body, &interface.signature)?,
            Media::Raw => {
                let content_type = request.content_type.unwrap_or_default().to_owned();
                Input::Blob(Blob { content_type, data: request.body.to_vec() })
            }
        };
        // Only JSON has room for parameters.
        let params = self.default_params(interface)?;
        Ok(Decoded { call: Call { input, params }, envelope: Envelope::Predictions })
    }

    fn encode(&self, reply: Reply, envelope: Envelope) -> Result<Answer, Fault> {
        encode::encode(reply, envelope, self.compat)
    }

    fn refuse(&self, fault: &Fault) -> Answer {
        refuse::refuse(fault, self.compat)
    }
}
