//! libFuzzer's way into the target `grpc`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mlhost_fuzz::run("grpc", data));
