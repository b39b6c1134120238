//! End to end: the real binary, real sockets, real models. One crate, because every further one links again.
//!
//! Run by `cargo xtask test`, which fetches ONNX Runtime first and says where it is in `ORT_DYLIB_PATH`. Never reaches
//! outside this machine, never skips: what is missing fails with the command that brings it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod access;
mod bad_input;
mod batching;
mod certificates;
mod code_cache;
mod command_line;
mod dependencies;
mod faults;
mod fuzzed;
mod grpc;
mod hostile;
mod http2;
mod limits;
mod media;
mod minilm;
mod mlflow_replay;
mod model_uri;
mod multiplexed;
mod native;
mod observability;
mod oip_differences;
mod oip_replay;
mod onnx_flavor;
mod openapi;
mod overload;
mod package;
mod platforms;
mod predict;
mod predict_rows;
mod python;
mod readme;
mod reload;
mod repository;
mod routes_page;
mod routing;
mod running;
mod samples;
mod shutdown;
mod snapshot;
mod tls;
mod v2;
mod validate;
mod warm_up;
mod wasi;
