//! mlhost-registry: from a model URI to a verified local directory.
//!
//! `host` reads what `-m` was given into a [`ModelUri`], has a [`Registry`] say what it points at ([`Registry::resolve`]) and
//! bring its files ([`Registry::fetch`]), and opens the directory as a bundle. The only package that speaks to MLflow's
//! servers and to object stores. It knows nothing of bundles but that a model has a file `MLmodel`, never runs anything, and
//! believes no server: names, sizes and digests are checked before a file is taken.

mod archive;
mod cache;
mod checksum;
mod download;
mod error;
mod fetching;
mod file_store;
mod http;
mod location;
mod manifest;
mod missing;
mod name;
mod objects;
mod progress;
mod registry;
mod rest;
mod secret;
mod settings;
mod source;
mod store;
mod uri;

pub use error::RegistryError;
pub use objects::{Object, Objects};
pub use progress::{Progress, Silent};
pub use registry::{ModelFolder, Pinned, Registry};
pub use secret::{Address, Secret};
pub use settings::{Bounds, Retry, Settings};
pub use uri::{ModelUri, Which};
