//! What operators see of a running server: counters and durations per release, metrics, traces, logs, samples.
//!
//! `serve` tells it what became of each request; the protocols' statistics, `/metrics` and the exporters read it. Never
//! changes an answer, and never holds one up: what a request does here is a few additions of its own thread's.

pub mod histogram;
pub mod limit;
pub mod log_filter;
pub mod metrics;
mod outbox;
mod random;
pub mod reporter;
pub mod request_id;
pub mod routed;
pub mod samples;
pub mod stages;
pub mod statistics;
pub mod telemetry;
pub mod trace_context;
pub mod traces;

pub use limit::Limit;
pub use routed::{Choice, Comparison};
pub use stages::Stages;
pub use statistics::{SizeTally, Snapshot, Statistics, Tally};
pub use telemetry::Telemetry;
