//! What model URIs are read with: MLflow's own variables, and those of the object stores.

use std::path::PathBuf;

use mlhost_registry::{Secret, Settings};

use super::{ConfigError, Environment, VARIABLES, cache_dir};

/// The folder of downloaded models in the cache folder.
const MODELS_FOLDER: &str = "models";

/// The object stores' variables among [`VARIABLES`].
const BUCKETS: [&str; 4] = ["AWS_", "AZURE_", "GOOGLE_", "MLFLOW_S3_"];

/// Where MLflow is, who we are to it, and where downloaded models are kept.
///
/// # Errors
///
/// [`ConfigError::Variable`] names the variable that cannot be used; never one with a secret in it.
pub fn registry_settings(environment: Environment<'_>) -> Result<Settings, ConfigError> {
    let text = |name: &str| {
        let value = environment(name).filter(|value| !value.is_empty())?;
        Some(value.to_string_lossy().into_owned())
    };
    let secret = |name: &str| text(name).map(Secret::from);
    let path = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let bucket = VARIABLES
        .iter()
        .filter(|(name, _)| BUCKETS.iter().any(|prefix| name.starts_with(prefix)))
        .filter_map(|(name, _)| Some(((*name).to_owned(), secret(name)?)));
    Ok(Settings {
        tracking_uri: text("MLFLOW_TRACKING_URI"),
        registry_uri: text("MLFLOW_REGISTRY_URI"),
        username: text("MLFLOW_TRACKING_USERNAME"),
        password: secret("MLFLOW_TRACKING_PASSWORD"),
        token: secret("MLFLOW_TRACKING_TOKEN"),
        insecure_tls: flag("MLFLOW_TRACKING_INSECURE_TLS", text("MLFLOW_TRACKING_INSECURE_TLS"))?,
        server_certificates: path("MLFLOW_TRACKING_SERVER_CERT_PATH"),
        client_certificate: path("MLFLOW_TRACKING_CLIENT_CERT_PATH"),
        bucket: bucket.collect(),
        cache: cache_dir(environment).map(|cache| cache.join(MODELS_FOLDER)),
        ..Settings::default()
    })
}

/// MLflow's booleans: `true`, `false`, `1` and `0` in any case.
fn flag(name: &'static str, value: Option<String>) -> Result<bool, ConfigError> {
    let Some(value) = value else { return Ok(false) };
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(ConfigError::Variable { name, value, reason: "`true` or `false`".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn what_mlflow_and_the_object_stores_are_told_reaches_the_registry() {
        let pairs = [
            ("MLFLOW_TRACKING_URI", "http://host:5000"),
            ("MLFLOW_TRACKING_PASSWORD", "hunter2"),
            ("MLFLOW_TRACKING_INSECURE_TLS", "True"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("MLFLOW_S3_ENDPOINT_URL", "http://host:9000"),
            ("MLHOST_CACHE_DIR", "/cache"),
            ("AWS_UNKNOWN", "x"),
        ];
        let environment = |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let settings = registry_settings(&environment).unwrap();
        assert_eq!(settings.tracking_uri.as_deref(), Some("http://host:5000"));
        assert!(settings.insecure_tls && settings.username.is_none());
        assert_eq!(settings.cache, Some(PathBuf::from("/cache/models")));
        let bucket: Vec<_> = settings.bucket.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(bucket, ["MLFLOW_S3_ENDPOINT_URL", "AWS_SECRET_ACCESS_KEY"]);
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn a_flag_that_is_neither_is_refused_by_name() {
        let environment =
            |name: &str| (name == "MLFLOW_TRACKING_INSECURE_TLS").then(|| OsString::from("maybe"));
        let error = registry_settings(&environment).unwrap_err().to_string();
        assert!(error.contains("MLFLOW_TRACKING_INSECURE_TLS"), "{error}");
    }
}
