//! Which platform the environment speaks of.
//!
//! Called by [`super::PlatformConfig::new`] for `--platform auto`. A variable counts where only that platform sets it; a folder
//! only where no flag names the model, because then the platform has to.

use std::path::Path;

use serde_json::Value;

use super::{MOUNTED_MODEL, Platform, SAGEMAKER_MODEL, Surroundings};
use crate::config::first;

/// Variables that only the platform itself sets.
const SIGNS: [(Platform, &[&str]); 4] = [
    (
        Platform::Seldon,
        &["PREDICTIVE_UNIT_ID", "PREDICTIVE_UNIT_HTTP_SERVICE_PORT", "PREDICTIVE_UNIT_SERVICE_PORT"],
    ),
    (
        Platform::Vertex,
        &["AIP_HTTP_PORT", "AIP_PREDICT_ROUTE", "AIP_HEALTH_ROUTE", "AIP_STORAGE_URI", "AIP_MODE"],
    ),
    (Platform::AzureMl, &["AZUREML_MODEL_DIR", "AZUREML_ENTRY_SCRIPT"]),
    (
        Platform::SageMaker,
        &[
            "SAGEMAKER_BIND_TO_PORT",
            "SAGEMAKER_SAFE_PORT_RANGE",
            "SAGEMAKER_MULTI_MODEL",
            "SAGEMAKER_PROGRAM",
        ],
    ),
];

/// The platform; none in particular where nothing speaks of one.
pub(super) fn platform(around: Surroundings<'_>, has_model: bool) -> Platform {
    let found = SIGNS.iter().find(|(_, names)| first(around.environment, names).is_some());
    if let Some((platform, _)) = found {
        return *platform;
    }
    let folders = [(SAGEMAKER_MODEL, Platform::SageMaker), (MOUNTED_MODEL, Platform::Kserve)];
    let mut folders = folders.into_iter().filter(|(folder, _)| (around.has_folder)(Path::new(folder)));
    match folders.next() {
        Some((_, platform)) if !has_model => platform,
        _ => Platform::Mlflow,
    }
}

/// Where Seldon's parameters, `[{"name", "value", "type"}, …]`, say the model is.
///
/// # Errors
///
/// What they have to look like.
pub(super) fn model_uri(parameters: &str) -> Result<Option<String>, String> {
    let parameters: Vec<Value> = serde_json::from_str(parameters)
        .map_err(|error| format!("it is to be a JSON list of parameters: {error}"))?;
    let named = parameters.iter().find(|parameter| parameter["name"] == "model_uri");
    Ok(named.and_then(|parameter| parameter["value"].as_str()).map(str::to_owned))
}
