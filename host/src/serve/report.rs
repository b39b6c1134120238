//! What became of a request, told to whoever keeps count of it.
//!
//! Called by `serve::handler` once for each answered request, right before the answer is written. Changes nothing of the
//! answer but what operators asked for, and never waits.

use std::sync::Arc;

use hyper::{HeaderMap, Response};

use crate::observe::statistics::Record;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;
use crate::serve::response::Body;

/// Where gRPC says how a call went; its HTTP status is 200 whatever happened.
const GRPC_STATUS: &str = "grpc-status";

/// The request was answered with this.
pub(crate) fn answered(service: &Service, exchange: &Exchange<'_>, response: &mut Response<Body>) {
    let total = exchange.arrival.elapsed();
    let status = status(response);
    let protocol = (exchange.protocol as usize, exchange.protocol.name());
    let record = Record { protocol, status, total, stages: &exchange.stages };
    let release = exchange.release.as_deref();
    let statistics = release.map_or(&service.telemetry.others, |release| Arc::as_ref(&release.statistics));
    statistics.record(&record);
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
    use hyper::header::HeaderValue;

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
}
