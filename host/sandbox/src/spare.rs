//! A guest's spare: one instance that was made before the call that it is for.
//!
//! `guest.rs` has it made once an answer is out, and takes it for the next call. Half of what a small call takes is making
//! an instance and dropping it; a caller that waits for its answer before it asks again waits for neither. No call has
//! been in a spare: each still gets an instance of its own. Only where no other call is under way: under load there is no
//! idle time to do it in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::Instance;

use crate::guest::Guest;
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
pub(crate) struct Shelf {
    spare: Mutex<Option<Spare>>,
    /// Whether an instance waits to be dropped and a spare to be made.
    turning: AtomicBool,
}

/// The right to drop one instance later and to make a spare; the next one has it once this is dropped. One at a time, or
/// calls that follow each other without a pause would fill the pool with what is still to be dropped.
pub(crate) struct Turning {
    guest: Arc<Guest>,
}

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
    /// `None` while another has the right.
    pub(crate) fn turn(guest: &Arc<Guest>) -> Option<Turning> {
        let taken = guest.shelf().turning.swap(true, Ordering::Acquire);
        (!taken).then(|| Turning { guest: Arc::clone(guest) })
    }

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
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Turning ===

impl Turning {
    /// Drops what a call was in, and makes a spare where there is none.
    pub(crate) async fn finish(self, used: Store<GuestState>) {
        drop(used);
        if !self.guest.shelf().is_empty() {
            return;
        }
        if let Err(error) = self.guest.make_spare().await {
            // The next call makes its own, and says what is wrong.
            tracing::debug!(%error, "no spare could be made");
        }
    }
}

impl Drop for Turning {
    fn drop(&mut self) {
        self.guest.shelf().turning.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
