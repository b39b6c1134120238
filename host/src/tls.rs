//! TLS: whose certificate the server shows, which clients it wants one of, and both anew when their files change.
//!
//! Made by `cli::serve` before anything is loaded; `serve::connection` asks it for each connection, so that one that is open
//! goes on with what it began with. The protocol is rustls's (TLS 1.2 and 1.3), its cryptography ring's. Never writes a key
//! anywhere.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

pub mod error;
mod pem;
mod validity;

use error::TlsError;

/// What the protocols are called that are spoken over it (RFC 7301): in the order in which the server likes them.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What an operator asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// The server's certificate and those that lead from it to an authority, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Authorities that clients' certificates are signed by; without it clients need none.
    pub client_authorities: Option<PathBuf>,
    /// Whether a client may come without a certificate though there are authorities.
    pub client_optional: bool,
}

/// The server's side of every handshake.
pub struct Tls {
    config: TlsConfig,
    current: ArcSwap<ServerConfig>,
}

// === impl TlsConfig ===

impl TlsConfig {
    /// Every file that is read.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        [Some(&self.certificate), Some(&self.key), self.client_authorities.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }
}

// === impl Tls ===

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// What is wrong with them, and what to do.
    pub fn new(config: TlsConfig) -> Result<Self, TlsError> {
        let current = ArcSwap::new(Arc::new(read(&config)?));
        Ok(Self { config, current })
    }

    /// Every file that it was read from.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.config.files()
    }

    /// Reads the files again. Connections that are open are not disturbed.
    ///
    /// # Errors
    ///
    /// What is wrong with them; what was there stays.
    pub fn reread(&self) -> Result<(), TlsError> {
        let config = read(&self.config)?;
        self.current.store(Arc::new(config));
        tracing::info!("the certificate is read again");
        Ok(())
    }

    /// What the next handshake is done with.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }
}

fn read(config: &TlsConfig) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let identity = identity(config, &provider)?;
    let refused = |reason: rustls::Error| TlsError::Refused { reason: reason.to_string() };
    let clients = client_verifier(config, &provider)?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    server.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    // Sessions are resumed from what the client keeps: nothing for them is held here. A new one with every reading, so that
    // no session outlives the authorities that it was begun under.
    server.ticketer = ring::Ticketer::new().map_err(refused)?;
    Ok(server)
}

fn identity(config: &TlsConfig, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let TlsConfig { certificate, key, .. } = config;
    let chain = pem::certificates(certificate)?;
    validity::check(certificate, &chain)?;
    CertifiedKey::from_der(chain, pem::private_key(key)?, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Mismatch { certificate: certificate.clone(), key: key.clone() }
        }
        rustls::Error::InvalidCertificate(_) => {
            TlsError::Certificate { path: certificate.clone(), reason: error.to_string() }
        }
        _ => TlsError::Key { path: key.clone(), reason: error.to_string() },
    })
}

fn client_verifier(
    config: &TlsConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let Some(path) = &config.client_authorities else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(path)?), Arc::clone(provider));
    let verifier = if config.client_optional { verifier.allow_unauthenticated() } else { verifier };
    verifier.build().map_err(|error| TlsError::Certificate { path: path.clone(), reason: error.to_string() })
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Certificate { path: path.to_owned(), reason: error.to_string() })?;
    }
    Ok(roots)
}
