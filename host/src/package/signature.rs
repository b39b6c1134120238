//! A signature as its author gives it: MLflow's three parts, each a list or the text of one. Called by `package.rs`.

use std::fs;
use std::path::Path;

use mlhost_wire::signature::Signature;
use serde::Deserialize;
use serde_json::Value;

use super::PackageError;

/// The three JSON texts of MLmodel's `signature`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) inputs: Option<String>,
    pub(super) outputs: Option<String>,
    pub(super) params: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    inputs: Value,
    #[serde(default)]
    outputs: Value,
    #[serde(default)]
    params: Value,
}

/// From JSON, or from the file that holds it.
pub(super) fn given(file_or_json: &str) -> Result<Texts, PackageError> {
    let text = if file_or_json.trim_start().starts_with('{') {
        file_or_json.to_owned()
    } else {
        let path = Path::new(file_or_json);
        fs::read_to_string(path).map_err(|source| PackageError::Read { path: path.to_owned(), source })?
    };
    let given: Given = serde_json::from_str(&text).map_err(|error| {
        PackageError::Signature(format!(
            "{error}\nhint: write `{{\"inputs\": […], \"outputs\": […], \"params\": […]}}` as in MLmodel, such as \
             `{{\"inputs\": [{{\"name\": \"age\", \"type\": \"double\"}}]}}`"
        ))
    })?;
    let text = |part: Value| match part {
        Value::Null => None,
        Value::String(text) => Some(text),
        list => Some(list.to_string()),
    };
    let texts =
        Texts { inputs: text(given.inputs), outputs: text(given.outputs), params: text(given.params) };
    Signature::from_mlmodel(texts.inputs.as_deref(), texts.outputs.as_deref(), texts.params.as_deref())
        .map_err(|error| PackageError::Signature(error.to_string()))?;
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_lists_or_their_texts() {
        let list = r#"{"inputs": [{"name": "a", "type": "long"}], "outputs": null}"#;
        let text = r#"{"inputs": "[{\"name\":\"a\",\"type\":\"long\"}]"}"#;
        assert_eq!(given(list).unwrap(), given(text).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signature.json");
        fs::write(&path, list).unwrap();
        assert_eq!(given(path.to_str().unwrap()).unwrap(), given(list).unwrap());
    }

    #[test]
    fn what_mlflow_would_not_read_is_refused() {
        for (text, expected) in [
            (r#"{"input": []}"#, "unknown field `input`"),
            (r#"{"inputs": [{"type": "int"}]}"#, "`inputs[0].type` is `int`"),
            ("no-such-file.json", "cannot read `no-such-file.json`"),
        ] {
            let error = given(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
