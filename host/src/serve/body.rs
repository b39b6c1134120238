//! Reads request bodies within two bounds: one body's size, and all bodies' sizes together.
//!
//! Called by `serve::handler`. The second bound is what keeps many slow uploads from filling the memory: a request
//! holds a sandbox permit only once its body is there, so permits do not bound bodies.

use std::sync::atomic::{AtomicUsize, Ordering};

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

    /// Reads a whole body of at most `limit` bytes, which is also the most that it unfolds to where it comes compressed.
    ///
    /// # Errors
    ///
    /// A fault: too large, no room for it now, not what it is said to be, or broken off by the client.
    pub(crate) async fn read_coded(
        &self,
        body: Incoming,
        coding: Option<Coding>,
        limit: usize,
    ) -> Result<HeldBody<'_>, Fault> {
        let held = self.read(body, limit).await?;
        match coding {
            None => Ok(held),
            Some(coding) => held.unfolded(coding, limit).await,
        }
    }

    /// Reads a whole body of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// A fault: too large, no room for it now, or broken off by the client.
    pub async fn read(&self, mut body: Incoming, limit: usize) -> Result<HeldBody<'_>, Fault> {
        let mut held = HeldBody { bytes: Vec::new(), held: Held { budget: self, bytes: 0 } };
        // Refused before it is read, where the client says how large it is.
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large(limit));
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Fault::new(FaultKind::BadInput, "the request body broke off").with_detail(error.to_string())
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if held.held.bytes.saturating_add(data.len()) > limit {
                return Err(too_large(limit));
            }
            held.held.take(data.len())?;
            held.bytes.push(data);
        }
        Ok(held)
    }
}

fn too_large(limit: usize) -> Fault {
    let public = format!("the request body is larger than {limit} bytes; send fewer rows at a time");
    Fault::new(FaultKind::TooLarge, public)
}

// === impl HeldBody ===

impl<'a> HeldBody<'a> {
    /// What the body holds where it is compressed, of at most `limit` bytes. Others get their turn meanwhile.
    ///
    /// # Errors
    ///
    /// A fault: too large, no room for it now, or not what it is said to be.
    pub(crate) async fn unfolded(self, coding: Coding, limit: usize) -> Result<HeldBody<'a>, Fault> {
        let mut held = HeldBody { bytes: Vec::new(), held: Held { budget: self.held.budget, bytes: 0 } };
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
            held.held.take(piece.len())?;
            held.bytes.push(piece);
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
