//! mlhost-bundle: from a model directory to a checked [`Bundle`].
//!
//! `host` opens a bundle once at start and hands its graphs to `nn` and its component to `sandbox`. A model
//! directory is what MLflow writes: a file `MLmodel` and whatever it names. Fetching a directory from a model URI
//! is a step before [`Bundle::open`] and `mlhost-registry`'s; nothing from `open` on needs to know where the directory
//! came from. Never runs a model, never looks outside the directory, never trusts its content.

mod bundle;
mod conversion;
mod directory;
mod error;
mod grant;
mod media_type;
mod model_file;
pub mod quantity;
mod signature;

pub use bundle::{Artifact, Batching, Bundle, Checked, GraphSource, Limits};
pub use error::{BundleError, Position};
pub use grant::{Grant, granted};
