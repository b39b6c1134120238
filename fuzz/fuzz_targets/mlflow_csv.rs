//! libFuzzer's way into the target `mlflow_csv`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mlhost_fuzz::run("mlflow_csv", data));
