//! The flags that say where the server runs and what it speaks there. `config::platform` says what they mean.

use crate::config::{self, PlatformChoice, PlatformFlags, ServedProtocol};

#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct PlatformArgs {
    /// Platform that decides host, port, model and routes where no flag does; `auto` finds it out from the environment
    /// [default: auto]
    #[arg(long, value_name = "auto|mlflow|kserve|sagemaker|vertex|azureml|seldon", value_parser = config::parse_platform)]
    pub(in crate::cli) platform: Option<PlatformChoice>,
    /// Protocols to serve, such as `mlflow,v2` [default: mlflow,v2,kserve and the platform's own]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = config::parse_protocol)]
    pub(in crate::cli) protocols: Vec<ServedProtocol>,
    /// What the model is called in paths [default: as its bundle or the registry says]
    // KServe gives its serving runtimes `--model_name`.
    #[arg(long, value_name = "NAME", alias = "model_name")]
    pub(in crate::cli) model_name: Option<String>,
}

// === impl PlatformArgs ===

impl PlatformArgs {
    /// What was typed, beside a model or not.
    pub(in crate::cli) fn flags(&self, has_model: bool) -> PlatformFlags {
        PlatformFlags {
            platform: self.platform,
            protocols: self.protocols.clone(),
            model_name: self.model_name.clone(),
            has_model,
        }
    }
}
