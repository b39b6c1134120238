//! The task that does one short run of all that was asked for together.
//!
//! `shared.rs` has one spawned by the first call that waits, on the runtime that this call runs on, behind all that is
//! ready there: whoever of them asks for the graph is part of the same run. No timer, and no thread is woken. Calls on
//! other runtimes have tasks of their own: with one for all, answers had to wake other threads, which cost more than
//! their runs. While another one's run is under way it looks for more that is ready instead of waiting, and so a graph
//! that is busy gets larger runs.

use std::sync::Arc;

use tokio::runtime::{self, Handle};
use tokio::task::yield_now;

use crate::shared::{Shared, Turn};

/// How often a task comes again while another runtime's run is under way, before the graph's thread has to see to it.
const PATIENCE: u32 = 1000;

/// Lives as long as the task, and passes on to the thread what still waits then: its runtime may end at any time.
struct OnItsWay {
    shared: Arc<Shared>,
    home: runtime::Id,
}

/// Starts the task.
pub(crate) fn spawn(shared: &Arc<Shared>, runtime: &Handle) {
    let on_its_way = OnItsWay { shared: Arc::clone(shared), home: runtime.id() };
    runtime.spawn(async move {
        let mut patience = PATIENCE;
        while patience > 0 {
            match on_its_way.shared.gather(on_its_way.home) {
                Turn::Over => break,
                Turn::Again => patience = PATIENCE,
                Turn::Busy => patience -= 1,
            }
            yield_now().await;
        }
    });
}

// === impl OnItsWay ===

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.shared.end_gathering(self.home);
    }
}
