//! From answered requests to OTLP spans, and to the collector over HTTP.
//!
//! Used by the thread of `traces.rs` alone: sending blocks it.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

use super::super::random;
use super::super::stages::Stage;
use super::Finished;
use crate::config::TraceConfig;

/// Where traces are sent.
pub(super) struct Collector {
    exporter: SpanExporter,
    scope: InstrumentationScope,
}

/// A collector that cannot be sent to, or took nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CollectorError(pub(super) String);

/// Wakes the thread that waits for a future.
struct Unpark(Thread);

// === impl Collector ===

impl Collector {
    pub(super) fn new(config: &TraceConfig) -> Result<Self, CollectorError> {
        // The exporter's HTTP client takes what the process has; another part may have chosen the same before.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let headers: HashMap<_, _> =
            config.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&config.endpoint)
            .with_timeout(config.timeout)
            .with_headers(headers)
            .build()
            .map_err(|error| CollectorError(error.to_string()))?;
        let attributes =
            config.attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
        let resource = Resource::builder_empty()
            .with_attributes(attributes)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_service_name(config.service_name.clone())
            .build();
        exporter.set_resource(&resource);
        let scope = InstrumentationScope::builder("mlhost").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Self { exporter, scope })
    }

    /// Sends them, within the exporter's own time.
    pub(super) fn send(&self, requests: &[Finished]) -> Result<(), CollectorError> {
        let spans = requests.iter().flat_map(|request| self.spans(request)).collect();
        block_on(self.exporter.export(spans)).map_err(|error| CollectorError(error.to_string()))
    }

    /// A request's own span first, then its stages'.
    fn spans(&self, request: &Finished) -> Vec<SpanData> {
        let state = request.state.as_deref().and_then(|state| state.parse().ok()).unwrap_or_default();
        let mut spans = Vec::with_capacity(1 + Stage::ALL.len());
        spans.push(self.request(request, state));
        let mut start = request.arrival;
        for stage in Stage::ALL {
            let took = request.stages.of(stage);
            if !took.is_zero() {
                let end = start + took;
                spans.push(self.stage(request, stage, start..end));
                start = end;
            }
        }
        spans
    }

    fn request(&self, request: &Finished, state: TraceState) -> SpanData {
        let place = request.place;
        let mut attributes = vec![
            KeyValue::new("http.request.method", request.method.clone()),
            KeyValue::new("url.path", request.path.clone()),
            KeyValue::new("http.response.status_code", i64::from(request.status)),
            KeyValue::new("mlhost.protocol", request.protocol),
            KeyValue::new("mlhost.request_id", request.request_id.clone()),
        ];
        // A name of few values: paths are the caller's words, models are ours.
        let mut name = request.method.clone();
        if let Some((model, version)) = &request.model {
            name = format!("predict {model}");
            attributes.push(KeyValue::new("mlhost.model", model.clone()));
            attributes.push(KeyValue::new("mlhost.version", version.clone()));
            let number = |name, value: u64| KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX));
            attributes.push(number("mlhost.rows", request.stages.rows));
            attributes.push(number("mlhost.batch_rows", request.stages.batch_rows));
            attributes.push(number("mlhost.guest_memory_bytes", request.stages.memory_bytes));
        }
        let status = if request.status >= 500 { Status::error(String::new()) } else { Status::Unset };
        SpanData {
            span_context: context(place.trace, place.span, state),
            parent_span_id: place
                .parent
                .map_or(SpanId::INVALID, |span| SpanId::from_bytes(span.to_be_bytes())),
            parent_span_is_remote: place.parent.is_some(),
            span_kind: SpanKind::Server,
            name: name.into(),
            start_time: request.arrival,
            end_time: request.arrival + request.total,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        }
    }

    fn stage(&self, request: &Finished, stage: Stage, period: Range<SystemTime>) -> SpanData {
        SpanData {
            span_context: context(request.place.trace, random::number(), TraceState::default()),
            parent_span_id: SpanId::from_bytes(request.place.span.to_be_bytes()),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: stage.name().into(),
            start_time: period.start,
            end_time: period.end,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

fn context(trace: u128, span: u64, state: TraceState) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(trace.to_be_bytes()),
        SpanId::from_bytes(span.to_be_bytes()),
        TraceFlags::SAMPLED,
        false,
        state,
    )
}

/// The exporter's client blocks inside its future, which a runtime of tokio's would not have.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
