//! The HTTP server: [`server`] accepts, [`handler`] finds the route, the protocols answer by way of `prediction`,
//! [`body`] bounds what is read, `report` tells operators, [`admin`] is their own port.
//!
//! Called by `cli::serve` with a [`crate::catalog::Catalog`]. The only part of mlhost that serves HTTP.

mod activity;
pub mod admin;
pub mod body;
mod compression;
mod connection;
pub mod cors;
mod exchange;
pub mod handler;
mod identifier;
mod noted;
mod openapi;
mod permits;
mod prediction;
mod protocol;
mod report;
mod response;
mod room;
mod routes;
mod scope;
pub mod server;
mod shadow;
mod status;
pub mod table;
mod worker;
