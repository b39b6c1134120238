//! Generates messages and service from `proto/inference.proto`, whenever that changes.

use std::error::Error;

const SOURCE: &str = "proto/inference.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let files = protox::compile([SOURCE], ["proto"])?;
    tonic_prost_build::configure().build_client(false).build_transport(false).compile_fds(files)?;
    Ok(())
}
