//! What the loader knows of each model: what is loaded, what was refused, and what still has to be dropped.
//!
//! Used by `loader` alone. Loads nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mlhost_wire::fault::{Fault, FaultKind};
use tokio::sync::mpsc::Sender;

use crate::catalog::{Loads, Order};
use crate::deployment::{Absent, Deployment, Release, Served, State};
use crate::repository::{Found, FoundVersion, OwnLimits};
use crate::stamp::Stamp;

/// What a version was made from: one that has the same need not be made again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Made {
    pub(super) stamp: Stamp,
    pub(super) limits: OwnLimits,
}

/// A version that is loaded.
pub(super) struct Loaded {
    pub(super) number: String,
    pub(super) made: Made,
    pub(super) release: Arc<Release>,
}

/// A version that was refused.
pub(super) struct Refused {
    pub(super) made: Made,
    pub(super) fault: Fault,
}

/// One model.
pub(super) struct Known {
    pub(super) deployment: Arc<Deployment>,
    pub(super) loaded: Vec<Loaded>,
    pub(super) refused: BTreeMap<String, Refused>,
    /// Whether it is to be served.
    pub(super) wanted: bool,
    /// Whether it was unloaded for want of memory, or never loaded for that.
    pub(super) asleep: bool,
    pub(super) from_repository: bool,
    /// What was wrong at the last look, which is logged once.
    pub(super) failing: Option<String>,
    /// Whether somebody asked for it while it was asleep.
    asked: Arc<AtomicBool>,
}

/// Every model.
pub(super) struct Shelf {
    known: BTreeMap<String, Known>,
    /// Replaced, and dropped here once no request runs in it: closing a session takes too long for a request's thread.
    retired: Vec<Arc<Release>>,
    orders: Sender<Order>,
    loads: Arc<Loads>,
}

// === impl Refused ===

impl Refused {
    /// Whether trying again would end the same way.
    pub(super) fn is_final(&self, made: &Made) -> bool {
        self.made == *made && !matches!(self.fault.kind, FaultKind::NoRoom | FaultKind::NotReady)
    }
}

// === impl Known ===

impl Known {
    /// What all its versions have, in bytes of their files.
    pub(super) fn bytes(&self) -> u64 {
        self.loaded.iter().map(|loaded| loaded.made.stamp.bytes).sum()
    }

    pub(super) fn loaded(&self, number: &str) -> Option<&Loaded> {
        self.loaded.iter().find(|loaded| loaded.number == number)
    }

    /// Keeps a version, and gives back the one of that number that it replaces.
    pub(super) fn keep(&mut self, loaded: Loaded) -> Option<Arc<Release>> {
        let old = self.loaded.iter().position(|old| old.number == loaded.number);
        let old = old.map(|place| self.loaded.swap_remove(place).release);
        self.loaded.push(loaded);
        old
    }

    /// Keeps the versions of `wanted`, and gives back the rest.
    pub(super) fn keep_only(&mut self, wanted: &[&FoundVersion]) -> Vec<Arc<Release>> {
        let (kept, left) = std::mem::take(&mut self.loaded)
            .into_iter()
            .partition(|loaded| wanted.iter().any(|version| version.number == loaded.number));
        self.loaded = kept;
        let left: Vec<Loaded> = left;
        left.into_iter().map(|loaded| loaded.release).collect()
    }

    /// The versions of `found` that are not loaded, and why.
    pub(super) fn absent(&self, found: &Found, wanted: &[&FoundVersion]) -> Vec<Absent> {
        let is_wanted = |number: &str| wanted.iter().any(|version| version.number == number);
        let absent = |number: &str| {
            let (state, reason) = match self.refused.get(number) {
                Some(refused) => {
                    let reason = refused.fault.public.lines().next().unwrap_or_default();
                    (State::Unavailable, reason.to_owned())
                }
                None if is_wanted(number) => (State::Loading, String::new()),
                None => (State::Unavailable, String::new()),
            };
            Absent { version: Some(number.to_owned()), state, reason }
        };
        let numbers = found.versions.iter().map(|version| version.number.as_str());
        numbers.filter(|number| self.loaded(number).is_none()).map(absent).collect()
    }

    /// Its releases leave its list, to be dropped.
    pub(super) fn unload(&mut self) -> Vec<Arc<Release>> {
        std::mem::take(&mut self.loaded).into_iter().map(|loaded| loaded.release).collect()
    }

