//! A model that is being served, and its replacement while requests run.
//!
//! Made by `cli::serve` and `loader`; `serve::prediction` picks a [`Release`] once a request and keeps it until the answer, so
//! that a request never meets two versions; `reload` and `loader` put others in their place. Loads nothing, and drops no
//! model while a request runs in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use mlhost_wire::fault::{Fault, FaultKind};

mod last_use;
mod release;
mod routes;
mod routing;
mod served;

use last_use::LastUse;
pub use release::{Release, Version};
pub use routing::{HeaderRule, Routing, Shadow};
pub use served::{Absent, Served, State};

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

/// What a prediction is sent to.
pub struct Picked {
    /// What answers it.
    pub release: Arc<Release>,
    /// What is asked the same after it was answered, where anything is.
    pub shadow: Option<Mirror>,
}

/// A version that is asked what another one answered, and whose answer goes to nobody.
pub struct Mirror {
    /// The version.
    pub release: Arc<Release>,
    /// How far its numbers may be off, in relation to the larger one.
    pub tolerance: f64,
}

/// Has a model loaded that was unloaded for want of memory. Called by requests: it only notes the wish.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// One model behind the server.
pub struct Deployment {
    name: String,
    served: ArcSwap<Served>,
    /// How often it looks by itself; never, where there is none.
    watch: Option<Duration>,
    wake: Option<Wake>,
    looks: Mutex<Looks>,
    taken: AtomicU64,
    refused: AtomicU64,
    last_use: LastUse,
}

// === impl Deployment ===

impl Deployment {
    /// Serves `release` until another one takes its place.
    #[must_use]
    pub fn new(release: Release, watch: Option<Duration>) -> Self {
        let name = release.app.name.clone();
        Self { watch, ..Self::of(name, Served::of_one(Arc::new(release))) }
    }

    /// Serves the versions of `served` under `name` until others take their place.
    #[must_use]
    pub fn of(name: String, served: Served) -> Self {
        Self {
            name,
            served: ArcSwap::from_pointee(served),
            watch: None,
            wake: None,
            looks: Mutex::default(),
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            last_use: LastUse::now(),
        }
    }

    /// The same, which requests bring back after it was unloaded for want of memory.
    #[must_use]
    pub fn with_wake(self, wake: Wake) -> Self {
        Self { wake: Some(wake), ..self }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The default version of this moment, for as long as the caller holds it; `None` while none is ready.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Release>> {
        self.served.load().current().cloned()
    }

    /// All of this moment.
    #[must_use]
    pub fn served(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// The release called `version`, else the default one: for questions about a model, which no route applies to.
    ///
    /// # Errors
    ///
    /// [`FaultKind::NotFound`] where there is no such version or the model is not loaded, [`FaultKind::NotReady`] where it
    /// will be soon.
    pub fn version(&self, version: Option<&str>) -> Result<Arc<Release>, Fault> {
        let served = self.served.load();
        let found = match version {
            Some(version) => served.version(version),
            None => served.current(),
        };
        found.cloned().ok_or_else(|| self.missing(&served, version))
    }

    /// The release that a prediction for `version` is for; where it names none, as the model's routes have it, which may ask
    /// for a header by its name in lower case.
    ///
    /// # Errors
    ///
    /// As [`Self::version`].
    pub fn pick<'h>(
        &self,
        version: Option<&str>,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Result<Picked, Fault> {
        self.last_use.note();
        let served = self.served.load();
        let Some(chosen) = served.choose(version, header) else {
            return Err(self.missing(&served, version));
        };
        chosen.release.statistics.chosen(chosen.by);
        let mirror =
            |(release, tolerance): (&Arc<Release>, f64)| Mirror { release: Arc::clone(release), tolerance };
        Ok(Picked { release: Arc::clone(chosen.release), shadow: chosen.shadow.map(mirror) })
    }

    /// When a prediction was last sent to it, or it was made where none was yet; to the millisecond.
    #[must_use]
    pub fn last_used(&self) -> Instant {
        self.last_use.get()
    }

    /// How far `version` is, or the default one, and why.
    ///
    /// # Errors
    ///
    /// [`FaultKind::NotFound`] where no such version is known.
    pub fn state(&self, version: Option<&str>) -> Result<State, Fault> {
        let served = self.served.load();
        let ready = match version {
            Some(version) => served.version(version).is_some(),
            None => served.current().is_some(),
        };
        if ready {
            return Ok(State::Ready);
        }
        let known =
            |absent: &&Absent| version.is_none_or(|version| absent.version.as_deref() == Some(version));
        match served.absent().iter().find(known) {
            Some(absent) => Ok(absent.state),
            None if version.is_none() => Ok(State::Unavailable),
            None => Err(self.missing(&served, version)),
        }
    }

    /// Why there is no such release, and where one comes back, the wish for it.
    fn missing(&self, served: &Served, version: Option<&str>) -> Fault {
        let name = &self.name;
        let known =
            |absent: &&Absent| version.is_none_or(|version| absent.version.as_deref() == Some(version));
        let absent = served.absent().iter().find(known);
        if served.is_asleep() && absent.is_some() {
            if let Some(wake) = &self.wake {
                wake();
            }
            let public = format!("model `{name}` is being loaded again; try again soon");
            return Fault::new(FaultKind::NotReady, public);
        }
        match absent {
            Some(Absent { state: State::Loading, .. }) => {
                Fault::new(FaultKind::NotReady, format!("model `{name}` is being loaded; try again soon"))
            }
            Some(Absent { version, reason, .. }) => {
                let which =
                    version.as_ref().map(|version| format!(" version `{version}`")).unwrap_or_default();
                let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                Fault::new(FaultKind::NotFound, format!("model `{name}`{which} is not loaded{why}"))
            }
            None => {
                let public = match version {
                    Some(version) => format!("model `{name}` has no version `{version}`"),
                    None => format!("model `{name}` is not loaded"),
                };
                Fault::new(FaultKind::NotFound, public)
            }
        }
    }

    /// Puts `release` in the place of the current one, which is given back: requests may still run in it.
    pub fn take(&self, release: Release) -> Option<Arc<Release>> {
        let old = self.put(Served::of_one(Arc::new(release)));
        self.took();
        self.looks().refusal = None;
        old.current().cloned()
    }

    /// Puts all of `served` in the place of what is served, which is given back: requests may still run in it.
    pub fn put(&self, served: Served) -> Arc<Served> {
        self.served.swap(Arc::new(served))
    }

    /// Notes that a version has taken over.
    pub fn took(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
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
