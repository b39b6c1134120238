//! From what was typed and the environment to one immutable configuration.
//!
//! Made by the commands of `cli` before anything is loaded. The only module that reads the environment, through a function that
//! tests replace; every variable that means something stands in [`VARIABLES`]. Flag over environment over bundle over
//! default. Never reads a model.

use std::ffi::OsString;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use mlhost_bundle::{Batching, BundleError, Grant, quantity};
use mlhost_nn::GraphOptions;
use mlhost_sandbox::Limits;
use mlhost_wire::dialect::mlflow::Compat;

use crate::serve::cors::Cors;

mod connections;

pub use connections::ConnectionConfig;

mod model_config;

pub use model_config::{model_config_overrides, override_model_config};

mod grants;

pub use grants::resolve_grants;

mod grpc;

pub use grpc::GrpcConfig;

mod observe;

pub use observe::{
    ObserveConfig, Ratio, SampleConfig, TraceConfig, TraceSampler, admin_from_environment,
    default_sample_rate, parse_admin_address, parse_ratio, traces_from_environment,
};

mod platform;

pub use platform::{
    Platform, PlatformChoice, PlatformConfig, PlatformFlags, Protocols, ServedProtocol, Surroundings,
    VertexRoutes, parse_platform, parse_protocol,
};

mod registry;

pub use registry::registry_settings;

mod toml_error;

pub use toml_error::in_one_line;

