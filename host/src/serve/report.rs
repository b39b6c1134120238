//! What became of a request, told to whoever keeps count of it or was asked to say it.
//!
//! Called by `serve::handler` once for each answered request, right before the answer is written. Changes nothing of the
//! answer but what operators or the caller asked for, and never waits. No header's value is told but the request's name and
//! its trace: others may hold a secret.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Response};
use jiff::Timestamp;

use crate::observe::request_id::RequestId;
use crate::observe::samples::Sample;
use crate::observe::stages::{Stage, Stages};
use crate::observe::statistics::Record;
use crate::observe::trace_context::{TRACEPARENT, TRACESTATE, TraceParent};
use crate::observe::traces::{Finished, Place};
use crate::serve::exchange::{Asked, Exchange};
use crate::serve::handler::Service;
use crate::serve::response::Body;

/// What a request is called, in its head and in its answer's.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long the stages took (W3C Server Timing), in milliseconds.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Where gRPC says how a call went; its HTTP status is 200 whatever happened.
const GRPC_STATUS: &str = "grpc-status";

/// The most of a path that is told: it is the caller's word.
const PATH_BYTES: usize = 256;

/// One answered request, for those who are told of it.
struct Answered<'a> {
    exchange: &'a Exchange<'a>,
    id: &'a RequestId,
    status: u16,
    total: Duration,
    place: Option<Place>,
}

