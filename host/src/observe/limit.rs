//! The bounds of the server, and how often each was met.
//!
//! Counted by `serve` where a request is refused or ended for one of them. A bound that is met is no defect: it is what
//! keeps the others answered.

use std::sync::atomic::{AtomicU64, Ordering};

use mlhost_nn::NnError;
use mlhost_sandbox::{Budget, SandboxError};

use crate::app::PredictError;
use crate::passthrough::PassthroughError;

/// A bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Requests in models at one time.
    Requests,
    /// The same of one model, as its bundle says.
    ModelRequests,
    /// Calls that wait for a graph.
    Queue,
    /// Sandboxes at one time.
    Sandboxes,
    /// One request's body.
    Body,
    /// All bodies together.
    Bodies,
    /// The fewest bytes a second of a body.
    BodyRate,
    /// One request's time.
    Time,
    /// A guest's memory.
    GuestMemory,
    /// A guest's tables.
    GuestTable,
    /// A guest's stack.
    GuestStack,
    /// Bytes between a guest and the host.
    GuestData,
    /// Connections at one time.
    Connections,
    /// Requests of one caller in a time.
    Rate,
}

/// How often each was met.
#[derive(Debug, Default)]
pub struct LimitCounts {
    counts: [AtomicU64; Limit::ALL.len()],
}

// === impl Limit ===

impl Limit {
    /// Every bound, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Requests,
        Self::ModelRequests,
        Self::Queue,
        Self::Sandboxes,
        Self::Body,
        Self::Bodies,
        Self::BodyRate,
        Self::Time,
        Self::GuestMemory,
        Self::GuestTable,
        Self::GuestStack,
        Self::GuestData,
        Self::Connections,
        Self::Rate,
    ];

    /// What metrics call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::ModelRequests => "model_requests",
            Self::Queue => "queue",
            Self::Sandboxes => "sandboxes",
            Self::Body => "body",
            Self::Bodies => "bodies",
            Self::BodyRate => "body_rate",
            Self::Time => "time",
            Self::GuestMemory => "guest_memory",
            Self::GuestTable => "guest_table",
            Self::GuestStack => "guest_stack",
            Self::GuestData => "guest_data",
            Self::Connections => "connections",
            Self::Rate => "rate",
        }
    }

    /// The bound that a prediction failed on, where it was one.
    #[must_use]
    pub fn of(error: &PredictError) -> Option<Self> {
        match error {
            PredictError::Sandbox(SandboxError::Exhausted { budget, .. }) => Some(match budget {
                Budget::Memory => Self::GuestMemory,
                Budget::Table => Self::GuestTable,
                Budget::Stack => Self::GuestStack,
                Budget::Data => Self::GuestData,
            }),
            PredictError::Sandbox(SandboxError::Deadline) => Some(Self::Time),
            PredictError::Sandbox(SandboxError::Overloaded(_)) => Some(Self::Sandboxes),
            PredictError::Sandbox(SandboxError::Graph(error))
            | PredictError::Passthrough(PassthroughError::Graph(error)) => match error {
                NnError::QueueFull => Some(Self::Queue),
                NnError::Deadline => Some(Self::Time),
                _ => None,
            },
            _ => None,
        }
    }
}

// === impl LimitCounts ===

impl LimitCounts {
    /// It was met.
    pub fn hit(&self, limit: Limit) {
        if let Some(count) = self.counts.get(limit as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every bound, and how often it was met.
    pub fn all(&self) -> impl Iterator<Item = (Limit, u64)> {
        Limit::ALL.into_iter().zip(&self.counts).map(|(limit, count)| (limit, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_has_its_own_count() {
        let counts = LimitCounts::default();
        for (position, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, position, "{limit:?}");
            (0..=position).for_each(|_| counts.hit(limit));
        }
        assert!(counts.all().enumerate().all(|(position, (_, count))| count == position as u64 + 1));
    }
}
