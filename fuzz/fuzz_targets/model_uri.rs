//! libFuzzer's way into the target `model_uri`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mlhost_fuzz::run("model_uri", data));
