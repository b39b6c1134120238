//! mlhost-proto: the messages of the Open Inference Protocol over gRPC and of gRPC's health service, as generated from
//! `proto/inference.proto` and `proto/health.proto`. Holds no code of ours; `host/src/serve/protocol/grpc` says what the
//! messages mean.

#![allow(missing_docs, clippy::all, reason = "generated")]

pub use prost::{DecodeError, Message};

include!(concat!(env!("OUT_DIR"), "/inference.rs"));

/// gRPC's health service.
pub mod health {
    include!(concat!(env!("OUT_DIR"), "/grpc.health.v1.rs"));
}
