//! What one call took: time in its graphs and in the guest itself, and the guest's memory.
//!
//! Filled in by `guest.rs` for every call, whatever came of it. Says nothing of a call's values.

use std::time::{Duration, Instant};

use crate::state::GuestState;

/// What a call in a sandbox took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallSpent {
    /// In the graphs that the guest asked.
    pub graphs: mlhost_nn::Spent,
    /// From the call's beginning to its end without the time in those: making the instance, `load-context` where it runs for
    /// every call, the guest's own work, and whoever else's turn it was meanwhile.
    pub guest: Duration,
    /// The most linear memory that the guest had, in bytes.
    pub memory_bytes: usize,
}

/// What the host did for a guest during its call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outside {
    pub(crate) graphs: mlhost_nn::Spent,
    /// From when graphs were asked until they answered.
    pub(crate) time: Duration,
}

// === impl CallSpent ===

impl CallSpent {
    /// The call that began then is over.
    pub(crate) fn note(&mut self, began: Instant, state: &GuestState) {
        let outside = state.outside;
        *self = Self {
            graphs: outside.graphs,
            guest: began.elapsed().saturating_sub(outside.time),
            memory_bytes: state.limiter.memory_bytes(),
        };
    }
}
