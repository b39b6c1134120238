//! What operators see of a running server, and where: flags first, then the environment.
//!
//! OpenTelemetry's own variables mean here what they mean everywhere. Traces are off unless a collector is named. A header for
//! the collector may hold a key: it is a [`Secret`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use mlhost_registry::Secret;
use percent_encoding::percent_decode_str;

use super::{ConfigError, Environment, first, parse_host};

/// What is observed, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObserveConfig {
    /// Where metrics, probes and the log's filter are served; nowhere without it.
    pub admin: Option<SocketAddr>,
    /// Whether every request has its line in the log.
    pub access_log: bool,
    /// Whether answers say how long each stage took.
    pub server_timing: bool,
    /// Where traces are sent, if they are.
    pub traces: Option<TraceConfig>,
    /// Where requests are written down, if some are.
    pub samples: Option<SampleConfig>,
}

/// Where traces are sent, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceConfig {
    /// The URL that they are sent to, as it is.
    pub endpoint: String,
    /// What is sent along, such as a key.
    pub headers: Vec<(String, Secret)>,
    /// For one sending.
    pub timeout: Duration,
    /// What the server is called.
    pub service_name: String,
    /// What else is said of it.
    pub attributes: Vec<(String, String)>,
    /// Which requests are traced.
    pub sampler: TraceSampler,
}

/// Which requests are traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceSampler {
    /// Whether a caller's decision is followed.
    pub parent_based: bool,
    /// Of requests without one: by the trace's number, so that all servers decide alike.
    pub ratio: Ratio,
}

/// Which requests are written down, and how much of them is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleConfig {
    /// The file of JSON lines, the one before which has `.1` at its end; or what Parquet files are called by, beside which
    /// they are.
    pub path: PathBuf,
    /// How many of all.
    pub rate: Ratio,
    /// The most bytes of all its files.
    pub max_bytes: u64,
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Of 2^63.
    threshold: u64,
}

// === impl SampleConfig ===

impl SampleConfig {
    /// Whether Parquet files are written: where the name ends in `.parquet`.
    #[must_use]
    pub fn is_parquet(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "parquet")
    }
}

// === impl Ratio ===

impl Ratio {
    /// All of it.
    pub const ALL: Self = Self { threshold: 1 << 63 };

    /// `part`, a number from 0 to 1.
    #[must_use]
    pub fn new(part: f64) -> Option<Self> {
        // Saturates: 1 is 2^63 exactly.
        (0.0..=1.0).contains(&part).then_some(Self { threshold: (part * (1_u64 << 63) as f64) as u64 })
    }

    /// Whether something with this number, of numbers spread evenly, belongs to the part.
    #[must_use]
    pub fn picks(self, number: u64) -> bool {
        number >> 1 < self.threshold
    }
}

// === impl TraceSampler ===

impl Default for TraceSampler {
    fn default() -> Self {
        Self { parent_based: true, ratio: Ratio::ALL }
    }
}

impl TraceSampler {
    /// Whether a request of this trace is traced, whose caller decided so if it did.
    #[must_use]
    pub fn samples(self, trace: u128, parent: Option<bool>) -> bool {
        match parent.filter(|_| self.parent_based) {
            Some(decided) => decided,
            // The lower half, as OpenTelemetry's own samplers have it.
            None => self.ratio.picks((trace as u64) << 1),
        }
    }
}

/// One request in a hundred.
#[must_use]
pub fn default_sample_rate() -> Ratio {
    Ratio { threshold: Ratio::ALL.threshold / 100 }
}

/// `[HOST:]PORT`; without a host this machine alone.
///
/// # Errors
///
/// What an address looks like.
pub fn parse_admin_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let wrong = || "write `PORT` or `HOST:PORT`, such as `8082` or `0.0.0.0:8082`".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    Ok(SocketAddr::new(parse_host(host)?, port))
}

