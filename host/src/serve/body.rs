//! Reads request bodies within three bounds: one body's size, all bodies' sizes together, and how slowly one may come.
//!
//! Called by `serve::prediction`. The second bound is what keeps many slow uploads from filling the memory: a request
//! holds a sandbox permit only once its body is there, so permits do not bound bodies. The third is what keeps them from
//! holding on to connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Incoming};
use mlhost_wire::fault::{Fault, FaultKind};

use crate::fault;
use crate::serve::compression::{Coding, TURN};

/// Bytes of all bodies that may be in memory at one time.
#[derive(Debug)]
pub struct BodyBudget {
    left: AtomicUsize,
}

/// How much one body may be, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// The most bytes.
    pub bytes: usize,
    /// When the request's time is up.
    pub deadline: Instant,
    /// The fewest bytes a second, after a while in which any number will do; 0 for no such bound.
    pub least_rate: u32,
}

/// How long a body may come as slowly as it likes: a client may be busy, and so may the network.
const RATE_GRACE: Duration = Duration::from_secs(5);

/// A body, and its share of the budget until it is dropped.
pub struct HeldBody<'a> {
    bytes: Vec<Bytes>,
    held: Held<'a>,
}

struct Held<'a> {
    budget: &'a BodyBudget,
    bytes: usize,
}

// === impl BodyBudget ===

impl BodyBudget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { left: AtomicUsize::new(bytes) }
    }

    /// Bytes that there is still room for.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    /// Reads a whole body within `limits`, whose size is also the most that it unfolds to where it comes compressed.
    ///
    /// # Errors
    ///
    /// A fault: too large, too slow, no room for it now, not what it is said to be, or broken off by the client.
    pub(crate) async fn read_coded(
        &self,
        body: Incoming,
        coding: Option<Coding>,
        limits: BodyLimits,
    ) -> Result<HeldBody<'_>, Fault> {
        let held = self.read(body, limits).await?;
        match coding {
            None => Ok(held),
            Some(coding) => {
                let unfolding = held.unfolded(coding, limits.bytes);
                tokio::time::timeout_at(limits.deadline.into(), unfolding)
                    .await
                    .map_err(|_| fault::deadline())?
            }
        }
    }

    /// Reads a whole body within `limits`.
    ///
    /// # Errors
    ///
    /// A fault: too large, too slow, no room for it now, or broken off by the client.
    pub async fn read(&self, mut body: Incoming, limits: BodyLimits) -> Result<HeldBody<'_>, Fault> {
        let mut held = self.hold();
        let limit = limits.bytes;
        // Refused before it is read, where the client says how large it is.
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large(limit));
        }
        let start = Instant::now();
        loop {
            let patience = limits.patience(start, held.held.bytes);
            let frame = tokio::time::timeout_at(patience.into(), body.frame());
            let Some(frame) = frame.await.map_err(|_| limits.out_of_time(patience))? else { break };
            let frame = frame.map_err(|error| {
                Fault::new(FaultKind::BadInput, "the request body broke off").with_detail(error.to_string())
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if held.held.bytes.saturating_add(data.len()) > limit {
                return Err(too_large(limit));
            }
            held.push(data)?;
        }
        Ok(held)
    }

    /// An empty body, to be filled bit by bit.
    pub(crate) fn hold(&self) -> HeldBody<'_> {
        HeldBody { bytes: Vec::new(), held: Held { budget: self, bytes: 0 } }
    }
}

// === impl BodyLimits ===

impl BodyLimits {
    /// Until when the next bytes must be there, if `bytes` of a body that began at `start` are.
    fn patience(&self, start: Instant, bytes: usize) -> Instant {
        if self.least_rate == 0 {
            return self.deadline;
        }
        let due = Duration::from_secs_f64(bytes as f64 / f64::from(self.least_rate));
        (start + RATE_GRACE + due).min(self.deadline)
    }

    fn out_of_time(&self, patience: Instant) -> Fault {
        if patience >= self.deadline {
            return fault::deadline();
        }
        let public = format!("the request body came more slowly than {} bytes a second", self.least_rate);
        Fault::new(FaultKind::TooSlow, public)
    }
}