    /// It is unloaded for want of memory, until a request asks for one of these versions; its releases are to be dropped.
    pub(super) fn sleep<'n>(&mut self, numbers: impl Iterator<Item = &'n str>) -> Vec<Arc<Release>> {
        let absent = |number: &str| Absent {
            version: Some(number.to_owned()),
            state: State::Unavailable,
            reason: "unloaded for want of memory; the next request loads it".to_owned(),
        };
        self.deployment.put(Served::asleep(numbers.map(absent).collect()));
        self.asleep = true;
        self.forget_asked();
        self.unload()
    }

    /// What was refused is tried again.
    pub(super) fn forgive(&mut self) {
        self.refused.clear();
        self.failing = None;
    }

    /// Nobody has asked for it, as far as it knows from now on.
    pub(super) fn forget_asked(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }
}

// === impl Shelf ===

impl Shelf {
    pub(super) fn new(orders: Sender<Order>, loads: Arc<Loads>) -> Self {
        Self { known: BTreeMap::new(), retired: Vec::new(), orders, loads }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.known.keys().cloned().collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Known> {
        self.known.get(name)
    }

    pub(super) fn is_wanted(&self, name: &str) -> bool {
        self.get(name).is_some_and(|known| known.wanted)
    }

    pub(super) fn is_from_repository(&self, name: &str) -> bool {
        self.get(name).is_some_and(|known| known.from_repository)
    }

    pub(super) fn loads(&self) -> &Loads {
        &self.loads
    }

    /// Takes a model out to work on it, or makes one that is not loaded; [`Self::put`] brings it back.
    pub(super) fn take(&mut self, name: &str, from_repository: bool) -> Known {
        self.known.remove(name).unwrap_or_else(|| {
            let asked = Arc::new(AtomicBool::new(false));
            let deployment = Deployment::of(name.to_owned(), Served::default());
            let deployment = deployment.with_wake(self.wake(name, &asked));
            Known {
                deployment: Arc::new(deployment),
                loaded: Vec::new(),
                refused: BTreeMap::new(),
                wanted: false,
                asleep: false,
                from_repository,
                failing: None,
                asked,
            }
        })
    }

    pub(super) fn put(&mut self, known: Known) {
        self.known.insert(known.deployment.name().to_owned(), known);
        self.count();
    }

    /// Requests call it again and again: one order is enough.
    fn wake(&self, name: &str, asked: &Arc<AtomicBool>) -> crate::deployment::Wake {
        let (name, asked, orders) = (name.to_owned(), Arc::clone(asked), self.orders.clone());
        Box::new(move || {
            if !asked.swap(true, Ordering::Relaxed) && orders.try_send(Order::Wake(name.clone())).is_err() {
                asked.store(false, Ordering::Relaxed);
            }
        })
    }

    /// The model is gone; requests that run in it are still answered.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(mut known) = self.known.remove(name) {
            let releases = known.unload();
            self.loads.unloaded(releases.len());
            self.retire(releases);
        }
        self.count();
    }

    /// What was refused is tried again.
    pub(super) fn forgive(&mut self) {
        self.known.values_mut().for_each(Known::forgive);
    }

    /// What was refused of this model is tried again.
    pub(super) fn forgive_one(&mut self, name: &str) {
        if let Some(known) = self.known.get_mut(name) {
            known.forgive();
        }
    }

    /// Unloads a model that stays known.
    pub(super) fn leave(&mut self, name: &str) {
        let Some(known) = self.known.get_mut(name) else { return };
        let absent = |number: &str| Absent {
            version: Some(number.to_owned()),
            state: State::Unavailable,
            reason: "unloaded".to_owned(),
        };
        let absent = known.loaded.iter().map(|loaded| absent(&loaded.number)).collect();
        let releases = known.unload();
        (known.wanted, known.asleep) = (false, false);
        known.deployment.put(Served::new(Vec::new(), None, absent));
        self.loads.unloaded(releases.len());
        self.retire(releases);
        self.count();
    }

    pub(super) fn forget_asked(&self, name: &str) {
        if let Some(known) = self.get(name) {
            known.forget_asked();
        }
    }

    pub(super) fn retire(&mut self, releases: Vec<Arc<Release>>) {
        self.retired.extend(releases);
    }

    pub(super) fn has_retired(&self) -> bool {
        !self.retired.is_empty()
    }

    /// Drops what no request runs in any more.
    pub(super) fn sweep(&mut self) {
        self.retired.retain(|release| Arc::strong_count(release) > 1);
    }

    /// What everything that is loaded has, in bytes of its files.
    pub(super) fn bytes(&self) -> u64 {
        self.known.values().map(Known::bytes).sum()
    }

    /// The loaded model that was not asked for the longest.
    pub(super) fn least_recently_used(&mut self) -> Option<&mut Known> {
        let loaded = self.known.values_mut().filter(|known| !known.loaded.is_empty());
        loaded.min_by_key(|known| known.deployment.last_used())
    }

    fn count(&self) {
        self.loads.holds(self.bytes());
    }
}
