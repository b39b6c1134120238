//! What the catalog hands over to the thread that loads: orders, each with the place where its answer is awaited.
//!
//! Made by [`super::Catalog`], carried out by `loader`. A request's own thread never loads.

use mlhost_wire::fault::Fault;
use tokio::sync::oneshot;

/// A model that somebody wants loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is to be called.
    pub name: String,
    /// A directory or a model URI; without one it is the repository's model of that name.
    pub from: Option<String>,
    /// Whether one that is loaded already is loaded anew; else that is a conflict.
    pub again: bool,
}

/// One thing to do.
#[derive(Debug)]
pub enum Order {
    /// Load a model, all versions that are to be served.
    Load(Wanted, oneshot::Sender<Result<(), Fault>>),
    /// Unload a model, all its versions.
    Unload(String, oneshot::Sender<Result<(), Fault>>),
    /// Bring back a model that was unloaded for want of memory; nobody waits.
    Wake(String),
}
