//! What is logged, changed while the server runs.
//!
//! `cli::log` makes it with the log itself; `serve::admin` reads and changes it. Knows no subscriber's type.

use std::sync::{Mutex, PoisonError};

/// Puts a filter in the place of the one before, or says what is wrong with it.
type Change = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// The log's filter, in tracing's syntax.
pub struct LogFilter {
    current: Mutex<String>,
    change: Change,
}

// === impl LogFilter ===

impl LogFilter {
    /// The filter `current`, which `change` replaces.
    #[must_use]
    pub fn new(current: String, change: Change) -> Self {
        Self { current: Mutex::new(current), change }
    }

    /// What it is now.
    #[must_use]
    pub fn current(&self) -> String {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on `filter`.
    ///
    /// # Errors
    ///
    /// What is wrong with it; the one before goes on.
    pub fn set(&self, filter: &str) -> Result<(), String> {
        // Held meanwhile, so that of two changes at one time the one that is shown is the one that counts.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (self.change)(filter)?;
        filter.clone_into(&mut current);
        Ok(())
    }
}
