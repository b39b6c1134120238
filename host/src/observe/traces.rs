//! One span for each request that is traced, with its stages as children, sent to a collector over OTLP.
//!
//! `serve::report` decides and hands over what is known once the answer is there; a thread of this module's own makes spans
//! of it and sends them, some at a time. Its queue is bounded: where the collector is slow or gone, traces are dropped and
//! counted, and no request waits.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use super::outbox::{Message, Outbox};
use super::random;
use super::stages::Stages;
use super::telemetry::Telemetry;
use super::trace_context::TraceParent;
use crate::config::{TraceConfig, TraceSampler};

mod otlp;

use otlp::Collector;
pub use otlp::CollectorError;

/// Requests that may wait to be sent, as many as OpenTelemetry's own processor lets spans wait.
const QUEUE: usize = 2048;

/// Requests that are sent together.
const BATCH: usize = 256;

/// How long a request waits for others to be sent with.
const DELAY: Duration = Duration::from_secs(1);

/// How long the end of the process waits for what is still to be sent.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where traced requests go.
pub struct Traces {
    sampler: TraceSampler,
    outbox: Outbox<Finished>,
    telemetry: Arc<Telemetry>,
}

/// A request's place in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The trace.
    pub trace: u128,
    /// The request's own span.
    pub span: u64,
    /// Its caller's, where it has one.
    pub parent: Option<u64>,
    /// Whether it is recorded.
    pub sampled: bool,
}

/// A request that was answered.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Where it belongs.
    pub place: Place,
    /// What tracing systems said on the way.
    pub state: Option<String>,
    /// When its head was there.
    pub arrival: SystemTime,
    /// From then to the answer.
    pub total: Duration,
    /// What took how long.
    pub stages: Stages,
    /// GET, POST, …
    pub method: String,
    /// Without the query.
    pub path: String,
    /// In whose words it was answered.
    pub protocol: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The model's name and version, where it was for one.
    pub model: Option<(String, String)>,
    /// What logs call it.
    pub request_id: String,
}

// === impl Traces ===

impl Traces {
    /// Starts the thread that sends.
    ///
    /// # Errors
    ///
    /// [`CollectorError`] where the collector's address cannot be one, or the system has no thread.
    pub fn start(config: &TraceConfig, telemetry: Arc<Telemetry>) -> Result<Self, CollectorError> {
        let collector = Collector::new(config)?;
        let counted = Arc::clone(&telemetry);
        let outbox = Outbox::start("traces", QUEUE, move |finished| work(&finished, &collector, &counted))
            .map_err(|error| CollectorError(error.to_string()))?;
        Ok(Self { sampler: config.sampler, outbox, telemetry })
    }

    /// Where a request belongs whose caller says this.
    #[must_use]
    pub fn place(&self, parent: Option<TraceParent>) -> Place {
        let trace = parent.map_or_else(
            || (u128::from(random::number()) << 64) | u128::from(random::number()),
            |parent| parent.trace,
        );
        Place {
            trace,
            span: random::number(),
            parent: parent.map(|parent| parent.span),
            sampled: self.sampler.samples(trace, parent.map(|parent| parent.sampled)),
        }
    }

    /// Has it sent, soon and without waiting.
    pub fn send(&self, finished: Finished) {
        if !self.outbox.put(finished) {
            self.telemetry.drop_spans(1);
        }
    }

    /// Sends what is left, for as long as the end of the process has patience.
    pub(super) fn flush(&self) {
        if !self.outbox.flush(PATIENCE) {
            tracing::warn!("the collector does not take the last traces");
        }
    }
}

/// The thread's whole life.
fn work(messages: &Receiver<Message<Finished>>, collector: &Collector, telemetry: &Telemetry) {
    let mut well = true;
    while let Ok(first) = messages.recv() {
        let until = Instant::now() + DELAY;
        let (mut batch, mut flushed) = (Vec::new(), None);
        let mut next = Ok(first);
        loop {
            match next {
                Ok(Message::One(finished)) => batch.push(finished),
                Ok(Message::Flush(done)) => flushed = Some(done),
                // Whoever is gone has said all.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
            if batch.len() >= BATCH || flushed.is_some() {
                break;
            }
            next = messages.recv_timeout(until.saturating_duration_since(Instant::now()));
        }
        if !batch.is_empty() {
            well = send(&batch, collector, telemetry, well);
        }
        if let Some(done) = flushed {
            // Nobody waits any more where that took too long.
            let _ = done.try_send(());
        }
    }
}

/// Answers whether the collector took them; says in the log where that changes, and not for every batch.
fn send(batch: &[Finished], collector: &Collector, telemetry: &Telemetry, well: bool) -> bool {
    let requests = batch.len() as u64;
    let sent = collector.send(batch);
    match &sent {
        Ok(()) if !well => tracing::info!("the collector takes traces again"),
        Ok(()) => {}
        Err(error) => {
            telemetry.drop_spans(requests);
            if well {
                tracing::warn!(%error, "traces are dropped: the collector does not take them");
            }
        }
    }
    sent.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(sampler: TraceSampler) -> TraceConfig {
        TraceConfig {
            // Nothing listens there.
            endpoint: "http://127.0.0.1:9/v1/traces".to_owned(),
            headers: Vec::new(),
            timeout: Duration::from_millis(50),
            service_name: "mlhost".to_owned(),
            attributes: Vec::new(),
            sampler,
        }
    }

    #[test]
    fn a_callers_trace_is_gone_on_with_and_another_one_begun() {
        let telemetry = Arc::new(Telemetry::default());
        let traces = Traces::start(&config(TraceSampler::default()), telemetry).unwrap();
        let caller = TraceParent { trace: 7, span: 8, sampled: false };
        let place = traces.place(Some(caller));
        assert_eq!((place.trace, place.parent, place.sampled), (7, Some(8), false));
        let own = traces.place(None);
        assert!(own.sampled && own.parent.is_none() && own.trace > u128::from(u64::MAX));
        assert_ne!(own.span, traces.place(None).span);
    }

    #[test]
    fn a_dead_collector_costs_traces_and_no_time() {
        let telemetry = Arc::new(Telemetry::default());
        let traces = Traces::start(&config(TraceSampler::default()), Arc::clone(&telemetry)).unwrap();
        let finished = Finished {
            place: traces.place(None),
            state: None,
            arrival: SystemTime::now(),
            total: Duration::ZERO,
            stages: Stages::default(),
            method: "POST".to_owned(),
            path: "/".to_owned(),
            protocol: "mlflow",
            status: 200,
            model: None,
            request_id: "1".to_owned(),
        };
        let began = Instant::now();
        let many = 10 * QUEUE as u64;
        (0..many).for_each(|_| traces.send(finished.clone()));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(telemetry.spans_dropped() >= many - QUEUE as u64 - 2 * BATCH as u64);
    }
}
