//! Flags that bound what a connection may do, and how the server ends.

use std::time::Duration;

use crate::config::{self, ConnectionConfig};

/// What a connection may do, and how the server ends.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Connections (docs/operations.md)")]
pub(in crate::cli) struct ConnectionArgs {
    /// Time for a request's head; for the first one from the connection's begin, TLS included [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = config::parse_timeout)]
    pub(in crate::cli) header_timeout: Option<Duration>,
    /// Time that a connection may have no request [default: 300s]
    #[arg(long, value_name = "TIME", value_parser = config::parse_timeout)]
    pub(in crate::cli) idle_timeout: Option<Duration>,
    /// Time that a client may read nothing of its answer [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = config::parse_timeout)]
    pub(in crate::cli) write_timeout: Option<Duration>,
    /// Fewest bytes a second of a request's body after its first 5 s, and of an answer that is read slowly; 0 for no such
    /// bound [default: 240]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) min_body_rate: Option<u32>,
    /// Largest head of a request [default: 64KiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_header_bytes)]
    pub(in crate::cli) max_header: Option<u32>,
    /// Requests of one connection, which is closed after the last [default: no bound]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) max_connection_requests: Option<u64>,
    /// Connections of one client address at one time; more are closed at once [default: no bound]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) max_connections_per_address: Option<u32>,
    /// Requests at one time on one HTTP/2 connection [default: 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in crate::cli) max_streams: Option<u32>,
    /// After SIGTERM, time in which requests are still taken while health routes say that the server is not ready, so that
    /// balancers look elsewhere first [default: 0]
    #[arg(long, value_name = "TIME", value_parser = config::parse_delay)]
    pub(in crate::cli) drain_delay: Option<Duration>,
    /// After that, time for requests that are under way [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = config::parse_delay)]
    pub(in crate::cli) drain_timeout: Option<Duration>,
}

/// The least that hyper reads into.
const LEAST_HEADER: u64 = 8 << 10;

fn parse_header_bytes(text: &str) -> Result<u32, String> {
    let bytes = config::parse_bytes(text)?;
    let rule = || format!("write a size from {LEAST_HEADER}B to 1GiB");
    u32::try_from(bytes)
        .ok()
        .filter(|bytes| (LEAST_HEADER..=1 << 30).contains(&u64::from(*bytes)))
        .ok_or_else(rule)
}

// === impl ConnectionArgs ===

impl ConnectionArgs {
    /// What they change of `config`.
    pub(in crate::cli) fn apply(&self, config: &mut ConnectionConfig) {
        config.header_timeout = self.header_timeout.unwrap_or(config.header_timeout);
        config.idle_timeout = self.idle_timeout.unwrap_or(config.idle_timeout);
        config.write_timeout = self.write_timeout.unwrap_or(config.write_timeout);
        config.least_body_rate = self.min_body_rate.unwrap_or(config.least_body_rate);
        config.max_header_bytes = self.max_header.unwrap_or(config.max_header_bytes);
        config.max_requests = self.max_connection_requests.or(config.max_requests);
        config.max_per_address = self.max_connections_per_address.or(config.max_per_address);
        config.max_streams = self.max_streams.unwrap_or(config.max_streams);
    }
}
