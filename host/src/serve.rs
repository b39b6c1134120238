//! The HTTP server: [`server`] accepts, [`handler`] answers, [`body`] bounds what is read.
//!
//! Called by `cli::serve` with a loaded [`crate::app::App`]. The only part of mlhost that knows HTTP.

pub mod body;
pub mod handler;
pub mod server;
mod worker;
