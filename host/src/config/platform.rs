//! Which platform the server runs on, and what that decides: where to listen, which model, which routes.
//!
//! Called by `cli::serve` before anything else is configured. A platform's word counts less than a flag's and that of a variable
//! of mlhost's or MLflow's, and more than a default. Reads no model; asks of two folders whether they are there.

mod detect;
mod protocol;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

pub use protocol::{Protocols, ServedProtocol, parse_protocol};

use super::{ConfigError, Environment, first};

/// Where the server runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platform {
    /// Nowhere in particular: as `mlflow models serve` runs.
    #[default]
    Mlflow,
    /// KServe, as a custom predictor or a serving runtime.
    Kserve,
    /// Amazon SageMaker.
    SageMaker,
    /// Google Vertex AI.
    Vertex,
    /// Azure Machine Learning.
    AzureMl,
    /// Seldon Core 1.
    Seldon,
}

/// What was typed or set, besides the environment.
#[derive(Clone, Debug, Default)]
pub struct PlatformFlags {
    /// The platform; `None` where it is to be found out.
    pub platform: Option<PlatformChoice>,
    /// The protocols that are served; the platform's where there are none.
    pub protocols: Vec<ServedProtocol>,
    /// What the model is called in paths.
    pub model_name: Option<String>,
    /// Whether a flag names the model.
    pub has_model: bool,
}

/// What `--platform` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformChoice {
    /// Found out from the environment.
    Auto,
    /// This one.
    Of(Platform),
}

/// What a platform decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlatformConfig {
    /// Which one it is.
    pub platform: Platform,
    /// The address to listen on.
    pub host: Option<IpAddr>,
    /// The port to listen on.
    pub port: Option<u16>,
    /// Time for one request.
    pub timeout: Option<Duration>,
    /// The model's directory or URI, where no flag names one.
    pub model: Option<String>,
    /// What the model is called in paths, where it is not to be called as its bundle says.
    pub model_name: Option<String>,
    /// The protocols that are served.
    pub protocols: Protocols,
    /// The routes that Vertex AI asks for.
    pub vertex: VertexRoutes,
    /// Whether SageMaker loads models itself, over the API of multi-model endpoints.
    pub multi_model: bool,
}

/// The routes that Vertex AI asks a container for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VertexRoutes {
    /// Where it asks whether the container is healthy.
    pub health: String,
    /// Where it sends predictions.
    pub predict: String,
}

/// What is around the process: variables, and which folders are there.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The environment.
    pub environment: Environment<'a>,
    /// Whether there is such a folder.
    pub has_folder: &'a dyn Fn(&Path) -> bool,
}

/// Where SageMaker unpacks the model.
const SAGEMAKER_MODEL: &str = "/opt/ml/model";
/// Where the storage initializer of KServe and of Seldon downloads the model to.
const MOUNTED_MODEL: &str = "/mnt/models";

// === impl Platform ===

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 6] =
        [Self::Mlflow, Self::Kserve, Self::SageMaker, Self::Vertex, Self::AzureMl, Self::Seldon];

    /// As it is written behind `--platform`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlflow => "mlflow",
            Self::Kserve => "kserve",
            Self::SageMaker => "sagemaker",
            Self::Vertex => "vertex",
            Self::AzureMl => "azureml",
            Self::Seldon => "seldon",
        }
    }

    /// The protocol that is its own.
    #[must_use]
    pub fn protocol(self) -> ServedProtocol {
        match self {
            Self::Mlflow => ServedProtocol::Mlflow,
            Self::Kserve => ServedProtocol::Kserve,
            Self::SageMaker => ServedProtocol::SageMaker,
            Self::Vertex => ServedProtocol::Vertex,
            Self::AzureMl => ServedProtocol::AzureMl,
            Self::Seldon => ServedProtocol::Seldon,
        }
    }
}

/// A platform's name, or `auto`.
///
/// # Errors
///
/// What the names are.
pub fn parse_platform(text: &str) -> Result<PlatformChoice, String> {
    if text == "auto" {
        return Ok(PlatformChoice::Auto);
    }
    let found = Platform::ALL.into_iter().find(|platform| platform.name() == text);
    found.map(PlatformChoice::Of).ok_or_else(|| {
        let names: Vec<&str> = Platform::ALL.iter().map(|platform| platform.name()).collect();
        format!("the platforms are auto, {}", names.join(", "))
    })
}

// === impl VertexRoutes ===

impl Default for VertexRoutes {
    /// Those of a container whose model names none and which knows neither its endpoint nor its deployment.
    fn default() -> Self {
        Self::of("", "")
    }
}

impl VertexRoutes {
    /// Those that Vertex AI asks for where a model names none.
    fn of(endpoint: &str, deployed: &str) -> Self {
        let endpoint = if endpoint.is_empty() { "{endpoint}" } else { endpoint };
        let deployed = if deployed.is_empty() { "{deployed}" } else { deployed };
        let path = format!("/v1/endpoints/{endpoint}/deployedModels/{deployed}");
        Self { predict: format!("{path}:predict"), health: path }
    }
}

// === impl PlatformConfig ===

