//! The protocols that can be served, and which of them are.
//!
//! Called by [`super::PlatformConfig::new`] and by clap for `--protocols`; `serve::protocol` asks it which routes there are.

use crate::config::{ConfigError, Environment, first};

/// A protocol, as operators name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedProtocol {
    /// `/invocations`.
    Mlflow,
    /// The Open Inference Protocol, `/v2/…`.
    V2,
    /// KServe's first, `/v1/models/…`.
    Kserve,
    /// `/invocations` as SageMaker asks for it, and its API of multi-model endpoints.
    SageMaker,
    /// The routes that Vertex AI names.
    Vertex,
    /// `/score`.
    AzureMl,
    /// Seldon Core 1's, `/api/v1.0/…`.
    Seldon,
}

/// A set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols(u8);

// === impl ServedProtocol ===

impl ServedProtocol {
    /// Every protocol.
    pub const ALL: [Self; 7] =
        [Self::Mlflow, Self::V2, Self::Kserve, Self::SageMaker, Self::Vertex, Self::AzureMl, Self::Seldon];

    /// As it is written behind `--protocols`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlflow => "mlflow",
            Self::V2 => "v2",
            Self::Kserve => "kserve",
            Self::SageMaker => "sagemaker",
            Self::Vertex => "vertex",
            Self::AzureMl => "azureml",
            Self::Seldon => "seldon",
        }
    }
}

/// One protocol's name.
///
/// # Errors
///
/// What the names are.
pub fn parse_protocol(text: &str) -> Result<ServedProtocol, String> {
    let found = ServedProtocol::ALL.into_iter().find(|protocol| protocol.name() == text.trim());
    found.ok_or_else(|| {
        let names: Vec<&str> = ServedProtocol::ALL.iter().map(|protocol| protocol.name()).collect();
        format!("the protocols are {}", names.join(", "))
    })
}

/// What MLHOST_PROTOCOLS lists; `None` where it is not set.
pub(super) fn listed(environment: Environment<'_>) -> Result<Option<Protocols>, ConfigError> {
    let Some((name, value)) = first(environment, &["MLHOST_PROTOCOLS"]) else { return Ok(None) };
    let listed: Result<Vec<_>, _> = value.split(',').map(parse_protocol).collect();
    match listed {
        Ok(listed) => Ok(Some(Protocols::of(&listed))),
        Err(reason) => Err(ConfigError::Variable { name, value, reason }),
    }
}

// === impl Protocols ===

impl Default for Protocols {
    /// What is served on every platform.
    fn default() -> Self {
        Self::of(&[ServedProtocol::Mlflow, ServedProtocol::V2, ServedProtocol::Kserve])
    }
}

impl Protocols {
    /// These, and no others.
    #[must_use]
    pub fn of(protocols: &[ServedProtocol]) -> Self {
        protocols.iter().fold(Self(0), |all, protocol| all.with(*protocol))
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, protocol: ServedProtocol) -> Self {
        Self(self.0 | 1 << protocol as u8)
    }

    /// Whether a protocol is among them.
    #[must_use]
    pub fn has(self, protocol: ServedProtocol) -> bool {
        self.0 & 1 << protocol as u8 != 0
    }
}
