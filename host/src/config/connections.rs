//! What a connection may do before it is worth nothing any more.
//!
//! Part of [`super::ServerConfig`]; `serve::activity` and `serve::connection` keep to it.

use std::time::Duration;

/// The bounds of every connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// For a request's head, from its first byte; for the first one from the connection's begin, encryption included.
    pub header_timeout: Duration,
    /// Without a request, once there was one.
    pub idle_timeout: Duration,
    /// The fewest bytes a second of a request's body, and of an answer's that is not read at once; 0 for no such bound.
    pub least_body_rate: u32,
    /// How long a client may read nothing of its answer.
    pub write_timeout: Duration,
    /// The most requests of one connection; it is closed after the last.
    pub max_requests: Option<u64>,
    /// The most connections of one client address.
    pub max_per_address: Option<u32>,
    /// The largest head of a request, in bytes.
    pub max_header_bytes: u32,
    /// Requests at one time on one HTTP/2 connection.
    pub max_streams: u32,
}

// === impl ConnectionConfig ===

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(300),
            least_body_rate: 240,
            write_timeout: Duration::from_secs(30),
            max_requests: None,
            max_per_address: None,
            max_header_bytes: 64 << 10,
            max_streams: 256,
        }
    }
}
