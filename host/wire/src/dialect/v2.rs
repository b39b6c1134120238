//! The Open Inference Protocol, version 2 of KServe's, Triton's, MLServer's and Seldon's: named tensors in, named tensors out.
//!
//! [`InferRequest`] and [`InferResponse`] are the middle that REST and gRPC share: [`call`] makes a call of the one, so that a
//! model with a table takes part, too, and [`response`] makes the other of a reply. Around it, for REST: [`rest`]; binary
//! tensors are read and written by [`raw`]. Called by `host/src/serve`. Sources: kserve/open-inference-protocol (`specification/protocol`) and
//! Triton's extensions (`docs/protocol`). Where Triton destroys data or answers a client's mistake with 500 this does not:
//! `tests/it/oip_differences.rs` lists every difference with its reason.

mod call;
mod classification;
mod column;
pub mod datatype;
mod message;
mod metadata;
pub mod raw;
mod reply;
pub mod rest;

pub use self::call::{Wanted, call};
pub use self::message::{
    InferRequest, InferResponse, InferTensor, Parameter, Parameters, RequestedOutput, shape,
};
pub use self::metadata::{ModelMetadata, TensorMetadata};
pub use self::reply::{ModelVersion, response};
use crate::fault::{Fault, FaultKind};

/// A fault of the request's content.
#[cold]
fn bad_input(public: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadInput, public)
}

#[cfg(test)]
mod tests;
