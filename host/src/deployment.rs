//! The model that is being served, and its replacement while requests run.
//!
//! Made by `cli::serve`; `serve::prediction` takes the [`Release`] of the moment once a request and keeps it until the answer,
//! so that a request never meets two versions; `reload` puts a new one in its place. Loads nothing, and drops no model
//! while a request runs in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use mlhost_wire::fault::{Fault, FaultKind};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::app::App;
use crate::observe::{Snapshot, Statistics};

/// Which version of a model something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// As the operator named the model: a path or a URI.
    pub uri: String,
    /// The registry's number, where the model comes out of one.
    pub number: Option<String>,
}

/// One loaded version of the model.
pub struct Release {
    /// The model.
    pub app: App,
    /// Which one it is.
    pub version: Version,
    /// When it was taken.
    pub since: Timestamp,
    /// What it has done so far.
    pub statistics: Arc<Statistics>,
    /// Requests at one time, where its bundle allows fewer than the server.
    permits: Option<Semaphore>,
}

/// A version that was not taken.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which one, where that was found out.
    pub version: Option<String>,
    /// What was wrong, in one line.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// How often and when the server looked for another version.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    /// When it last looked.
    pub last: Option<Timestamp>,
    /// The version that was refused last, until another one is taken.
    pub refusal: Option<Refusal>,
}

/// The model behind the server.
pub struct Deployment {
    current: ArcSwap<Release>,
    /// How often it looks by itself; never, where there is none.
    watch: Option<Duration>,
    looks: Mutex<Looks>,
    taken: AtomicU64,
    refused: AtomicU64,
}

// === impl Version ===

impl Version {
    /// What protocols with versions call it: the registry's number, else `1`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.number.as_deref().unwrap_or("1")
    }
}

// === impl Release ===

impl Release {
    /// What is served from now on.
    #[must_use]
    pub fn new(app: App, version: Version) -> Self {
        let permits = app.concurrency.map(Semaphore::new);
        Self { app, version, since: Timestamp::now(), statistics: Arc::default(), permits }
    }

    /// What it has done so far, as the V2 protocol's statistics say it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.statistics.snapshot(&self.app.sizes())
    }

    /// A place among the requests that the bundle allows at one time; `Err` where there is none left.
    ///
    /// # Errors
    ///
    /// At once, without waiting.
    pub fn try_enter(&self) -> Result<Option<SemaphorePermit<'_>>, tokio::sync::TryAcquireError> {
        self.permits.as_ref().map(Semaphore::try_acquire).transpose()
    }
}

// === impl Deployment ===

impl Deployment {
    /// Serves `release` until another one takes its place.
    #[must_use]
    pub fn new(release: Release, watch: Option<Duration>) -> Self {
        Self {
            current: ArcSwap::from_pointee(release),
            watch,
            looks: Mutex::default(),
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// The release of this moment, for as long as the caller holds it.
    #[must_use]
    pub fn current(&self) -> Arc<Release> {
        self.current.load_full()
    }

    /// Every release of this moment.
    #[must_use]
    pub fn releases(&self) -> Vec<Arc<Release>> {
        vec![self.current()]
    }

    /// The release that a request for `version` is for; for any where it names none.
    ///
    /// # Errors
    ///
    /// [`FaultKind::NotFound`] where there is no such version.
    pub fn pick(&self, version: Option<&str>) -> Result<Arc<Release>, Fault> {
        let release = self.current();
        match version {
            Some(version) if version != release.version.name() => {
                let public = format!("model `{}` has no version `{version}`", release.app.name);
                Err(Fault::new(FaultKind::NotFound, public))
            }
            _ => Ok(release),
        }
    }

    /// Puts `release` in the place of the current one, which is given back: requests may still run in it.
    pub fn take(&self, release: Release) -> Arc<Release> {
        let old = self.current.swap(Arc::new(release));
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.looks().refusal = None;
        old
    }

    /// Notes a version that was not taken.
    pub fn refuse(&self, refusal: Refusal) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.looks().refusal = Some(refusal);
    }

    /// What was refused is wanted no more.
    pub fn forgive(&self) {
        self.looks().refusal = None;
    }

    /// Notes that the server looked for another version.
    pub fn looked(&self) {
        self.looks().last = Some(Timestamp::now());
    }

    /// What came of looking so far.
    #[must_use]
    pub fn history(&self) -> Looks {
        self.looks().clone()
    }

    /// How often the server looks by itself.
    #[must_use]
    pub fn watch(&self) -> Option<Duration> {
        self.watch
    }

    /// How many versions were taken and refused since the start.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.taken.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    fn looks(&self) -> std::sync::MutexGuard<'_, Looks> {
        // Nothing under the lock leaves it half changed.
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
