//! libFuzzer's way into the target `mlflow_parquet`. The library that reads the format panics at some damaged files, which the
//! dialect catches: so a panic in there is no finding, unlike one that reaches libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|panic| {
        if !panic.location().is_some_and(|place| place.file().contains("/parquet-")) {
            eprintln!("{panic}");
        }
    })),
    |data: &[u8]| mlhost_fuzz::run("mlflow_parquet", data)
);
