//! What the bundle says to the model, once.
//!
//! Made by `export!` (or by `testing`), read by `load_context`. Never reaches beyond the bundle's own artifacts.

use crate::{Error, imports};

/// The bundle's configuration and the files it brought beside its graphs.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) model_config: String,
    pub(crate) artifacts: Vec<String>,
}

// === impl Context ===

impl Context {
    /// MLflow's `model_config`: one JSON object, as text.
    #[must_use]
    pub fn model_config(&self) -> &str {
        &self.model_config
    }

    /// The names that [`artifact`](Self::artifact) knows.
    pub fn artifact_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.artifacts.iter().map(String::as_str)
    }

    /// The content of the artifact `name`.
    ///
    /// # Errors
    ///
    /// Failed, when the bundle has no such artifact; the message says which it has.
    pub fn artifact(&self, name: &str) -> Result<Vec<u8>, Error> {
        imports::artifact(name).map_err(Error::failed)
    }

    /// The content of the artifact `name` as text.
    ///
    /// # Errors
    ///
    /// Failed, when the bundle has no such artifact or it is not UTF-8.
    pub fn artifact_text(&self, name: &str) -> Result<String, Error> {
        String::from_utf8(self.artifact(name)?)
            .map_err(|error| Error::failed(format_args!("artifact `{name}` is not text: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;

    #[test]
    fn an_artifact_is_read_by_name_and_a_missing_one_names_those_there_are() {
        testing::reset();
        testing::artifact("labels", "a\nb");
        testing::artifact("bytes", [0xff]);
        let context = testing::context(r#"{"k":1}"#);
        assert_eq!(context.model_config(), r#"{"k":1}"#);
        assert_eq!(context.artifact_names().collect::<Vec<_>>(), ["bytes", "labels"]);
        assert_eq!(context.artifact("labels").unwrap(), b"a\nb");
        assert_eq!(context.artifact_text("labels").unwrap(), "a\nb");
        let missing = context.artifact("weights").unwrap_err();
        assert!(!missing.is_rejected());
        assert!(
            missing.message().contains("`weights`") && missing.message().contains("`labels`"),
            "{missing}"
        );
        assert!(
            context.artifact_text("bytes").unwrap_err().message().starts_with("artifact `bytes` is not text")
        );
    }
}