/// Every environment variable that mlhost reads, and what for. Of two for one thing the first wins.
pub const VARIABLES: &[(&str, &str)] = &[
    ("MLHOST_HOST", "address to listen on"),
    ("MLFLOW_HOST", "the same, as MLflow calls it"),
    ("MLHOST_PORT", "port to listen on"),
    ("MLFLOW_PORT", "the same, as MLflow calls it"),
    ("MLHOST_GRPC_PORT", "a second port to listen on, for gRPC"),
    ("MLHOST_WORKERS", "threads that serve requests"),
    ("MLFLOW_MODELS_WORKERS", "the same, as MLflow calls it"),
    ("MLHOST_TIMEOUT", "time for one request, such as `500ms` or `2s`"),
    ("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "the same in seconds, as MLflow calls it"),
    (
        "SERVING_MODEL_CONFIG",
        "JSON object in place of values of the model's `model_config`, as MLflow calls it",
    ),
    (
        "MLFLOW_PYFUNC_INFERENCE_CONFIG",
        "the same; of two values for one key SERVING_MODEL_CONFIG has the last word",
    ),
    ("DISABLE_NGINX", "MLflow's, and nothing here: mlhost listens itself"),
    ("MLFLOW_DISABLE_ENV_CREATION", "MLflow's, and nothing here: no Python environment is ever made"),
    ("MLHOST_MLFLOW_COMPAT", "`sane` or `strict`: how close to MLflow to be where it destroys data"),
    ("MLHOST_PLATFORM", "platform to serve on, in place of what the environment speaks of"),
    ("MLHOST_PROTOCOLS", "protocols to serve, such as `mlflow,v2`, in place of the platform's"),
    ("MLHOST_MODEL_NAME", "what the model is called in paths"),
    ("PORT", "KServe: port to listen on, as Knative sets it"),
    ("SAGEMAKER_BIND_TO_PORT", "SageMaker: port to listen on"),
    ("SAGEMAKER_SAFE_PORT_RANGE", "SageMaker's, and a sign of it alone"),
    ("SAGEMAKER_PROGRAM", "SageMaker's, and a sign of it alone"),
    ("SAGEMAKER_MULTI_MODEL", "SageMaker: `true` where it loads models itself"),
    ("AIP_HTTP_PORT", "Vertex AI: port to listen on"),
    ("AIP_HEALTH_ROUTE", "Vertex AI: path that says whether the server is healthy"),
    ("AIP_PREDICT_ROUTE", "Vertex AI: path that predicts"),
    ("AIP_STORAGE_URI", "Vertex AI: where the model is"),
    ("AIP_MODE", "Vertex AI's, and a sign of it alone"),
    ("AIP_ENDPOINT_ID", "Vertex AI: part of the paths where it names none"),
    ("AIP_DEPLOYED_MODEL_ID", "Vertex AI: the same"),
    ("AZUREML_MODEL_DIR", "Azure ML: folder with the model in it"),
    ("AZUREML_ENTRY_SCRIPT", "Azure ML's, and a sign of it alone: no Python is run"),
    ("SCORING_TIMEOUT_MS", "Azure ML: time for one request, in milliseconds"),
    ("PREDICTIVE_UNIT_ID", "Seldon: what the model is called"),
    ("PREDICTIVE_UNIT_HTTP_SERVICE_PORT", "Seldon: port to listen on"),
    ("PREDICTIVE_UNIT_SERVICE_PORT", "Seldon: the same, in older versions"),
    ("PREDICTIVE_UNIT_PARAMETERS", "Seldon: JSON list; its `model_uri` says where the model is"),
    ("MLHOST_LOG", "what to log, in tracing's filter syntax: `info`, `mlhost=debug,guest=trace`"),
    ("MLHOST_LOG_FORMAT", "`plain` or `json`"),
    (
        "MLHOST_ADMIN_ADDRESS",
        "where metrics and probes are served, `PORT` or `HOST:PORT`; nowhere without it",
    ),
    ("MLHOST_ACCESS_LOG", "`true` writes a line for every request to the log"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector that traces are sent to, such as `http://collector:4318`"),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "the same for traces alone, and as it is"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "what is sent along, `name=value,…`"),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "the same for traces alone"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "`http/protobuf`, the only one here"),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "the same for traces alone"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "for one sending, in milliseconds"),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "the same for traces alone"),
    ("OTEL_TRACES_SAMPLER", "which requests are traced: `parentbased_always_on`, `traceidratio`, …"),
    ("OTEL_TRACES_SAMPLER_ARG", "the part of them, from 0 to 1"),
    ("OTEL_TRACES_EXPORTER", "`none` sends no traces"),
    ("OTEL_SDK_DISABLED", "`true` sends no traces"),
    ("OTEL_SERVICE_NAME", "what the server is called in traces; `mlhost` without it"),
    ("OTEL_RESOURCE_ATTRIBUTES", "what else traces say of it, `name=value,…`"),
    ("MLFLOW_TRACKING_URI", "MLflow's server or `mlruns` folder, for model URIs such as `runs:/…`"),
    ("MLFLOW_REGISTRY_URI", "its model registry, where that is another"),
    ("MLFLOW_TRACKING_USERNAME", "who we are to it"),
    ("MLFLOW_TRACKING_PASSWORD", "the password"),
    ("MLFLOW_TRACKING_TOKEN", "a token in place of both"),
    ("MLFLOW_TRACKING_INSECURE_TLS", "`true` takes whatever certificate it shows"),
    ("MLFLOW_TRACKING_SERVER_CERT_PATH", "certificates that its own may be signed by, besides the system's"),
    ("MLFLOW_TRACKING_CLIENT_CERT_PATH", "certificate and key that it knows us by"),
    ("AWS_ACCESS_KEY_ID", "who we are to S3"),
    ("AWS_SECRET_ACCESS_KEY", "its secret"),
    ("AWS_SESSION_TOKEN", "its session, where it has one"),
    ("AWS_REGION", "the bucket's region"),
    ("AWS_DEFAULT_REGION", "the same, where AWS_REGION is not set"),
    ("AWS_ENDPOINT_URL", "a server that speaks S3's protocol"),
    ("AWS_ENDPOINT_URL_S3", "the same, for S3 alone"),
    ("MLFLOW_S3_ENDPOINT_URL", "the same, as MLflow calls it"),
    ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "`true` where the bucket is part of the server's name"),
    ("AWS_SKIP_SIGNATURE", "`true` for public buckets"),
    ("AWS_REQUEST_PAYER", "`true` for buckets whose readers pay"),
    ("AWS_ROLE_ARN", "a role to take on"),
    ("AWS_ROLE_SESSION_NAME", "what its session is called"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "what it is taken on with, in Kubernetes"),
    ("AWS_ENDPOINT_URL_STS", "where it is taken on"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "where a container's credentials are, in ECS"),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "the same, in EKS"),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "what they are asked for with"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "file that says who we are to Google Cloud Storage"),
    ("GOOGLE_SERVICE_ACCOUNT", "file of a service account"),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", "the file's content"),
    ("GOOGLE_BASE_URL", "a server that speaks Google Cloud Storage's protocol"),
    ("GOOGLE_SKIP_SIGNATURE", "`true` for public buckets"),
    ("AZURE_STORAGE_CONNECTION_STRING", "account, key and server of Azure Blob Storage in one"),
    ("AZURE_STORAGE_ACCOUNT_NAME", "the account, where the URI does not name it"),
    ("AZURE_STORAGE_ACCOUNT_KEY", "its key"),
    ("AZURE_STORAGE_ACCESS_KEY", "the same, as MLflow calls it"),
    ("AZURE_STORAGE_SAS_TOKEN", "a shared access signature in place of a key"),
    ("AZURE_STORAGE_ENDPOINT", "a server that speaks Azure Blob Storage's protocol"),
    ("AZURE_STORAGE_USE_EMULATOR", "`true` for Azurite"),
    ("AZURE_CLIENT_ID", "a service principal"),
    ("AZURE_CLIENT_SECRET", "its secret"),
    ("AZURE_TENANT_ID", "its directory"),
    ("AZURE_AUTHORITY_HOST", "where it signs in"),
    ("AZURE_FEDERATED_TOKEN_FILE", "what it signs in with, in Kubernetes"),
    ("ORT_DYLIB_PATH", "the ONNX Runtime library"),
    ("MLHOST_CACHE_DIR", "where fetched, built and compiled things are kept"),
    ("XDG_CACHE_HOME", "its parent, where MLHOST_CACHE_DIR is not set"),
    ("HOME", "its grandparent, where neither is set"),
    ("CARGO_TARGET_DIR", "where `mlhost build` has cargo build"),
    ("CARGO_HOME", "cargo's own folder, whose path `mlhost build` keeps out of components"),
];

