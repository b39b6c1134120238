//! Traces: a span a request with its stages, in its caller's trace, to a collector that may be dead.

use std::time::{Duration, Instant};

use super::FLOWERS;
use super::collector::{Collector, Silent, attributes};
use crate::running::{Running, models};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn iris(endpoint: &str, more: &[(&str, &str)], flags: &[&str]) -> Running {
    let directory = models().join("iris");
    let environment = [&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)], more].concat();
    Running::start_with(&[&["-m", directory.to_str().unwrap()], flags].concat(), &environment)
}

#[test]
fn a_request_is_a_span_of_its_callers_trace_with_its_stages_below_it() {
    let collector = Collector::start();
    let more = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret"),
        ("OTEL_SERVICE_NAME", "flowers"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
    ];
    let server = iris(&collector.endpoint, &more, &[]);
    let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers =
        [JSON, ("traceparent", caller), ("tracestate", "vendor=opaque"), ("X-Request-Id", "order-9")];
    assert_eq!(server.send("POST", "/invocations", &headers, FLOWERS.as_bytes()).status, 200);
    let export = collector.export();
    assert_eq!((export.path.as_str(), export.headers["api-key"].as_str()), ("/v1/traces", "s3cret"));
    let resource = export.resource();
    assert_eq!(
        (resource["service.name"].as_str(), resource["deployment.environment"].as_str()),
        ("flowers", "test")
    );
    let spans = export.spans();
    let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
    assert!(spans.iter().all(|span| span.trace_id == trace), "{spans:#?}");
    let (request, stages) = spans.split_first().unwrap();
    assert_eq!(request.name, "predict iris");
    assert_eq!(request.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_eq!(request.trace_state, "vendor=opaque");
    let found = attributes(&request.attributes);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("url.path", "/invocations"),
        ("http.response.status_code", "200"),
        ("mlhost.model", "iris"),
        ("mlhost.rows", "2"),
        ("mlhost.request_id", "order-9"),
    ] {
        assert_eq!(found[name], value, "{found:?}");
    }
    let names: Vec<_> = stages.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["read", "decode", "queue", "compute", "guest", "encode"]);
    for stage in stages {
        assert_eq!(stage.parent_span_id, request.span_id, "{stage:?}");
        assert!(stage.start_time_unix_nano >= request.start_time_unix_nano, "{stage:?}");
        assert!(stage.end_time_unix_nano <= request.end_time_unix_nano, "{stage:?} in {request:?}");
    }
}

#[test]
fn a_callers_decision_is_followed_and_the_ratio_decides_for_others() {
    let collector = Collector::start();
    let server = iris(&collector.endpoint, &[], &["--trace-ratio", "0"]);
    let send = |flags: &str| {
        let caller = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
        server.send("POST", "/invocations", &[JSON, ("traceparent", &caller)], FLOWERS.as_bytes());
    };
    assert_eq!(server.invoke(FLOWERS).status, 200);
    send("00");
    assert!(collector.within(Duration::from_secs(3)).is_none());
    send("01");
    assert_eq!(collector.export().spans().len(), 7);
}

#[test]
fn what_is_left_is_sent_before_the_process_ends() {
    let collector = Collector::start();
    let mut server = iris(&collector.endpoint, &[], &[]);
    assert_eq!(server.invoke(FLOWERS).status, 200);
    assert_eq!(server.get("/no-such-route").status, 404);
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    let mut spans = 0;
    while let Some(export) = collector.within(Duration::from_millis(200)) {
        spans += export.spans().iter().filter(|span| span.kind == 2).count();
    }
    assert_eq!(spans, 2, "one span a request");
}

#[test]
fn a_dead_collector_slows_no_request_and_not_the_end() {
    let silent = Silent::start();
    let mut server = iris(&silent.endpoint, &[], &["--admin-address", "0"]);
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    let mut requests = 0;
    // More than its queue and a batch hold.
    while requests < 3000 {
        let sent = Instant::now();
        assert_eq!(server.get("/ping").status, 200);
        slowest = slowest.max(sent.elapsed());
        requests += 1;
    }
    assert_eq!(server.invoke(FLOWERS).status, 200);
    let dropped = server.admin("GET", "/metrics", &[], b"").body;
    let dropped = dropped.lines().find_map(|line| line.strip_prefix("mlhost_spans_dropped_total ")).unwrap();
    assert!(dropped.parse::<u64>().unwrap() > 0, "{dropped}");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}, all in {:?}", began.elapsed());
    let stopping = Instant::now();
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    assert!(stopping.elapsed() < Duration::from_secs(20), "{:?}", stopping.elapsed());
}

#[test]
fn a_protocol_that_is_not_spoken_is_refused_with_a_hint() {
    let output = crate::running::mlhost()
        .args(["serve", "-p", "0", "-m"])
        .arg(models().join("echo"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && error.contains("hint: collectors take it on port 4318"),
        "{error}"
    );
}
