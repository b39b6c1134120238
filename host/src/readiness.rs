//! Whether the server wants requests: what `/ready` and its likes say.
//!
//! Made by `cli::serve`; the drain turns it off before anything else ends, so that load balancers send nothing more while
//! what is under way is answered. Never turns requests away itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One flag, shared by whoever sets it and whoever answers with it.
#[derive(Clone, Debug)]
pub struct Readiness {
    ready: Arc<AtomicBool>,
}

// === impl Readiness ===

impl Default for Readiness {
    /// Ready: nothing listens before everything is loaded.
    fn default() -> Self {
        Self { ready: Arc::new(AtomicBool::new(true)) }
    }
}

impl Readiness {
    /// Whether it wants requests.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// It wants no more.
    pub fn drain(&self) {
        self.ready.store(false, Ordering::Release);
    }
}
