//! A guest's spare: one instance that was made before the call that it is for.
//!
//! `guest.rs` has it made once an answer is out, and takes it for the next call. Half of what a small call takes is making
//! an instance and dropping it; a caller that waits for its answer before it asks again waits for neither. No call has
//! been in a spare: each still gets an instance of its own. Only where no other call is under way: under load there is no
//! idle time to do it in.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::Instance;

use crate::state::GuestState;

/// How long making one may take: its start function is the guest's own code.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// An instance, and the store that it lives and dies with.
pub(crate) struct Spare {
    store: Store<GuestState>,
    instance: Instance,
}

/// Where a guest's spare is kept.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Option<Spare>>);

// === impl Spare ===

impl Spare {
    pub(crate) fn new(store: Store<GuestState>, instance: Instance) -> Self {
        Self { store, instance }
    }

    /// For a call that must end by the deadline.
    pub(crate) fn for_call(self, deadline: Instant) -> (Store<GuestState>, Instance) {
        let Self { mut store, instance } = self;
        store.data_mut().deadline = deadline;
        // The epoch has moved on meanwhile: the call's own first tick is still to come.
        store.set_epoch_deadline(1);
        (store, instance)
    }
}

// === impl Shelf ===

impl Shelf {
    pub(crate) fn take(&self) -> Option<Spare> {
        self.lock().take()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_none()
    }

    /// Keeps it in the place of another.
    pub(crate) fn put(&self, spare: Spare) {
        let other = self.lock().replace(spare);
        // Outside the lock.
        drop(other);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Spare>> {
        // Nothing under the lock leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
