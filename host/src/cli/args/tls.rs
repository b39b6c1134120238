//! Flags that say how connections are encrypted.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::tls::TlsConfig;

/// How connections are encrypted.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "TLS (docs/operations.md)")]
pub(in crate::cli) struct TlsArgs {
    /// Certificate, and those that lead from it to an authority, PEM: connections are encrypted. Read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(in crate::cli) tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(in crate::cli) tls_key: Option<PathBuf>,
    /// Authorities that clients' certificates must be signed by, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(in crate::cli) tls_client_ca: Option<PathBuf>,
    /// Whether a client may come without a certificate [default: required]
    #[arg(long, value_enum, requires = "tls_client_ca")]
    pub(in crate::cli) tls_client_auth: Option<ClientAuth>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ClientAuth {
    Optional,
    Required,
}

// === impl TlsArgs ===

impl TlsArgs {
    /// What they mean; without a certificate nothing is encrypted.
    pub(in crate::cli) fn config(&self) -> Option<TlsConfig> {
        Some(TlsConfig {
            certificate: self.tls_cert.clone()?,
            key: self.tls_key.clone()?,
            client_authorities: self.tls_client_ca.clone(),
            client_optional: self.tls_client_auth == Some(ClientAuth::Optional),
        })
    }
}
