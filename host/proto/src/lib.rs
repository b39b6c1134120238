//! mlhost-proto: the Open Inference Protocol over gRPC, as generated from `proto/inference.proto`. Holds no code of ours;
//! `host/src/serve/grpc` says what the messages mean.

#![allow(missing_docs, clippy::all, reason = "generated")]

tonic::include_proto!("inference");
