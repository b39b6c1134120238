//! Where the tracking server is, who we are to it, and where models are kept.
//!
//! Made by `host/src/config.rs`, which alone reads the environment. Holds values and judges none: what cannot be used is said
//! by [`crate::Registry`], when a URI needs it.

use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

/// Everything that a [`crate::Registry`] works with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// MLflow's tracking server or file store, as `MLFLOW_TRACKING_URI` has it; `./mlruns` where there is none.
    pub tracking_uri: Option<String>,
    /// MLflow's model registry, as `MLFLOW_REGISTRY_URI` has it; the tracking server where there is none.
    pub registry_uri: Option<String>,
    /// User of Basic authentication.
    pub username: Option<String>,
    /// Password of Basic authentication.
    pub password: Option<Secret>,
    /// Bearer token, in place of user and password.
    pub token: Option<Secret>,
    /// Takes whatever certificate the tracking server shows.
    pub insecure_tls: bool,
    /// Certificates, PEM, that the tracking server's may be signed by, besides the system's own.
    pub server_certificates: Option<PathBuf>,
    /// Certificate and key, PEM, that the tracking server knows us by.
    pub client_certificate: Option<PathBuf>,
    /// What object stores are reached with: the providers' own environment variables that are set, such as
    /// `AWS_ACCESS_KEY_ID`, and MLflow's `MLFLOW_S3_ENDPOINT_URL`.
    pub bucket: Vec<(String, Secret)>,
    /// The folder that downloaded models are kept in; none where the environment names no place.
    pub cache: Option<PathBuf>,
    /// How often and how soon what failed is tried again.
    pub retry: Retry,
    /// The most that one model may make us download.
    pub bounds: Bounds,
}

/// How often and how soon what failed is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Attempts in all, at least 1. A download that got further starts counting anew.
    pub attempts: u32,
    /// The pause after the first failure; each further one is twice as long, up to 10 seconds.
    pub first_pause: Duration,
}

/// The most that one model may make us download.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// All files together, in bytes.
    pub bytes: u64,
    /// Files, and folders.
    pub files: usize,
}

// === impl Settings ===

impl Default for Settings {
    /// No server, no credentials, no cache.
    fn default() -> Self {
        Self {
            tracking_uri: None,
            registry_uri: None,
            username: None,
            password: None,
            token: None,
            insecure_tls: false,
            server_certificates: None,
            client_certificate: None,
            bucket: Vec::new(),
            cache: None,
            retry: Retry::default(),
            bounds: Bounds::default(),
        }
    }
}

// === impl Retry ===

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, first_pause: Duration::from_millis(200) }
    }
}

impl Retry {
    /// The pause after the attempt number `attempt`, from 1.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        const LONGEST: Duration = Duration::from_secs(10);
        self.first_pause
            .saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX))
            .min(LONGEST)
    }
}

// === impl Bounds ===

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 64 << 30, files: 100_000 }
    }
}