/// What the process environment says; replaced in tests.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A value that cannot be used, and where it came from.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An environment variable.
    #[error("environment variable `{name}` is `{value}`: {reason}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A flag.
    #[error("`{flag} {value}`: {reason}")]
    Flag {
        /// Its name.
        flag: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Where and how to listen, and how much to take on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// gRPC, as far as it is apart from all else.
    pub grpc: GrpcConfig,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Bodies being read at one time, all together, in bytes.
    pub max_bodies_bytes: usize,
    /// Connections at one time.
    pub max_connections: usize,
    /// Requests in a model at one time.
    pub max_requests: usize,
    /// Threads that serve requests, at least 1.
    pub workers: usize,
    /// From the request's arrival to its answer.
    pub timeout: Duration,
    /// How close to MLflow requests are read and answers written.
    pub compat: Compat,
    /// How long requests may take to end once the server is told to stop.
    pub drain: Duration,
    /// Before that, how long it takes requests on though it says that it is not ready.
    pub drain_delay: Duration,
    /// What a connection may do.
    pub connections: ConnectionConfig,
    /// Which pages' scripts may read answers.
    pub cors: Option<Cors>,
    /// Where the server runs, and which protocols that asks for.
    pub platform: PlatformConfig,
}

/// What an operator lets bundles have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsAllowed {
    /// The most memory of one request's sandbox; the default for bundles that ask for nothing, too.
    pub memory_bytes: Option<u64>,
    /// The most bytes between guest and host.
    pub data_bytes: Option<u64>,
    /// What bundles may be granted.
    pub grants: Vec<Grant>,
    /// How graphs are run, in place of what bundles ask for.
    pub batching: Batching,
    /// Threads that one run of a graph may use; else as many as suit its size.
    pub intra_op_threads: Option<usize>,
}

