//! A dialect: one protocol's spelling of calls, replies and faults.
//!
//! `host/src/serve` picks the dialect by route. A dialect owns shapes, never meanings: what a fault means is
//! [`crate::fault::FaultKind`]'s business, and what a value may be is the signature's. Pure functions over bytes.

pub mod azureml;
pub mod kserve;
mod media_type;
pub mod mlflow;
pub mod sagemaker;
pub mod seldon;
pub mod v2;
pub mod vertex;

use crate::fault::Fault;
use crate::signature::Signature;
use crate::values::{Call, Reply};

/// What a model takes, as its bundle says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interface {
    /// Columns or tensors and parameters; empty where the bundle has no signature.
    pub signature: Signature,
    /// Media types that are passed to the model as they are, `type/subtype` or `type/*`, in lower case.
    pub raw_media_types: Vec<String>,
}

/// The part of a request that a dialect reads.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The `Content-Type` header as it came.
    pub content_type: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
}

/// A request that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded<E> {
    /// What the model is asked.
    pub call: Call,
    /// What its answer is put into.
    pub envelope: E,
}

/// The part of an answer that a dialect writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` header; `None` for an empty body.
    pub content_type: Option<String>,
    /// Other headers: names in lower case, and their values.
    pub headers: Vec<(&'static str, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// One protocol. What of a request stands outside its body, such as the model's name, is part of the dialect's value: it is
/// made anew for a request where there is such a thing.
pub trait Dialect {
    /// What an answer is put into, which the request's form decides.
    type Envelope;

    /// Bytes to a call whose values fit the model's signature.
    ///
    /// # Errors
    ///
    /// A fault that names the column, row or byte offset that is wrong.
    fn decode(&self, request: Request<'_>, interface: &Interface) -> Result<Decoded<Self::Envelope>, Fault>;

    /// A reply to bytes, in the envelope that decoding its request gave.
    ///
    /// # Errors
    ///
    /// [`crate::fault::FaultKind::GuestTrapped`] when the reply cannot be spelled, such as text that is no JSON.
    fn encode(&self, reply: Reply, envelope: Self::Envelope) -> Result<Answer, Fault>;

    /// A fault to bytes.
    fn refuse(&self, fault: &Fault) -> Answer;
}

// === impl Answer ===

impl Answer {
    /// An answer of JSON.
    #[must_use]
    pub fn json(status: u16, body: Vec<u8>) -> Self {
        Self { status, content_type: Some("application/json".to_owned()), headers: Vec::new(), body }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Vec::new() }
    }
}
