//! What one call of a guest may use. `config.rs` in host fills [`Limits`] from operator and bundle; wasmtime asks
//! [`GuestLimiter`] before memory or a table grows.

use wasmtime::ResourceLimiter;

use crate::error::Budget;

/// The budget of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of all of the component's modules together, in bytes.
    pub memory_bytes: usize,
    /// Elements of each of its tables.
    pub table_elements: usize,
    /// Bytes that the guest may hand to the host in one call, and the host may hold for it at one time. Without
    /// it one guest of 64 MiB can make the host copy 10 GB, by a list whose elements all point at the same bytes.
    pub data_bytes: usize,
    /// Bytes of log text a call may write, its standard output and error included.
    pub log_bytes: usize,
}

/// Grants or refuses growth, and remembers a refusal: the trap that follows it says only `unreachable`.
#[derive(Debug)]
pub(crate) struct GuestLimiter {
    memory_bytes: usize,
    memory_left: usize,
    table_elements: usize,
    pub(crate) refused: Option<Budget>,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 64 << 20, table_elements: 1 << 16, data_bytes: 32 << 20, log_bytes: 64 << 10 }
    }
}

// === impl GuestLimiter ===

impl GuestLimiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes: limits.memory_bytes,
            memory_left: limits.memory_bytes,
            table_elements: limits.table_elements,
            refused: None,
        }
    }

    /// What all memories have together: linear memory never shrinks, so it is the most they had.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes.saturating_sub(self.memory_left)
    }
}

impl ResourceLimiter for GuestLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        match self.memory_left.checked_sub(more) {
            Some(left) => {
                self.memory_left = left;
                // Guests first ask for more than they need; one that was then content with less is not out of memory.
                self.refused = self.refused.filter(|refused| *refused != Budget::Memory);
                Ok(true)
            }
            None => {
                self.refused = Some(Budget::Memory);
                Ok(false)
            }
        }
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.table_elements;
        if !fits {
            self.refused = Some(Budget::Table);
        }
        Ok(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_budget() {
        let mut limiter = GuestLimiter::new(&Limits { memory_bytes: 10, ..Limits::default() });
        assert!(limiter.memory_growing(0, 6, None).unwrap());
        assert!(!limiter.memory_growing(0, 6, None).unwrap());
        assert_eq!((limiter.refused, limiter.memory_bytes()), (Some(Budget::Memory), 6));
        assert!(limiter.memory_growing(6, 10, None).unwrap());
        assert_eq!((limiter.refused, limiter.memory_bytes()), (None, 10));
    }

    #[test]
    fn a_table_past_its_limit_is_refused_and_remembered() {
        let mut limiter = GuestLimiter::new(&Limits { table_elements: 4, ..Limits::default() });
        assert!(limiter.table_growing(0, 4, None).unwrap());
        assert!(!limiter.table_growing(4, 5, None).unwrap());
        assert_eq!(limiter.refused, Some(Budget::Table));
    }
}
