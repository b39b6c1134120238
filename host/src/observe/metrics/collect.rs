//! Reads everything that is counted, and writes it under the names of `catalogue.rs`.
//!
//! prometheus-client calls it for each scrape. Takes no lock that a request takes, but a graph's for its counts.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use mlhost_sandbox::TrapKind;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::catalogue as metric;
use super::catalogue::{InUnit, Metric};
use super::process::Process;
use super::retired::{Retired, labels_of};
use super::{Occupancy, Sources};
use crate::catalog::Loads;
use crate::observe::histogram::{DURATIONS, Distribution, MEMORIES, SIZES};
use crate::observe::stages::Stage;
use crate::observe::statistics::Totals;
use crate::observe::{Choice, Comparison};

/// Nanoseconds in a second: bounds are divided, so that they read as they were meant.
const SECOND: f64 = 1e9;

/// A model's name and the version's.
pub(super) type Labels = [(&'static str, String); 2];

/// Everything that has metrics.
pub(super) struct Collected {
    sources: Sources,
    /// What releases that are gone have counted.
    retired: Mutex<Retired>,
}

/// One scrape.
struct Scrape<'e, 'a> {
    encoder: &'e mut DescriptorEncoder<'a>,
}

// === impl Collected ===

impl Collected {
    pub(super) fn new(sources: Sources) -> Self {
        Self { sources, retired: Mutex::default() }
    }
}

impl fmt::Debug for Collected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collected")
    }
}

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let releases = retired.read(&self.sources.catalog);
        drop(retired);
        let mut scrape = Scrape { encoder: &mut encoder };
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        ConstGauge::new(1_u64).encode(scrape.family(&metric::BUILD_INFO)?.encode_family(&version)?)?;
        scrape.server(&self.sources)?;
        scrape.requests(&self.sources.telemetry.others.totals(), &releases)?;
        scrape.guests(&releases)?;
        scrape.graphs(&releases)?;
        scrape.routing(&releases)?;
        scrape.models(&self.sources)?;
        scrape.loads(self.sources.catalog.loads())?;
        scrape.process(&Process::read())
    }
}

// === impl Scrape ===

