//! Generates messages from `proto/*.proto`, whenever those change.

use std::error::Error;

const SOURCES: [&str; 2] = ["proto/inference.proto", "proto/health.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(SOURCES, ["proto"])?;
    let mut config = prost_build::Config::new();
    // Bytes are shared with the body that they came in, and parameters are in the order of their names.
    config.bytes(["."]).btree_map(["."]);
    config.compile_fds(files)?;
    Ok(())
}