/// The largest memory of a sandbox unless the operator says otherwise: enough for CPython with its heap.
pub const DEFAULT_MAX_MEMORY_BYTES: u64 = 512 << 20;

/// The most threads that requests can be served by.
pub const MAX_WORKERS: usize = 1024;

// === impl ServerConfig ===

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            port: 5000,
            grpc: GrpcConfig::default(),
            max_body_bytes: 16 << 20,
            max_bodies_bytes: 512 << 20,
            max_connections: 1024,
            max_requests: 128,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            timeout: Duration::from_secs(60),
            compat: Compat::default(),
            drain: Duration::from_secs(30),
            drain_delay: Duration::ZERO,
            connections: ConnectionConfig::default(),
            cors: None,
            platform: PlatformConfig::default(),
        }
    }
}

impl ServerConfig {
    /// The defaults under what the environment says.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Variable`] names the variable that cannot be used.
    pub fn from_environment(environment: Environment<'_>) -> Result<Self, ConfigError> {
        Self::on(PlatformConfig::default(), environment)
    }

    /// The defaults under what the platform asks for, under what the environment says.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Variable`] names the variable that cannot be used.
    pub fn on(platform: PlatformConfig, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let default = Self::default();
        let mut config = Self {
            host: platform.host.unwrap_or(default.host),
            port: platform.port.unwrap_or(default.port),
            timeout: platform.timeout.unwrap_or(default.timeout),
            platform,
            grpc: GrpcConfig::from_environment(environment)?,
            ..default
        };
        if let Some((name, value)) = first(environment, &["MLHOST_HOST", "MLFLOW_HOST"]) {
            config.host =
                parse_host(&value).map_err(|reason| ConfigError::Variable { name, value, reason })?;
        }
        if let Some((name, value)) = first(environment, &["MLHOST_PORT", "MLFLOW_PORT"]) {
            config.port = value.parse().map_err(|_| {
                let reason = "a port is a number from 0 to 65535".to_owned();
                ConfigError::Variable { name, value, reason }
            })?;
        }
        if let Some((name, value)) = first(environment, &["MLHOST_WORKERS", "MLFLOW_MODELS_WORKERS"]) {
            config.workers =
                value.parse().ok().filter(|workers| (1..=MAX_WORKERS).contains(workers)).ok_or_else(
                    || {
                        let reason = format!("a number from 1 to {MAX_WORKERS}");
                        ConfigError::Variable { name, value, reason }
                    },
                )?;
        }
        if let Some((name, value)) =
            first(environment, &["MLHOST_TIMEOUT", "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT"])
        {
            config.timeout =
                parse_timeout(&value).map_err(|reason| ConfigError::Variable { name, value, reason })?;
        }
        if let Some((name, value)) = first(environment, &["MLHOST_MLFLOW_COMPAT"]) {
            config.compat =
                parse_compat(&value).map_err(|reason| ConfigError::Variable { name, value, reason })?;
        }
        Ok(config)
    }
}

// === impl LimitsAllowed ===

impl LimitsAllowed {
    /// What one request of `model` gets, of what its bundle asks for.
    #[must_use]
    pub fn limits(&self, model: &str, asked: &mlhost_bundle::Limits) -> Limits {
        let default = Limits::default();
        let most_memory = self.memory_bytes.unwrap_or(DEFAULT_MAX_MEMORY_BYTES);
        let most_data = self.data_bytes.unwrap_or(DEFAULT_MAX_MEMORY_BYTES);
        let within = |what, asked: Option<u64>, most: u64, default: usize| {
            let wanted = asked.or(Some(most).filter(|_| self.has(what))).unwrap_or(default as u64);
            if wanted > most {
                tracing::warn!(
                    model,
                    what,
                    asked = wanted,
                    allowed = most,
                    "the bundle asks for more than it gets"
                );
            }
            usize::try_from(wanted.min(most)).unwrap_or(usize::MAX)
        };
        Limits {
            memory_bytes: within("memory", asked.memory_bytes, most_memory, default.memory_bytes),
            data_bytes: within("data", asked.data_bytes, most_data, default.data_bytes),
            ..default
        }
    }

