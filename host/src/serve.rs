//! The HTTP server: [`server`] accepts, [`handler`] answers, [`body`] bounds what is read.
//!
//! Called by `cli::serve` with a [`crate::deployment::Deployment`]. The only part of mlhost that serves HTTP.

pub mod body;
pub mod handler;
pub mod server;
mod status;
mod worker;
