//! mlhost: serves ONNX models together with their users' own code in Wasm sandboxes.
//!
//! The top floor. [`cli`] is the command line; [`config`] turns what was typed, the environment and the bundle into
//! one immutable configuration; [`serve`] is the HTTP server; [`app`] is the model behind it; [`fault`] says what the
//! client sees of an error, [`observe`] what operators see of everything. `ARCHITECTURE.md` walks a request through them.

pub mod access;
pub mod app;
pub mod batch;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod deployment;
pub mod fault;
pub mod guest_build;
pub mod in_process;
pub mod inspect;
pub mod loader;
pub mod model_source;
pub mod model_uri;
pub mod observe;
pub mod onnxruntime;
pub mod package;
pub mod passthrough;
pub mod readiness;
pub mod reload;
pub mod repository;
pub mod reread;
pub mod serve;
pub mod single_call;
pub mod stamp;
pub mod tls;
pub mod validate;
pub mod warm_up;