/// A body of more than `limit` bytes.
pub(crate) fn too_large(limit: usize) -> Fault {
    let public = format!("the request body is larger than {limit} bytes; send fewer rows at a time");
    Fault::new(FaultKind::TooLarge, public)
}

// === impl HeldBody ===

impl<'a> HeldBody<'a> {
    /// Takes in more of it.
    ///
    /// # Errors
    ///
    /// Where there is no room for it now.
    pub(crate) fn push(&mut self, bytes: Bytes) -> Result<(), Fault> {
        self.held.take(bytes.len())?;
        self.bytes.push(bytes);
        Ok(())
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.bytes.iter().map(Bytes::len).sum()
    }

    /// Its first bytes, which are no longer part of it; `None` where it has fewer.
    pub(crate) fn take_prefix<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut prefix = [0; N];
        let mut missing = prefix.as_mut_slice();
        for piece in &mut self.bytes {
            let taken = piece.split_to(piece.len().min(missing.len()));
            let (filled, rest) = std::mem::take(&mut missing).split_at_mut(taken.len());
            filled.copy_from_slice(&taken);
            missing = rest;
        }
        let is_whole = missing.is_empty();
        self.bytes.retain(|piece| !piece.is_empty());
        is_whole.then_some(prefix)
    }

    /// What the body holds where it is compressed, of at most `limit` bytes. Others get their turn meanwhile.
    ///
    /// # Errors
    ///
    /// A fault: too large, no room for it now, or not what it is said to be.
    pub(crate) async fn unfolded(self, coding: Coding, limit: usize) -> Result<HeldBody<'a>, Fault> {
        let mut held = self.held.budget.hold();
        let mut unfolding = coding.unfold(&self.bytes);
        loop {
            let left = limit.saturating_sub(held.held.bytes);
            // One more than there may be: where it comes, there is too much.
            let piece = unfolding.next(left.saturating_add(1).min(TURN))?;
            if piece.is_empty() {
                break;
            }
            if piece.len() > left {
                return Err(too_large(limit));
            }
            held.push(piece)?;
            tokio::task::yield_now().await;
        }
        Ok(held)
    }

    /// The body in one piece: as it was read where it came in one frame, which small ones do.
    #[must_use]
    pub fn contiguous(&self) -> Bytes {
        match self.bytes.as_slice() {
            [] => Bytes::new(),
            [only] => only.clone(),
            several => several.concat().into(),
        }
    }
}

// === impl Held ===

impl Held<'_> {
    fn take(&mut self, bytes: usize) -> Result<(), Fault> {
        self.budget
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes))
            .map_err(|_| fault::overloaded().with_detail("the budget for request bodies is used up"))?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_a_while_and_then_must_keep_up_its_rate_and_the_deadline_is_the_end() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let limits = BodyLimits { bytes: 1 << 20, deadline: after(60), least_rate: 100 };
        assert_eq!(limits.patience(start, 0), after(5));
        assert_eq!(limits.patience(start, 1000), after(15));
        assert_eq!(limits.patience(start, 1 << 20), after(60));
        assert_eq!(BodyLimits { least_rate: 0, ..limits }.patience(start, 0), after(60));
        assert_eq!(limits.out_of_time(after(15)).kind, FaultKind::TooSlow);
        assert_eq!(limits.out_of_time(after(60)).kind, FaultKind::Deadline);
    }

    #[test]
    fn what_a_body_held_comes_back_when_it_is_dropped() {
        let budget = BodyBudget::new(10);
        let mut first = Held { budget: &budget, bytes: 0 };
        first.take(6).unwrap();
        let mut second = Held { budget: &budget, bytes: 0 };
        assert_eq!(second.take(6).unwrap_err().kind, FaultKind::Overloaded);
        drop(first);
        second.take(6).unwrap();
        drop(second);
        assert_eq!(budget.left.load(Ordering::Relaxed), 10);
    }
}
