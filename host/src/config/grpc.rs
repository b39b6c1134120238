//! Where gRPC listens besides the port that speaks everything.
//!
//! Part of [`super::ServerConfig`].

use super::{ConfigError, Environment, first};

/// gRPC, as far as it is apart from all else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcConfig {
    /// A port of its own, where there is to be one; 0 lets the system choose.
    pub port: Option<u16>,
}

// === impl GrpcConfig ===

impl GrpcConfig {
    /// What the environment says.
    pub(super) fn from_environment(environment: Environment<'_>) -> Result<Self, ConfigError> {
        let Some((name, value)) = first(environment, &["MLHOST_GRPC_PORT"]) else {
            return Ok(Self::default());
        };
        match value.parse() {
            Ok(port) => Ok(Self { port: Some(port) }),
            Err(_) => {
                let reason = "a port is a number from 0 to 65535".to_owned();
                Err(ConfigError::Variable { name, value, reason })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_port_for_grpc_alone_unless_one_is_asked_for() {
        let port = |value: Option<&str>| {
            GrpcConfig::from_environment(&|name| value.filter(|_| name == "MLHOST_GRPC_PORT").map(Into::into))
        };
        assert_eq!(port(None).unwrap().port, None);
        assert_eq!(port(Some("8001")).unwrap().port, Some(8001));
        assert!(port(Some("x")).unwrap_err().to_string().contains("MLHOST_GRPC_PORT"));
    }
}
