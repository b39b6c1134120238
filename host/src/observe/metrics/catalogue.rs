//! Every metric that mlhost has: name, kind, labels, help.
//!
//! `collect.rs` writes no other; `docs/metrics.md` is this list, and a test holds it against a running server. A name that is
//! changed here breaks somebody's dashboard.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name without the unit and what its kind appends.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricType,
    /// In what, where its name says so.
    pub unit: Option<InUnit>,
    /// Its labels besides `le`.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// What a metric is in; Prometheus knows base units alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUnit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

const MODEL: &[&str] = &["model", "version"];

const fn metric(
    name: &'static str,
    kind: MetricType,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, unit: None, labels, help }
}

const fn seconds(metric: Metric) -> Metric {
    Metric { unit: Some(InUnit::Seconds), ..metric }
}

const fn bytes(metric: Metric) -> Metric {
    Metric { unit: Some(InUnit::Bytes), ..metric }
}

/// One list, so that nothing can be left out of it.
macro_rules! metrics {
    ($($constant:ident = $metric:expr;)*) => {
        $(pub(super) const $constant: Metric = $metric;)*

        /// Every metric, in the order in which they are written.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

use MetricType::{Counter, Gauge, Histogram};

metrics! {
    BUILD_INFO = metric("mlhost_build_info", Gauge, &["version"], "Always 1; the version says which mlhost it is");
    READY = metric("mlhost_ready", Gauge, &[], "Whether the server wants requests: 1, or 0 while it drains");
    REQUESTS = metric(
        "mlhost_requests",
        Counter,
        &["model", "version", "protocol", "status"],
        "Requests that were answered; without a model those that none was found for, such as health checks",
    );
    REQUESTS_ABANDONED =
        metric("mlhost_requests_abandoned", Counter, &[], "Requests whose caller was gone before the answer");
    REQUESTS_IN_FLIGHT = metric("mlhost_requests_in_flight", Gauge, &[], "Requests that are under way");
    REQUEST_DURATION = seconds(metric(
        "mlhost_request_duration",
        Histogram,
        MODEL,
        "Predictions from the arrival of their heads to their answers, whatever came of them",
    ));
    STAGE_DURATION = seconds(metric(
        "mlhost_stage_duration",
        Histogram,
        &["model", "version", "stage"],
        "Predictions by stage: read, decode, queue, compute, guest, encode; stages that were not reached are not counted",
    ));
    ROWS = metric("mlhost_rows", Counter, MODEL, "Rows of predictions that were answered");
    BATCH_ROWS =
        metric("mlhost_batch_rows", Histogram, MODEL, "Rows in one run of a graph, several requests' together");
    COMPUTE =
        seconds(metric("mlhost_compute", Counter, MODEL, "Time that runs of graphs took, each run once"));
    QUEUE_DEPTH = metric("mlhost_queue_depth", Gauge, MODEL, "Calls that wait for a graph");
    GUEST_MEMORY = bytes(metric(
        "mlhost_guest_memory",
        Histogram,
        MODEL,
        "The most memory that a request's sandbox had",
    ));
    GUEST_TRAPS =
        metric("mlhost_guest_traps", Counter, &["model", "version", "kind"], "Traps of guests by what they did");
    LIMITS_HIT = metric(
        "mlhost_limits_hit",
        Counter,
        &["limit"],
        "Requests that were refused or ended, or connections that had to wait, because of a bound",
    );
    POOL_REQUESTS = metric("mlhost_pool_requests", Gauge, &[], "Requests in models");
    POOL_SIZE = metric("mlhost_pool_size", Gauge, &[], "Requests that may be in models at one time");
    BODIES = bytes(metric("mlhost_bodies", Gauge, &[], "Request bodies in memory"));
    BODIES_LIMIT = bytes(metric("mlhost_bodies_limit", Gauge, &[], "What all request bodies may have together"));
    CONNECTIONS = metric("mlhost_connections", Gauge, &[], "Open connections");
    CONNECTIONS_LIMIT = metric("mlhost_connections_limit", Gauge, &[], "Connections that may be open at one time");
    CONNECTIONS_ACCEPTED = metric("mlhost_connections_accepted", Counter, &[], "Connections that were accepted");
    MODEL_VERSION = metric("mlhost_model_version", Gauge, MODEL, "Always 1; the versions that are served");
    MODEL_VERSION_SINCE = seconds(metric(
        "mlhost_model_version_since",
        Gauge,
        MODEL,
        "When the version that is served was taken, since the epoch",
    ));
    MODEL_ROUTED = metric(
        "mlhost_model_routed",
        Counter,
        &["model", "version", "by"],
        "Predictions by the version that was to answer and what decided that: version (the request names it), header, split, default",
    );
    SHADOW_COMPARISONS = metric(
        "mlhost_shadow_comparisons",
        Counter,
        &["model", "version", "outcome"],
        "Requests that were to be sent to a shadow, too, by what came of it: same, different, failed, shed (not sent, for want of room); \
         the version is the shadow's",
    );
    RELOADS_TAKEN = metric("mlhost_reloads_taken", Counter, &["model"], "Versions that took over");
    RELOADS_REFUSED = metric(
        "mlhost_reloads_refused",
        Counter,
        &["model"],
        "Looks for a version that ended in none or one that cannot be served",
    );
    MODEL_LOADS = metric(
        "mlhost_model_loads",
        Counter,
        &["outcome"],
        "Versions that were loaded, failed to load or were unloaded, and models that made room or were brought back",
    );
    MODEL_FILES = bytes(metric("mlhost_model_files", Gauge, &[], "Files of everything that is loaded of the repository"));
    MODEL_FILES_LIMIT =
        bytes(metric("mlhost_model_files_limit", Gauge, &[], "What they may have together; absent without a bound"));
    SPANS_DROPPED =
        metric("mlhost_spans_dropped", Counter, &[], "Requests whose trace was not sent because the collector was too slow or gone");
    SAMPLES_WRITTEN = metric("mlhost_samples_written", Counter, &[], "Requests that were written to the sample log");
    SAMPLES_DROPPED = metric(
        "mlhost_samples_dropped",
        Counter,
        &[],
        "Requests that were to be written to the sample log and were not, for want of time or room",
    );
    PROCESS_CPU = seconds(metric("process_cpu", Counter, &[], "User and system time of the process"));
    PROCESS_MEMORY = bytes(metric("process_resident_memory", Gauge, &[], "Memory of the process that is in use"));
    PROCESS_VIRTUAL =
        bytes(metric("process_virtual_memory", Gauge, &[], "Memory of the process that is addressed, sandboxes' room included"));
    PROCESS_OPEN_FILES = metric("process_open_fds", Gauge, &[], "Open file descriptors");
    PROCESS_MAX_FILES = metric("process_max_fds", Gauge, &[], "File descriptors that may be open");
    PROCESS_THREADS = metric("process_threads", Gauge, &[], "Threads of the process");
    PROCESS_START = seconds(metric("process_start_time", Gauge, &[], "When the process began, since the epoch"));
}

// === impl Metric ===

impl Metric {
    /// Its name as Prometheus has it, without what a histogram's parts append.
    #[must_use]
    pub fn full_name(&self) -> String {
        let unit = self.unit.map(|unit| format!("_{}", unit.prometheus().as_str())).unwrap_or_default();
        let end = if matches!(self.kind, MetricType::Counter) { "_total" } else { "" };
        format!("{}{unit}{end}", self.name)
    }

    /// What Prometheus calls its kind.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            _ => "unknown",
        }
    }
}

// === impl InUnit ===

impl InUnit {
    /// As prometheus-client has it.
    pub(super) fn prometheus(self) -> &'static Unit {
        match self {
            Self::Seconds => &Unit::Seconds,
            Self::Bytes => &Unit::Bytes,
        }
    }
}
