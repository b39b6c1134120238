//! What a connection may do before it is worth nothing any more.
//!
//! Part of [`super::ServerConfig`]; `serve` keeps to it.

/// The bounds of every connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// The fewest bytes a second of a request's body; 0 for no such bound.
    pub least_body_rate: u32,
}

// === impl ConnectionConfig ===

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self { least_body_rate: 240 }
    }
}