/// The request was answered with this.
pub(crate) fn answered(service: &Service, exchange: &mut Exchange<'_>, response: &mut Response<Body>) {
    let total = exchange.arrival.elapsed();
    let status = status(response);
    let protocol = (exchange.protocol as usize, exchange.protocol.name());
    let record = Record { protocol, status, total, stages: &exchange.stages };
    let release = exchange.release.as_deref();
    let statistics = release.map_or(&service.telemetry.others, |release| Arc::as_ref(&release.statistics));
    statistics.record(&record);

    let reporter = &service.reporter;
    if reporter.server_timing
        && let Ok(value) = HeaderValue::try_from(server_timing(&exchange.stages, total))
    {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
    let logs = reporter.access_log || tracing::enabled!(target: "mlhost::access", tracing::Level::DEBUG);
    let given = exchange.header(REQUEST_ID.as_str()).and_then(RequestId::given);
    let Some(id) = given.or_else(|| (logs || reporter.names_requests()).then(RequestId::new)) else { return };
    if let Ok(value) = HeaderValue::try_from(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let sampled = exchange.sampled.take();
    let parent = exchange.header(TRACEPARENT).and_then(TraceParent::parse);
    let place = reporter.traces.as_ref().map(|traces| traces.place(parent));
    let answered = Answered { exchange, id: &id, status, total, place };
    if let Some(samples) = &reporter.samples
        && let Some(sample) = sampled.and_then(|sampled| answered.sample(Arc::unwrap_or_clone(sampled)))
    {
        samples.write(sample);
    }
    if logs {
        answered.log(reporter.access_log, parent);
    }
    if let Some(traces) = &reporter.traces
        && let Some(finished) = answered.finished()
    {
        traces.send(finished);
    }
}

// === impl Answered ===

impl Answered<'_> {
    /// The model's name and version, where it was for one.
    fn model(&self) -> Option<(&str, &str)> {
        let release = self.exchange.release.as_deref()?;
        Some((release.app.name.as_str(), release.version.name()))
    }

    fn path(&self) -> &str {
        let path = self.exchange.head.uri.path();
        // A URI's path is ASCII.
        path.get(..PATH_BYTES).unwrap_or(path)
    }

    fn log(&self, asked_for: bool, parent: Option<TraceParent>) {
        macro_rules! line {
            ($level:ident, $($field:tt)*) => {
                tracing::$level!(target: "mlhost::access", $($field)*, "answered")
            };
        }
        let (model, version) = self.model().unzip();
        let trace = self.place.map(|place| place.trace).or(parent.map(|parent| parent.trace));
        let trace_id = trace.map(|trace| format!("{trace:032x}"));
        let trace_id = trace_id.as_deref();
        let Exchange { head, protocol, stages, .. } = self.exchange;
        let (request_id, method, protocol) = (self.id.as_str(), head.method.as_str(), protocol.name());
        let (path, status, rows) = (self.path(), self.status, stages.rows);
        // What the operator calls the key, and nothing of the key itself.
        let key_name = self.exchange.key.as_ref().map(|key| key.name.as_str());
        let [read_us, decode_us, queue_us, compute_us, guest_us, encode_us] =
            Stage::ALL.map(|stage| microseconds(stages.of(stage)));
        let total_us = microseconds(self.total);
        if asked_for {
            line!(
                info, request_id, method, path, protocol, status, model, version, rows, read_us, decode_us,
                queue_us, compute_us, guest_us, encode_us, total_us, trace_id, key_name
            );
        } else {
            line!(
                debug, request_id, method, path, protocol, status, model, version, rows, read_us, decode_us,
                queue_us, compute_us, guest_us, encode_us, total_us, trace_id, key_name
            );
        }
    }

    /// What is traced of it; `None` where it is not.
    fn finished(&self) -> Option<Finished> {
        let place = self.place.filter(|place| place.sampled)?;
        let model = self.model().filter(|_| self.exchange.stages.predicted);
        Some(Finished {
            place,
            state: self.exchange.header(TRACESTATE).filter(|_| place.parent.is_some()).map(str::to_owned),
            arrival: SystemTime::now().checked_sub(self.total)?,
            total: self.total,
            stages: self.exchange.stages,
            method: self.exchange.head.method.as_str().to_owned(),
            path: self.path().to_owned(),
            protocol: self.exchange.protocol.name(),
            status: self.status,
            model: model.map(|(name, version)| (name.to_owned(), version.to_owned())),
            request_id: self.id.to_string(),
        })
    }

    fn sample(&self, sampled: Asked) -> Option<Sample> {
        let (name, version) = self.model()?;
        Some(Sample {
            time: Timestamp::now() - self.total,
            request_id: self.id.to_string(),
            model: (name.to_owned(), version.to_owned()),
            protocol: self.exchange.protocol.name(),
            call: sampled.call,
            output: sampled.output,
        })
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `decode;dur=0.012, …, total;dur=0.5`: the stages that were reached.
fn server_timing(stages: &Stages, total: Duration) -> String {
    let mut value = String::with_capacity(160);
    let reached = Stage::ALL.into_iter().map(|stage| (stage.name(), stages.of(stage)));
    let reached = reached.filter(|(_, took)| !took.is_zero());
    for (name, took) in reached.chain([("total", total)]) {
        let separator = if value.is_empty() { "" } else { ", " };
        // To a `String`, which takes everything.
        let _ = write!(value, "{separator}{name};dur={:.3}", took.as_secs_f64() * 1e3);
    }
    value
}

/// The status, or for gRPC what its own amounts to.
fn status(response: &Response<Body>) -> u16 {
    let status = response.status().as_u16();
    grpc_status(response.headers()).unwrap_or(status)
}

/// gRPC's codes as HTTP statuses, as `google/rpc/code.proto` maps them; only refusals have theirs in the head.
fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    let code = headers.get(GRPC_STATUS)?.to_str().ok()?;
    Some(match code {
        "0" => 200,
        "1" => 499,
        "3" | "9" | "11" => 400,
        "4" => 504,
        "5" => 404,
        "6" | "10" => 409,
        "7" => 403,
        "8" => 429,
        "12" => 501,
        "14" => 503,
        "16" => 401,
        _ => 500,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_status_is_told_as_the_http_status_that_it_amounts_to() {
        let mut headers = HeaderMap::new();
        assert_eq!(grpc_status(&headers), None);
        for (code, status) in [("0", 200), ("14", 503), ("5", 404), ("13", 500), ("x", 500)] {
            headers.insert(GRPC_STATUS, HeaderValue::from_static(code));
            assert_eq!(grpc_status(&headers), Some(status), "{code}");
        }
    }

    #[test]
    fn server_timing_lists_the_stages_that_were_reached() {
        let stages = Stages {
            decode: Duration::from_micros(12),
            guest: Duration::from_micros(1500),
            ..Stages::default()
        };
        let value = server_timing(&stages, Duration::from_millis(2));
        assert_eq!(value, "decode;dur=0.012, guest;dur=1.500, total;dur=2.000");
    }
}
