//! mlhost-tables: rows out of files, predictions into files, both by way of Arrow.
//!
//! `input` makes a model's input of a record batch, `predictions` a record batch of its answer; `read` takes files apart
//! into `chunk`s of whole rows, and `write` puts batches into files that are there as a whole or not at all. Knows neither
//! models nor networks: whoever calls it brings `source`s and asks the model.

pub mod chunk;
pub mod error;
pub mod format;
pub mod input;
pub mod kept;
mod nested;
pub mod predictions;
pub mod read;
mod records;
pub mod source;
pub mod write;
