//! What releases that are no longer served have counted: a counter that vanished would lose what happened since the last
//! scrape.
//!
//! Used by `collect.rs` alone. Bounded: of releases that are gone only so many are kept, the oldest go first. Keeps no
//! release alive, only its counts.

use std::sync::Arc;

use mlhost_nn::SizeCount;

use super::collect::{Counted, Labels, labels};
use crate::catalog::Catalog;
use crate::deployment::{Release, Served};
use crate::observe::Statistics;
use crate::observe::histogram::{Distribution, SIZES};

/// Releases that are gone and still shown.
const MOST: usize = 64;

/// Releases that were served at the last scrape, and what is left of those before.
#[derive(Default)]
pub(super) struct Retired {
    served: Vec<Seen>,
    gone: Vec<Counted>,
}

/// A release at the last scrape.
struct Seen {
    statistics: Arc<Statistics>,
    counted: Counted,
}

// === impl Retired ===

impl Retired {
    /// Every release by its labels, those that are gone included.
    pub(super) fn read(&mut self, catalog: &Catalog) -> Vec<Counted> {
        let served: Vec<_> =
            catalog.models().iter().flat_map(|(_, deployment)| of_served(&deployment.served())).collect();
        self.replace(served);
        let mut all = self.gone.clone();
        for seen in &self.served {
            match all.iter_mut().find(|counted| counted.labels == seen.counted.labels) {
                Some(counted) => counted.add(&seen.counted),
                None => all.push(seen.counted.clone()),
            }
        }
        all
    }

    fn replace(&mut self, served: Vec<Seen>) {
        let left = std::mem::replace(&mut self.served, served);
        for mut seen in left {
            if self.served.iter().any(|now| Arc::ptr_eq(&now.statistics, &seen.statistics)) {
                continue;
            }
            // Requests may have ended in it since; those that end after this are lost.
            seen.counted.totals = seen.statistics.totals();
            seen.counted.waiting = None;
            seen.counted.is_shadow = false;
            match self.gone.iter_mut().find(|counted| counted.labels == seen.counted.labels) {
                Some(counted) => counted.add(&seen.counted),
                None => self.gone.push(seen.counted),
            }
        }
        let surplus = self.gone.len().saturating_sub(MOST);
        self.gone.drain(..surplus);
    }
}

// === impl Counted ===

impl Counted {
    fn add(&mut self, other: &Self) {
        self.totals.add(&other.totals);
        self.sizes.add(&other.sizes);
        self.compute_time = self.compute_time.saturating_add(other.compute_time);
        self.waiting = other.waiting.or(self.waiting);
        self.is_shadow |= other.is_shadow;
    }
}

pub(super) fn labels_of(release: &Release) -> Labels {
    labels(&release.app.name, release.version.name())
}

fn of_served(served: &Served) -> Vec<Seen> {
    let shadow = served.shadow();
    let is_shadow = |release| shadow.is_some_and(|shadow| Arc::ptr_eq(shadow, release));
    served.releases().iter().map(|release| seen(release, is_shadow(release))).collect()
}

fn seen(release: &Release, is_shadow: bool) -> Seen {
    let sizes = release.app.sizes();
    let compute_time = sizes.iter().map(|size| u64::try_from(size.time.as_nanos()).unwrap_or(0)).sum();
    let counted = Counted {
        labels: labels_of(release),
        totals: release.statistics.totals(),
        sizes: distribution(&sizes),
        compute_time,
        waiting: Some(release.app.waiting() as u64),
        is_shadow,
    };
    Seen { statistics: Arc::clone(&release.statistics), counted }
}

fn distribution(sizes: &[SizeCount]) -> Distribution {
    let mut found = Distribution { buckets: vec![0; SIZES.len() + 1], sum: 0 };
    for size in sizes {
        let bucket = SIZES.partition_point(|bound| *bound < size.rows);
        if let Some(count) = found.buckets.get_mut(bucket) {
            *count += size.runs;
        }
        found.sum = found.sum.saturating_add(size.rows.saturating_mul(size.runs));
    }
    found
}