impl PlatformConfig {
    /// What flags, environment and folders make of it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Variable`] names the variable that cannot be used.
    pub fn new(flags: PlatformFlags, around: Surroundings<'_>) -> Result<Self, ConfigError> {
        let named = first(around.environment, &["MLHOST_PLATFORM"])
            .map(|(name, value)| {
                parse_platform(&value).map_err(|reason| ConfigError::Variable { name, value, reason })
            })
            .transpose()?;
        let platform = match flags.platform.or(named) {
            None | Some(PlatformChoice::Auto) => detect::platform(around, flags.has_model),
            Some(PlatformChoice::Of(platform)) => platform,
        };
        let mut config = match platform {
            Platform::Mlflow => Self::default(),
            Platform::Kserve => Self::kserve(around)?,
            Platform::SageMaker => Self::sagemaker(around)?,
            Platform::Vertex => Self::vertex(around)?,
            Platform::AzureMl => Self::azureml(around)?,
            Platform::Seldon => Self::seldon(around)?,
        };
        config.platform = platform;
        if platform != Platform::Mlflow {
            // Its requests come from another machine.
            config.host = Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        }
        config.protocols = match protocol::listed(around.environment)? {
            _ if !flags.protocols.is_empty() => Protocols::of(&flags.protocols),
            Some(listed) => listed,
            None => Protocols::default().with(platform.protocol()),
        };
        config.model_name = flags
            .model_name
            .or_else(|| first(around.environment, &["MLHOST_MODEL_NAME"]).map(|(_, name)| name))
            .or(config.model_name);
        Ok(config)
    }

    fn kserve(around: Surroundings<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            // Set by Knative, under KServe's serverless deployments.
            port: Some(port(around, &["PORT"])?.unwrap_or(8080)),
            model: around.folder(MOUNTED_MODEL),
            ..Self::default()
        })
    }

    fn sagemaker(around: Surroundings<'_>) -> Result<Self, ConfigError> {
        let multi_model = first(around.environment, &["SAGEMAKER_MULTI_MODEL"])
            .is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
        Ok(Self {
            port: Some(port(around, &["SAGEMAKER_BIND_TO_PORT"])?.unwrap_or(8080)),
            model: if multi_model { None } else { around.folder(SAGEMAKER_MODEL) },
            multi_model,
            ..Self::default()
        })
    }

    fn vertex(around: Surroundings<'_>) -> Result<Self, ConfigError> {
        let text = |name| first(around.environment, &[name]).map(|(_, value)| value);
        let default = VertexRoutes::of(
            &text("AIP_ENDPOINT_ID").unwrap_or_default(),
            &text("AIP_DEPLOYED_MODEL_ID").unwrap_or_default(),
        );
        let route = |name: &'static str, default| match text(name) {
            None => Ok(default),
            Some(value) if value.starts_with('/') && !value.contains(['{', '}', '?', '#']) => Ok(value),
            Some(value) => {
                let reason = "a route begins with `/` and is plain text".to_owned();
                Err(ConfigError::Variable { name, value, reason })
            }
        };
        Ok(Self {
            port: Some(port(around, &["AIP_HTTP_PORT"])?.unwrap_or(8080)),
            model: text("AIP_STORAGE_URI"),
            vertex: VertexRoutes {
                health: route("AIP_HEALTH_ROUTE", default.health)?,
                predict: route("AIP_PREDICT_ROUTE", default.predict)?,
            },
            ..Self::default()
        })
    }

    fn azureml(around: Surroundings<'_>) -> Result<Self, ConfigError> {
        let timeout = match first(around.environment, &["SCORING_TIMEOUT_MS"]) {
            None => None,
            Some((name, value)) => match value.parse::<u64>() {
                Ok(milliseconds) if milliseconds > 0 => Some(Duration::from_millis(milliseconds)),
                _ => {
                    let reason = "a number of milliseconds, at least 1".to_owned();
                    return Err(ConfigError::Variable { name, value, reason });
                }
            },
        };
        Ok(Self {
            port: Some(5001),
            timeout,
            model: first(around.environment, &["AZUREML_MODEL_DIR"]).map(|(_, folder)| folder),
            ..Self::default()
        })
    }

    fn seldon(around: Surroundings<'_>) -> Result<Self, ConfigError> {
        let ports = ["PREDICTIVE_UNIT_HTTP_SERVICE_PORT", "PREDICTIVE_UNIT_SERVICE_PORT"];
        let parameters = first(around.environment, &["PREDICTIVE_UNIT_PARAMETERS"]);
        let named = parameters.map(|(name, value)| {
            detect::model_uri(&value).map_err(|reason| ConfigError::Variable { name, value, reason })
        });
        Ok(Self {
            port: Some(port(around, &ports)?.unwrap_or(9000)),
            model: named.transpose()?.flatten().or_else(|| around.folder(MOUNTED_MODEL)),
            // So that V2 and V1 paths name the unit, as Seldon's own servers have it.
            model_name: first(around.environment, &["PREDICTIVE_UNIT_ID"]).map(|(_, name)| name),
            ..Self::default()
        })
    }
}

// === impl Surroundings ===

impl Surroundings<'_> {
    fn folder(self, path: &str) -> Option<String> {
        (self.has_folder)(Path::new(path)).then(|| path.to_owned())
    }
}

/// The port that the first of `names` that is set says.
fn port(around: Surroundings<'_>, names: &[&'static str]) -> Result<Option<u16>, ConfigError> {
    let Some((name, value)) = first(around.environment, names) else { return Ok(None) };
    match value.parse() {
        Ok(port) => Ok(Some(port)),
        Err(_) => {
            let reason = "a port is a number from 0 to 65535".to_owned();
            Err(ConfigError::Variable { name, value, reason })
        }
    }
}

#[cfg(test)]
mod tests;
