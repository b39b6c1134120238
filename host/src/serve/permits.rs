//! The requests that may be in models at one time, and what of that room is lent to shadows.
//!
//! `serve::prediction` takes one for each request, at once or not at all; `serve::shadow` borrows one only while more than
//! half of them are free, and a request that finds none left has a borrowed one back. So no request is refused for a
//! shadow's sake.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// All of them.
pub(crate) struct Permits {
    free: Arc<Semaphore>,
    size: usize,
    /// What shadows have, the latest last. Nothing is lent or given back but under this lock.
    loans: Mutex<Vec<Loan>>,
}

/// A request's own, until this is dropped.
pub(crate) struct Permit<'p> {
    _free: Option<SemaphorePermit<'p>>,
    _recalled: Option<OwnedSemaphorePermit>,
}

/// A shadow's, until this is dropped or it is recalled.
pub(crate) struct Lent {
    permits: Arc<Permits>,
    recalled: Arc<Notify>,
}

struct Loan {
    permit: OwnedSemaphorePermit,
    recalled: Arc<Notify>,
}

// === impl Permits ===

impl Permits {
    pub(crate) fn new(size: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(size)), size, loans: Mutex::default() }
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.size.saturating_sub(self.free.available_permits())
    }

    /// One for a request; `None` where all are other requests'.
    pub(crate) fn enter(&self) -> Option<Permit<'_>> {
        self.enter_free().or_else(|| {
            let mut loans = self.loans();
            match loans.pop() {
                Some(Loan { permit, recalled }) => {
                    recalled.notify_one();
                    Some(Permit { _free: None, _recalled: Some(permit) })
                }
                // A shadow may have given one back meanwhile.
                None => self.enter_free(),
            }
        })
    }

    /// One for the shadow of a request that has been answered and has its own still; `None` where there is not enough room
    /// to spare.
    pub(crate) fn lend(self: &Arc<Self>) -> Option<Lent> {
        let mut loans = self.loans();
        // The request's own is as good as free.
        if (self.free.available_permits() + 1) * 2 <= self.size {
            return None;
        }
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let recalled = Arc::new(Notify::new());
        loans.push(Loan { permit, recalled: Arc::clone(&recalled) });
        Some(Lent { permits: Arc::clone(self), recalled })
    }

    fn enter_free(&self) -> Option<Permit<'_>> {
        self.free.try_acquire().ok().map(|permit| Permit { _free: Some(permit), _recalled: None })
    }

    fn loans(&self) -> MutexGuard<'_, Vec<Loan>> {
        // Nothing under the lock leaves it half changed.
        self.loans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lent ===

impl Lent {
    /// Ends when a request needs it: the shadow has nothing any more.
    pub(crate) async fn recalled(&self) {
        self.recalled.notified().await;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.permits.loans().retain(|loan| !Arc::ptr_eq(&loan.recalled, &self.recalled));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_shadow_has_room_only_while_more_than_half_is_free() {
        let permits = Arc::new(Permits::new(8));
        let own = permits.enter().unwrap();
        // The request's own counts as free: 4 of the others and that one are more than half.
        let others: Vec<_> = (0..3).map(|_| permits.enter().unwrap()).collect();
        let lent = permits.lend().unwrap();
        assert_eq!(permits.taken(), 5);
        assert!(permits.lend().is_none());
        drop(others);
        assert!(permits.lend().is_some());
        drop((lent, own));
        assert_eq!((permits.taken(), permits.loans().len()), (0, 0));
    }

    #[test]
    fn a_shadow_never_takes_room_from_requests() {
        let permits = Arc::new(Permits::new(8));
        let own = permits.enter();
        let lent: Vec<_> = std::iter::from_fn(|| permits.lend()).collect();
        assert_eq!(lent.len(), 4);
        drop(own);
        let requests: Vec<_> = (0..8).map(|_| permits.enter().unwrap()).collect();
        assert!(permits.enter().is_none(), "all are requests' now");
        assert!(lent.iter().all(|lent| lent.recalled().now_or_never().is_some()), "each is told");
        drop(lent);
        assert!(permits.enter().is_none(), "what was recalled is not given back twice");
        drop(requests);
        assert_eq!(permits.taken(), 0);
    }

    #[test]
    fn where_there_is_room_for_one_request_no_shadow_is_asked() {
        let permits = Arc::new(Permits::new(1));
        let own = permits.enter();
        assert!(own.is_some() && permits.lend().is_none());
    }

    #[test]
    fn whatever_threads_do_no_permit_is_lost_and_no_request_is_refused_for_a_shadow() {
        let permits = Arc::new(Permits::new(4));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5000 {
                        // As many threads as there are permits.
                        let own = permits.enter();
                        let lent = permits.lend();
                        assert!(own.is_some(), "refused for a shadow");
                        drop(own);
                        drop(lent);
                    }
                });
            }
        });
        assert_eq!((permits.taken(), permits.loans().len()), (0, 0));
    }
}