/// A number from 0 to 1.
///
/// # Errors
///
/// What it looks like.
pub fn parse_ratio(text: &str) -> Result<Ratio, String> {
    let ratio = text.parse().ok().and_then(Ratio::new);
    ratio.ok_or_else(|| "write a number from 0 to 1, such as `0.01`".to_owned())
}

/// Where the environment has the admin port, and whether it wants a line for every request.
///
/// # Errors
///
/// [`ConfigError::Variable`] names the variable that cannot be used.
pub fn admin_from_environment(
    environment: Environment<'_>,
) -> Result<(Option<SocketAddr>, bool), ConfigError> {
    let refused = |name| move |(value, reason)| ConfigError::Variable { name, value, reason };
    let address = first(environment, &["MLHOST_ADMIN_ADDRESS"])
        .map(|(name, value)| parse_admin_address(&value).map_err(|reason| refused(name)((value, reason))))
        .transpose()?;
    let access_log = match first(environment, &["MLHOST_ACCESS_LOG"]) {
        None => false,
        Some((_, value)) if matches!(value.as_str(), "1" | "true") => true,
        Some((_, value)) if matches!(value.as_str(), "0" | "false") => false,
        Some((name, value)) => return Err(refused(name)((value, "it is `true` or `false`".to_owned()))),
    };
    Ok((address, access_log))
}