impl<'a> Scrape<'_, 'a> {
    fn family(&mut self, metric: &Metric) -> Result<MetricEncoder<'_>, fmt::Error> {
        self.encoder.encode_descriptor(
            metric.name,
            metric.help,
            metric.unit.map(InUnit::prometheus),
            metric.kind,
        )
    }

    fn gauge(&mut self, metric: &Metric, value: u64) -> fmt::Result {
        ConstGauge::new(value).encode(self.family(metric)?)
    }

    fn counter(&mut self, metric: &Metric, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.family(metric)?)
    }

    /// A value for each release; a release without one is left out.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own; a struct would be made for this call alone"
    )]
    fn of_releases<'r, V>(
        &mut self,
        metric: &Metric,
        releases: &'r [Counted],
        value: impl Fn(&'r Counted) -> Option<V>,
        write: impl Fn(V, MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut family = self.family(metric)?;
        for release in releases {
            if let Some(value) = value(release) {
                write(value, family.encode_family(&release.labels)?)?;
            }
        }
        Ok(())
    }

    fn server(&mut self, sources: &Sources) -> fmt::Result {
        let telemetry = &sources.telemetry;
        let Occupancy { requests, bodies, max_connections } = (sources.occupancy)();
        let (accepted, open) = telemetry.connections();
        self.gauge(&metric::READY, sources.readiness.is_ready().into())?;
        self.counter(&metric::REQUESTS_ABANDONED, telemetry.abandoned())?;
        self.gauge(&metric::REQUESTS_IN_FLIGHT, u64::try_from(telemetry.under_way()).unwrap_or(0))?;
        self.gauge(&metric::POOL_REQUESTS, requests.0 as u64)?;
        self.gauge(&metric::POOL_SIZE, requests.1 as u64)?;
        self.gauge(&metric::BODIES, bodies.0 as u64)?;
        self.gauge(&metric::BODIES_LIMIT, bodies.1 as u64)?;
        self.gauge(&metric::CONNECTIONS, open)?;
        self.gauge(&metric::CONNECTIONS_LIMIT, max_connections as u64)?;
        self.counter(&metric::CONNECTIONS_ACCEPTED, accepted)?;
        self.counter(&metric::SPANS_DROPPED, telemetry.spans_dropped())?;
        let (written, dropped) = telemetry.samples();
        self.counter(&metric::SAMPLES_WRITTEN, written)?;
        self.counter(&metric::SAMPLES_DROPPED, dropped)?;
        let mut family = self.family(&metric::LIMITS_HIT)?;
        for (limit, count) in telemetry.limits.all() {
            ConstCounter::new(count).encode(family.encode_family(&[("limit", limit.name())])?)?;
        }
        Ok(())
    }

    fn requests(&mut self, others: &Totals, releases: &[Counted]) -> fmt::Result {
        let nameless = Counted { labels: labels("", ""), totals: others.clone(), ..Counted::default() };
        let mut family = self.family(&metric::REQUESTS)?;
        for release in std::iter::once(&nameless).chain(releases) {
            let [model, version] = &release.labels;
            for (protocol, status, count) in &release.totals.requests {
                let labels = [
                    (model.0, model.1.clone()),
                    (version.0, version.1.clone()),
                    ("protocol", (*protocol).to_owned()),
                    ("status", if *status == 0 { "other".to_owned() } else { status.to_string() }),
                ];
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }
        self.of_releases(
            &metric::REQUEST_DURATION,
            releases,
            |release| Some(&release.totals.total),
            durations,
        )?;
        let mut family = self.family(&metric::STAGE_DURATION)?;
        for release in releases {
            let [model, version] = &release.labels;
            for (stage, distribution) in Stage::ALL.into_iter().zip(&release.totals.stages) {
                let labels =
                    [(model.0, model.1.as_str()), (version.0, version.1.as_str()), ("stage", stage.name())];
                durations(distribution, family.encode_family(&labels)?)?;
            }
        }
        self.of_releases(&metric::ROWS, releases, |release| Some(release.totals.rows), counter)
    }

    fn guests(&mut self, releases: &[Counted]) -> fmt::Result {
        let sandboxed =
            |release: &Counted| (release.totals.memory.count() > 0).then(|| release.totals.memory.clone());
        let write =
            |memory: Distribution, encoder: MetricEncoder<'_>| histogram(&memory, &MEMORIES, 1.0, encoder);
        self.of_releases(&metric::GUEST_MEMORY, releases, sandboxed, write)?;
        let mut family = self.family(&metric::GUEST_TRAPS)?;
        for release in releases.iter().filter(|release| release.totals.memory.count() > 0) {
            for (kind, count) in TrapKind::ALL.into_iter().zip(&release.totals.traps) {
                let labels = with(&release.labels, ("kind", kind.name()));
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn graphs(&mut self, releases: &[Counted]) -> fmt::Result {
        let write = |sizes: Distribution, encoder: MetricEncoder<'_>| histogram(&sizes, &SIZES, 1.0, encoder);
        self.of_releases(&metric::BATCH_ROWS, releases, |release| Some(release.sizes.clone()), write)?;
        let write = |nanoseconds: u64, encoder: MetricEncoder<'_>| {
            ConstCounter::new(nanoseconds as f64 / SECOND).encode(encoder)
        };
        self.of_releases(&metric::COMPUTE, releases, |release| Some(release.compute_time), write)?;
        self.of_releases(&metric::QUEUE_DEPTH, releases, |release| release.waiting, gauge)
    }

    fn routing(&mut self, releases: &[Counted]) -> fmt::Result {
        let mut family = self.family(&metric::MODEL_ROUTED)?;
        for release in releases {
            for (by, count) in Choice::ALL.into_iter().zip(release.totals.choices) {
                let labels = with(&release.labels, ("by", by.name()));
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let mut family = self.family(&metric::SHADOW_COMPARISONS)?;
        for release in releases.iter().filter(|release| release.is_or_was_a_shadow()) {
            for (outcome, count) in Comparison::ALL.into_iter().zip(release.totals.comparisons) {
                let labels = with(&release.labels, ("outcome", outcome.name()));
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn models(&mut self, sources: &Sources) -> fmt::Result {
        let models = sources.catalog.models();
        let served: Vec<_> =
            models.iter().flat_map(|(_, deployment)| deployment.served().releases().to_vec()).collect();
        let mut family = self.family(&metric::MODEL_VERSION)?;
        for release in &served {
            ConstGauge::new(1_u64).encode(family.encode_family(&labels_of(release))?)?;
        }
        let mut family = self.family(&metric::MODEL_VERSION_SINCE)?;
        for release in &served {
            let labels = labels_of(release);
            ConstGauge::new(release.since.as_second()).encode(family.encode_family(&labels)?)?;
        }
        let mut family = self.family(&metric::RELOADS_TAKEN)?;
        for (name, deployment) in &models {
            let (taken, _) = deployment.counts();
            ConstCounter::new(taken).encode(family.encode_family(&[("model", name.as_str())])?)?;
        }
        let mut family = self.family(&metric::RELOADS_REFUSED)?;
        for (name, deployment) in &models {
            let (_, refused) = deployment.counts();
            ConstCounter::new(refused).encode(family.encode_family(&[("model", name.as_str())])?)?;
        }
        Ok(())
    }

    /// What the loader did; nothing, where there is none.
    fn loads(&mut self, loads: Option<&Loads>) -> fmt::Result {
        let none = Loads::default();
        let loads = loads.unwrap_or(&none);
        let mut family = self.family(&metric::MODEL_LOADS)?;
        for (outcome, count) in loads.counts() {
            ConstCounter::new(count).encode(family.encode_family(&[("outcome", outcome)])?)?;
        }
        self.gauge(&metric::MODEL_FILES, loads.bytes())?;
        let family = self.family(&metric::MODEL_FILES_LIMIT)?;
        loads.most_bytes().map_or(Ok(()), |most| gauge(most, family))
    }

    fn process(&mut self, process: &Process) -> fmt::Result {
        ConstCounter::new(process.cpu_seconds).encode(self.family(&metric::PROCESS_CPU)?)?;
        self.gauge(&metric::PROCESS_MEMORY, process.resident_bytes)?;
        self.gauge(&metric::PROCESS_VIRTUAL, process.virtual_bytes)?;
        self.gauge(&metric::PROCESS_OPEN_FILES, process.open_files)?;
        self.gauge(&metric::PROCESS_MAX_FILES, process.max_files)?;
        self.gauge(&metric::PROCESS_THREADS, process.threads)?;
        ConstGauge::new(process.start_seconds).encode(self.family(&metric::PROCESS_START)?)
    }
}

/// One release, served or gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) labels: Labels,
    pub(super) totals: Totals,
    /// Runs of its graphs by their rows.
    pub(super) sizes: Distribution,
    /// What they took, in nanoseconds.
    pub(super) compute_time: u64,
    /// Calls that wait; `None` where it is gone.
    pub(super) waiting: Option<u64>,
    /// Whether it is its model's shadow.
    pub(super) is_shadow: bool,
}

// === impl Counted ===

impl Counted {
    /// Whether it has counts of comparisons; those of a shadow are there before its first.
    fn is_or_was_a_shadow(&self) -> bool {
        self.is_shadow || self.totals.comparisons.iter().any(|count| *count > 0)
    }
}

pub(super) fn labels(model: &str, version: &str) -> Labels {
    [("model", model.to_owned()), ("version", version.to_owned())]
}

fn with<'l>([model, version]: &'l Labels, third: (&'static str, &'l str)) -> [(&'static str, &'l str); 3] {
    [(model.0, model.1.as_str()), (version.0, version.1.as_str()), third]
}

fn gauge(value: u64, encoder: MetricEncoder<'_>) -> fmt::Result {
    ConstGauge::new(value).encode(encoder)
}

fn counter(value: u64, encoder: MetricEncoder<'_>) -> fmt::Result {
    ConstCounter::new(value).encode(encoder)
}

fn durations(distribution: &Distribution, encoder: MetricEncoder<'_>) -> fmt::Result {
    histogram(distribution, &DURATIONS, SECOND, encoder)
}

fn histogram(
    distribution: &Distribution,
    bounds: &[u64],
    one: f64,
    mut encoder: MetricEncoder<'_>,
) -> fmt::Result {
    let bounds = bounds.iter().map(|bound| *bound as f64 / one).chain([f64::INFINITY]);
    let counts = distribution.buckets.iter().copied().chain(std::iter::repeat(0));
    // prometheus-client sums them up itself.
    let buckets: Vec<_> = bounds.zip(counts).collect();
    let sum = distribution.sum as f64 / one;
    encoder.encode_histogram::<NoLabelSet>(sum, distribution.count(), &buckets, None)
}
