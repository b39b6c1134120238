//! What the fuzz targets do with their bytes, one function a target. `fuzz/fuzz_targets` hands them libFuzzer's inputs;
//! `tests/it/fuzzed/regressions.rs` compiles the same files and replays the inputs that once found something. A body panics
//! where something is wrong and has no other outcome; it never depends on time, chance or earlier inputs.

mod bundle;
mod encode;
mod grpc;
mod interfaces;
mod mlflow;
mod model_uri;
mod platforms;
mod signature;
mod v2;

/// A target's name and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target: the same names as in `fuzz/fuzz_targets`, `fuzz/dictionaries` and `fuzz/regressions`.
pub const TARGETS: [Target; 16] = [
    ("azureml", platforms::azureml),
    ("bundle", bundle::bundle),
    ("encode", encode::encode),
    ("grpc", grpc::infer),
    ("kserve", platforms::kserve),
    ("mlflow_csv", mlflow::csv),
    ("mlflow_json", mlflow::json),
    ("mlflow_parquet", mlflow::parquet),
    ("model_uri", model_uri::model_uri),
    ("sagemaker", platforms::sagemaker),
    ("seldon", platforms::seldon),
    ("signature", signature::signature),
    ("v2_binary", v2::binary),
    ("v2_json", v2::json),
    ("v2_tensor", v2::tensor),
    ("vertex", platforms::vertex),
];

/// Hands `data` to the target of this name.
///
/// # Panics
///
/// Where there is no such target, or `data` finds something.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, body) = target.unwrap_or_else(|| panic!("there is no fuzz target `{name}`"));
    body(data);
}
