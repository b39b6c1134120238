//! libFuzzer's way into the target `v2_tensor`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mlhost_fuzz::run("v2_tensor", data));
