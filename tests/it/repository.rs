//! A server of several models: its repository, what clients load and unload, versions, and the memory that there is.

mod folder;
mod loads;
mod memory;
mod routed;
mod versions;

use folder::{Folder, status_of};
