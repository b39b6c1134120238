//! The task that does one short run of all that was asked for together.
//!
//! `shared.rs` has one spawned by the first call that waits, on the runtime that this call runs on. It steps back once,
//! behind all that is ready there: whoever of them asks for the graph is part of the same run. No timer, and no thread
//! is woken.

use std::sync::Arc;

use tokio::task::yield_now;

use crate::shared::Shared;

/// Passes what waits on to the thread where the task ends without its turn: its runtime may end at any time.
struct OnItsWay {
    shared: Arc<Shared>,
    had_its_turn: bool,
}

/// Starts the task; false outside a runtime.
pub(crate) fn spawn(shared: &Arc<Shared>) -> bool {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return false };
    let mut on_its_way = OnItsWay { shared: Arc::clone(shared), had_its_turn: false };
    runtime.spawn(async move {
        loop {
            yield_now().await;
            if !on_its_way.shared.gather() {
                on_its_way.had_its_turn();
                break;
            }
        }
    });
    true
}

// === impl OnItsWay ===

impl OnItsWay {
    fn had_its_turn(&mut self) {
        self.had_its_turn = true;
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if !self.had_its_turn {
            self.shared.end_gathering();
        }
    }
}
