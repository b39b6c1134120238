//! MLflow's `model_config` as the environment overrides it: `SERVING_MODEL_CONFIG` and
//! `MLFLOW_PYFUNC_INFERENCE_CONFIG`.
//!
//! Called by the commands that run a model. As in MLflow only keys that the model was logged with can be overridden:
//! what else is named is said in the log and left out. Never changes a bundle.

use serde_json::{Map, Value};

use super::{ConfigError, Environment, first};

/// In MLflow's order: of two values for one key the later wins.
const NAMES: [&str; 2] = ["MLFLOW_PYFUNC_INFERENCE_CONFIG", "SERVING_MODEL_CONFIG"];

/// What the environment overrides; empty where it says nothing.
///
/// # Errors
///
/// [`ConfigError::Variable`] for a text that is not one JSON object.
pub fn model_config_overrides(environment: Environment<'_>) -> Result<Map<String, Value>, ConfigError> {
    let mut overrides = Map::new();
    for name in NAMES {
        let Some((name, text)) = first(environment, &[name]) else { continue };
        match serde_json::from_str::<Map<String, Value>>(&text) {
            Ok(object) => overrides.extend(object),
            Err(error) => {
                let reason =
                    format!("it is to be one JSON object, such as `{{\"threshold\": 0.5}}`: {error}");
                return Err(ConfigError::Variable { name, value: text, reason });
            }
        }
    }
    Ok(overrides)
}

/// `model_config`, the text of one JSON object, with those of `overrides` that it has; and the names of the others.
#[must_use]
pub fn override_model_config(model_config: &str, overrides: Map<String, Value>) -> (String, Vec<String>) {
    let mut config: Map<String, Value> = serde_json::from_str(model_config).unwrap_or_default();
    let mut ignored = Vec::new();
    for (key, value) in overrides {
        match config.get_mut(&key) {
            Some(old) => *old = value,
            None => ignored.push(key),
        }
    }
    (Value::Object(config).to_string(), ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_the_model_are_overridden() {
        let says = |name: &str| match name {
            "SERVING_MODEL_CONFIG" => Some(r#"{"k": 2, "new": 1}"#.into()),
            "MLFLOW_PYFUNC_INFERENCE_CONFIG" => Some(r#"{"k": 9, "d": 0.25}"#.into()),
            _ => None,
        };
        let overrides = model_config_overrides(&says).unwrap();
        let (config, ignored) = override_model_config(r#"{"d": 0.5, "k": 1, "l": []}"#, overrides);
        assert_eq!((config.as_str(), ignored), (r#"{"d":0.25,"k":2,"l":[]}"#, vec!["new".to_owned()]));
    }

    #[test]
    fn what_is_not_one_object_is_refused_by_name() {
        for text in ["[1]", "{", "1", "{} {}"] {
            let error =
                model_config_overrides(&|name: &str| (name == NAMES[1]).then(|| text.into())).unwrap_err();
            assert!(error.to_string().contains("`SERVING_MODEL_CONFIG` is `"), "{error}");
        }
    }
}
