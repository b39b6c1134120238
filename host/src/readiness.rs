//! Whether the server wants requests: what `/ready` and its likes say.
//!
//! Made by `cli::serve`; the drain turns it off before anything else ends, so that load balancers send nothing more while
//! what is under way is answered. Never turns requests away itself.

use tokio::sync::watch;

/// One flag, shared by whoever sets it and whoever answers with it.
#[derive(Clone, Debug)]
pub struct Readiness {
    ready: watch::Sender<bool>,
}

// === impl Readiness ===

impl Default for Readiness {
    /// Ready: nothing listens before everything is loaded.
    fn default() -> Self {
        Self { ready: watch::Sender::new(true) }
    }
}

impl Readiness {
    /// Whether it wants requests.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// It wants no more.
    pub fn drain(&self) {
        self.ready.send_replace(false);
    }

    /// Waits until it wants no more.
    pub(crate) async fn drained(&self) {
        // The sender is here: the wait ends for no other reason.
        let _ = self.ready.subscribe().wait_for(|ready| !ready).await;
    }
}
