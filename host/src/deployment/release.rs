//! One loaded version of a model, and which one it is.
//!
//! Made by whoever loads (`cli::serve`, `reload`, `loader`); a request keeps the release it began with until its answer.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::app::App;
use crate::observe::{Snapshot, Statistics};

/// Which version of a model something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// As the operator named the model: a path or a URI.
    pub uri: String,
    /// The registry's or the repository's number, where the model comes out of one.
    pub number: Option<String>,
}

/// One loaded version of a model.
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
