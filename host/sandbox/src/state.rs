//! What one call's instance carries: its limiter, its log, what the host holds for it. Made by `guest.rs` for each
//! call and dropped with the instance; nothing in it outlives the call.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{HasSelf, ResourceTable};

use crate::error::{Budget, SandboxError};
use crate::journal::Journal;
use crate::limits::{GuestLimiter, Limits};
use crate::resources::GuestResources;
use crate::spent::Outside;
use crate::wasi::WasiState;

/// What a held resource costs besides its bytes, so that empty ones are not free.
const RESOURCE_COST: usize = 256;

/// The data of a call's store.
pub(crate) struct GuestState {
    pub(crate) limiter: GuestLimiter,
    pub(crate) journal: Journal,
    pub(crate) resources: Arc<GuestResources>,
    /// wasi:nn's tensors, graphs and errors.
    pub(crate) table: ResourceTable,
    /// When the call must have ended.
    pub(crate) deadline: Instant,
    /// Present where the component imports WASI.
    pub(crate) wasi: Option<Box<WasiState>>,
    /// Whether the guest has asked anything of a graph: what it knows then is not the component's and artifacts' alone.
    pub(crate) reached_graph: bool,
    /// What the host did for the guest so far.
    pub(crate) outside: Outside,
    data_left: usize,
}

/// The imports' host traits are implemented on [`GuestState`] itself.
pub(crate) type Host = HasSelf<GuestState>;

// === impl GuestState ===

impl GuestState {
    pub(crate) fn new(limits: &Limits, resources: Arc<GuestResources>, deadline: Instant) -> Self {
        Self {
            limiter: GuestLimiter::new(limits),
            journal: Journal::new(resources.name.clone(), limits.log_bytes),
            resources,
            table: ResourceTable::new(),
            deadline,
            wasi: None,
            reached_graph: false,
            outside: Outside::default(),
            data_left: limits.data_bytes,
        }
    }

    /// Whether the host holds anything under a handle that the guest may still have.
    pub(crate) fn holds_handles(&self) -> bool {
        !self.table.is_empty() || self.wasi.as_ref().is_some_and(|wasi| wasi.holds_handles())
    }

    /// Counts `bytes` that the host holds for the guest until [`Self::release`].
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), SandboxError> {
        match self.data_left.checked_sub(bytes.saturating_add(RESOURCE_COST)) {
            Some(left) => {
                self.data_left = left;
                Ok(())
            }
            None => Err(SandboxError::Exhausted {
                budget: Budget::Data,
                detail: "the host holds as many bytes of tensors for this call as it may".to_owned(),
            }),
        }
    }

    /// Takes back what [`Self::hold`] counted.
    pub(crate) fn release(&mut self, bytes: usize) {
        self.data_left = self.data_left.saturating_add(bytes.saturating_add(RESOURCE_COST));
    }
}
