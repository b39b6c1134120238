//! mlhost-wire: what travels between a client and a model, and how it is spelled in bytes.
//!
//! [`values`] are the tables, tensors and calls that every dialect meets in; [`signature`] is what a model says
//! it takes; a [`dialect`] turns bytes into a [`values::Call`] and a [`values::Reply`] into bytes; [`fault`] is
//! what goes wrong; a [`parquet_file`] is what predictions are kept in. Pure: no I/O, no clock, no threads, no
//! knowledge of HTTP servers, wasmtime or ONNX Runtime.

pub mod dialect;
pub mod fault;
pub mod parquet_file;
pub mod signature;
pub mod values;
