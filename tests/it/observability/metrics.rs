//! What is counted: requests, stages, bounds, traps; and never under a name that a caller chose.

use std::collections::BTreeSet;

use super::FLOWERS;
use super::exposition::Exposition;
use crate::running::Running;

fn scrape(server: &Running) -> Exposition {
    let answer = server.admin("GET", "/metrics", &[], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    Exposition::parse(&answer.body)
}

#[test]
fn requests_are_counted_by_model_version_protocol_and_status_and_timed_by_stage() {
    let server = Running::sample("iris", &["--admin-address", "0", "--max-body", "4KiB"]);
    for _ in 0..5 {
        assert_eq!(server.invoke(FLOWERS).status, 200);
    }
    assert_eq!(server.invoke("{").status, 400);
    assert_eq!(server.invoke(&" ".repeat(5000)).status, 413);
    for path in ["/v2/models/made-up/infer", "/models/another", "/ping"] {
        server.get(path);
    }
    let found = scrape(&server);
    let iris = [("model", "iris"), ("version", "1")];
    let requests = |status| {
        found.value("mlhost_requests_total", &[iris[0], iris[1], ("protocol", "mlflow"), ("status", status)])
    };
    assert_eq!((requests("200"), requests("400")), (5.0, 1.0));
    assert_eq!(found.value("mlhost_requests_total", &[("status", "413")]), 1.0);
    assert_eq!(found.value("mlhost_request_duration_seconds_count", &iris), 6.0);
    assert_eq!(found.value("mlhost_rows_total", &iris), 10.0);
    for (stage, times) in [("decode", 6.0), ("queue", 5.0), ("compute", 5.0), ("guest", 5.0), ("encode", 5.0)]
    {
        let labels = [iris[0], iris[1], ("stage", stage)];
        assert_eq!(found.value("mlhost_stage_duration_seconds_count", &labels), times, "{stage}");
        assert!(found.value("mlhost_stage_duration_seconds_sum", &labels) > 0.0, "{stage}");
    }
    // Stages are parts of the whole.
    let stages = found.value("mlhost_stage_duration_seconds_sum", &iris);
    assert!(stages <= found.value("mlhost_request_duration_seconds_sum", &iris), "{found:?}");
    assert_eq!(found.value("mlhost_batch_rows_count", &iris), 5.0);
    assert_eq!(found.value("mlhost_batch_rows_sum", &iris), 10.0);
    let compute = found.value("mlhost_compute_seconds_total", &iris);
    assert!(compute > 0.0 && compute < stages, "{compute} of {stages}");
    assert_eq!(found.value("mlhost_guest_memory_bytes_count", &iris), 5.0);
    assert!(found.value("mlhost_guest_memory_bytes_sum", &iris) >= 5.0 * 65536.0);
    assert_eq!(found.value("mlhost_limits_hit_total", &[("limit", "body")]), 1.0);
    assert_eq!(found.value("mlhost_requests_in_flight", &[]), 0.0);
    assert_eq!(found.value("mlhost_pool_size", &[]), 128.0);
    assert!(found.value("mlhost_connections_accepted_total", &[]) >= 1.0);
    assert!(found.value("process_resident_memory_bytes", &[]) > 1e6);
    // Whatever was asked for, models are those that are served.
    assert_eq!(found.values_of("model"), BTreeSet::from([String::new(), "iris".to_owned()]));
}

#[test]
fn openmetrics_is_written_where_it_is_asked_for() {
    let server = Running::sample("echo", &["--admin-address", "0"]);
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2";
    let answer = server.admin("GET", "/metrics", &[("Accept", accept)], b"");
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(content_type));
    assert!(answer.body.ends_with("# EOF\n") && answer.body.contains("# UNIT "), "{answer:?}");
    // Nothing of it is on the port for clients.
    assert_eq!(server.get("/metrics").status, 404);
}

#[test]
fn traps_and_met_bounds_are_counted_by_what_they_are() {
    let table = std::fs::read(crate::running::models().join("hostile/faults.json")).unwrap();
    let table: serde_json::Value = serde_json::from_slice(&table).unwrap();
    let input = table["input"].to_string();
    for (guest, name, label) in [
        ("panic", "mlhost_guest_traps_total", ("kind", "unreachable")),
        ("memory_bomb", "mlhost_limits_hit_total", ("limit", "guest_memory")),
        ("deep_recursion", "mlhost_limits_hit_total", ("limit", "guest_stack")),
        ("infinite_loop", "mlhost_limits_hit_total", ("limit", "time")),
    ] {
        let server =
            Running::sample(&format!("hostile/{guest}"), &["--admin-address", "0", "--timeout", "2s"]);
        assert!(server.invoke(&input).status >= 500, "{guest}");
        let found = scrape(&server);
        assert_eq!(found.value(name, &[label]), 1.0, "{guest}: {found:?}");
        assert_eq!(found.value(name, &[]), 1.0, "{guest} and nothing else: {found:?}");
        assert_eq!(found.value("mlhost_guest_memory_bytes_count", &[]), 1.0, "{guest}");
    }
}

#[test]
fn what_a_version_counted_is_there_after_it_was_replaced() {
    let server = Running::sample("iris", &["--admin-address", "0"]);
    for reload in 1..=3 {
        assert_eq!(server.invoke(FLOWERS).status, 200);
        assert_eq!(scrape(&server).value("mlhost_requests_total", &[("model", "iris")]), f64::from(reload));
        server.signal(libc::SIGHUP);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while scrape(&server).value("mlhost_reloads_taken_total", &[]) < f64::from(reload) {
            assert!(std::time::Instant::now() < deadline, "not reloaded");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    let found = scrape(&server);
    assert_eq!(found.value("mlhost_requests_total", &[("model", "iris"), ("status", "200")]), 3.0);
    assert_eq!(found.value("mlhost_request_duration_seconds_count", &[]), 3.0);
    assert_eq!(found.value("mlhost_batch_rows_count", &[]), 3.0);
}
