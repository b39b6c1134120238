//! What a guest may reach through its imports: its bundle's graphs and artifacts. Made by host at start, shared by
//! every call, read only.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlhost_nn::Graphs;

/// The same for every call of a guest, and shared as one: what each call counts, the other cores have to hear of.
pub(crate) struct GuestResources {
    /// How the log calls the guest.
    pub(crate) name: Arc<str>,
    /// Graphs by name.
    pub(crate) graphs: Graphs,
    /// Artifacts by name.
    pub(crate) artifacts: BTreeMap<String, Vec<u8>>,
}
