//! The grammar of model URIs without the rest of `mlhost-registry`: the same files, compiled by themselves so that a fuzz
//! target needs no HTTP client. Never holds code of its own.

#![allow(dead_code, unreachable_pub, reason = "the files belong to a package that uses all of them")]

#[path = "../../host/registry/src/archive/format.rs"]
mod format;
#[path = "../../host/registry/src/error.rs"]
mod error;
#[path = "../../host/registry/src/secret.rs"]
mod secret;
#[path = "../../host/registry/src/uri.rs"]
mod uri;

mod archive {
    pub(crate) use crate::format::Format;
}

pub use error::RegistryError;
pub use secret::Address;
pub use uri::{ModelUri, Which};

/// A stand-in for the link in the documentation of `uri.rs`.
pub struct Registry;
