//! The HTTP server: [`server`] accepts, [`handler`] finds the route, the protocols answer by way of [`prediction`],
//! [`body`] bounds what is read, [`report`] tells operators, [`admin`] is their own port.
//!
//! Called by `cli::serve` with a [`crate::catalog::Catalog`]. The only part of mlhost that serves HTTP.

pub mod admin;
pub mod body;
mod connection;
mod exchange;
pub mod handler;
mod prediction;
mod protocol;
mod report;
mod response;
mod routes;
pub mod server;
mod status;
mod worker;