/// Where traces are sent, as OpenTelemetry's variables have it; `None` where they name no collector.
///
/// # Errors
///
/// [`ConfigError::Variable`] names the variable that cannot be used; never one with a key in it.
pub fn traces_from_environment(environment: Environment<'_>) -> Result<Option<TraceConfig>, ConfigError> {
    let text = |name: &'static str| first(environment, &[name]).map(|(_, value)| value);
    let off = text("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || text("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    let endpoint = text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| {
        let base = text("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        Some(format!("{}/v1/traces", base.trim_end_matches('/')))
    });
    let Some(endpoint) = endpoint.filter(|_| !off) else { return Ok(None) };
    let protocol = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
    if let Some((name, value)) = first(environment, &protocol)
        && value != "http/protobuf"
    {
        let reason = "traces are sent as `http/protobuf`\nhint: collectors take it on port 4318".to_owned();
        return Err(ConfigError::Variable { name, value, reason });
    }
    let headers = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
    let headers = first(environment, &headers).map(|(_, value)| pairs(&value)).unwrap_or_default();
    let timeout = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
    let timeout = match first(environment, &timeout) {
        None => Duration::from_secs(10),
        Some((name, value)) => match value.parse() {
            Ok(milliseconds) => Duration::from_millis(milliseconds),
            Err(_) => {
                let reason = "it is a number of milliseconds".to_owned();
                return Err(ConfigError::Variable { name, value, reason });
            }
        },
    };
    let mut attributes = text("OTEL_RESOURCE_ATTRIBUTES").map(|value| pairs(&value)).unwrap_or_default();
    let named = attributes.iter().position(|(name, _)| name == "service.name");
    let named = named.map(|position| attributes.remove(position).1);
    Ok(Some(TraceConfig {
        endpoint,
        headers: headers.into_iter().map(|(name, value)| (name, Secret::from(value))).collect(),
        timeout,
        service_name: text("OTEL_SERVICE_NAME").or(named).unwrap_or_else(|| "mlhost".to_owned()),
        attributes,
        sampler: sampler(environment)?,
    }))
}

fn sampler(environment: Environment<'_>) -> Result<TraceSampler, ConfigError> {
    let Some((name, value)) = first(environment, &["OTEL_TRACES_SAMPLER"]) else {
        return Ok(TraceSampler::default());
    };
    let (parent_based, rule) = match value.strip_prefix("parentbased_") {
        Some(rule) => (true, rule),
        None => (false, value.as_str()),
    };
    let ratio = match rule {
        "always_on" => Ratio::ALL,
        "always_off" => Ratio { threshold: 0 },
        "traceidratio" => match first(environment, &["OTEL_TRACES_SAMPLER_ARG"]) {
            None => Ratio::ALL,
            Some((name, value)) => {
                parse_ratio(&value).map_err(|reason| ConfigError::Variable { name, value, reason })?
            }
        },
        _ => {
            let reason = "it is `always_on`, `always_off` or `traceidratio`, with or without `parentbased_`"
                .to_owned();
            return Err(ConfigError::Variable { name, value, reason });
        }
    };
    Ok(TraceSampler { parent_based, ratio })
}

/// `name=value,name=value`, with escapes as in URLs; what is no such pair is left out, as OpenTelemetry does.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn traces_are_off_unless_a_collector_is_named() {
        assert_eq!(traces_from_environment(&environment(&[("OTEL_SERVICE_NAME", "x")])).unwrap(), None);
        let disabled =
            environment(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), ("OTEL_SDK_DISABLED", "true")]);
        assert_eq!(traces_from_environment(&disabled).unwrap(), None);
    }

    #[test]
    fn opentelemetrys_variables_mean_what_they_mean_everywhere() {
        let variables = environment(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter%202, x=y,broken"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=ours,deployment.environment=prod"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        ]);
        let config = traces_from_environment(&variables).unwrap().unwrap();
        assert_eq!(config.endpoint, "http://c:4318/v1/traces");
        assert_eq!((config.service_name.as_str(), config.timeout), ("ours", Duration::from_millis(250)));
        assert_eq!(config.attributes, [("deployment.environment".to_owned(), "prod".to_owned())]);
        assert_eq!((config.headers.len(), config.headers[0].1.expose()), (2, "hunter 2"));
        assert!(!format!("{config:?}").contains("hunter"), "{config:?}");
        let sampler = config.sampler;
        assert!(sampler.samples(u128::MAX, Some(true)) && !sampler.samples(0, Some(false)));
        assert!(sampler.samples(0, None) && !sampler.samples(u128::from(u64::MAX >> 1), None));

        let own = environment(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://d/traces"),
            ("OTEL_TRACES_SAMPLER", "always_off"),
        ]);
        let config = traces_from_environment(&own).unwrap().unwrap();
        assert_eq!(config.endpoint, "http://d/traces");
        assert!(!config.sampler.samples(0, Some(true)));
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        for pairs in [
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_TRACES_SAMPLER", "sometimes")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")],
        ] {
            let message = traces_from_environment(&environment(pairs)).unwrap_err().to_string();
            assert!(message.contains(pairs[1].0) && message.contains(pairs[1].1), "{message}");
        }
        for pairs in [&[("MLHOST_ADMIN_ADDRESS", "localhost")], &[("MLHOST_ACCESS_LOG", "maybe")]] {
            let message = admin_from_environment(&environment(pairs)).unwrap_err().to_string();
            assert!(message.contains(pairs[0].0) && message.contains(pairs[0].1), "{message}");
        }
    }

    #[test]
    fn the_admin_port_is_this_machines_alone_unless_an_address_is_given() {
        assert_eq!(parse_admin_address("8082").unwrap().to_string(), "127.0.0.1:8082");
        assert_eq!(parse_admin_address("0.0.0.0:0").unwrap().to_string(), "0.0.0.0:0");
        assert_eq!(parse_admin_address("[::1]:8082").unwrap().to_string(), "[::1]:8082");
        for text in ["", "host", "host:", "70000", ":http"] {
            assert!(parse_admin_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_ratio_picks_its_part() {
        assert!(Ratio::ALL.picks(u64::MAX) && !parse_ratio("0").unwrap().picks(0));
        let tenth = parse_ratio("0.1").unwrap();
        let picked = (0..1000).filter(|number| tenth.picks(number * (u64::MAX / 1000))).count();
        assert_eq!(picked, 101);
        assert!(["-0.1", "1.1", "NaN", "x"].iter().all(|text| parse_ratio(text).is_err()));
    }
}