    /// How a graph is run whose bundle asks for `asked`: the operator's word over the bundle's over the default.
    #[must_use]
    pub fn graph_options(&self, asked: &Batching) -> GraphOptions {
        let default = GraphOptions::default();
        let own = &self.batching;
        GraphOptions {
            max_queue: own.max_queue.or(asked.max_queue).unwrap_or(default.max_queue),
            batching: mlhost_nn::Batching {
                max_rows: own.max_rows.or(asked.max_rows).unwrap_or(default.batching.max_rows),
                max_elements: own
                    .max_elements
                    .or(asked.max_elements)
                    .unwrap_or(default.batching.max_elements),
                max_delay: own.max_delay.or(asked.max_delay).unwrap_or(default.batching.max_delay),
            },
            intra_op_threads: self.intra_op_threads,
            ..default
        }
    }

    /// Whether the operator set this limit.
    fn has(&self, what: &str) -> bool {
        match what {
            "memory" => self.memory_bytes.is_some(),
            _ => self.data_bytes.is_some(),
        }
    }
}

/// A host name or address; of a name's addresses the first.
///
/// # Errors
///
/// Why it is neither.
pub fn parse_host(text: &str) -> Result<IpAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    let mut addresses = (bare, 0).to_socket_addrs().map_err(|error| error.to_string())?;
    addresses.next().map(|address| address.ip()).ok_or_else(|| "the name has no address".to_owned())
}

/// How close to MLflow to be.
///
/// # Errors
///
/// What the modes are.
pub fn parse_compat(text: &str) -> Result<Compat, String> {
    let mode = Compat::ALL.into_iter().find(|mode| mode.name() == text);
    mode.ok_or_else(|| "write `sane` or `strict`".to_owned())
}

/// A time with its unit, or whole seconds as MLflow writes them.
///
/// # Errors
///
/// What a time looks like.
pub fn parse_timeout(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(0) => Err("it takes more than 0 seconds".to_owned()),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => quantity::duration(text).map_err(|error| described(&error)),
    }
}

/// A time with its unit, which may be zero.
///
/// # Errors
///
/// What a time looks like.
pub fn parse_delay(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { quantity::duration(text).map_err(|error| described(&error)) }
}

/// A size with its unit.
///
/// # Errors
///
/// What a size looks like.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    quantity::bytes(text).map_err(|error| described(&error))
}

/// One grant.
///
/// # Errors
///
/// What a grant looks like.
pub fn parse_grant(text: &str) -> Result<Grant, String> {
    text.parse().map_err(|error: BundleError| described(&error))
}

fn described(error: &BundleError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

/// What the real environment says.
#[must_use]
pub fn process_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Where fetched and built things are kept; `None` where the environment names no place.
#[must_use]
pub fn cache_dir(environment: Environment<'_>) -> Option<PathBuf> {
    crate::onnxruntime::cache_dir(environment)
}

/// Where cargo unpacks packages; `None` where the environment names no place.
#[must_use]
pub fn cargo_home(environment: Environment<'_>) -> Option<PathBuf> {
    let named = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("CARGO_HOME").or_else(|| Some(named("HOME")?.join(".cargo")))
}

/// The first of `names` that is set and not empty.
fn first(environment: Environment<'_>, names: &[&'static str]) -> Option<(&'static str, String)> {
    names.iter().find_map(|name| {
        let value = environment(name).filter(|value| !value.is_empty())?;
        Some((*name, value.to_string_lossy().into_owned()))
    })
}

#[cfg(test)]
mod tests;
