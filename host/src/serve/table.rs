//! Every route that any server of this program can have, for the page that lists them.
//!
//! Called by the test that writes `docs/routes.md` and holds it against this.

use crate::config::{PlatformConfig, Protocols, ServedProtocol};
use crate::serve::protocol;

/// A route as the page has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The protocol whose it is.
    pub protocol: &'static str,
    /// What it is asked with.
    pub method: String,
    /// Its path.
    pub path: String,
    /// What it does.
    pub summary: &'static str,
    /// The test that holds it.
    pub test: &'static str,
}

/// The routes of every protocol, in the order in which a server looks at them.
#[must_use]
pub fn lines() -> Vec<Line> {
    let everything = PlatformConfig {
        protocols: Protocols::of(&ServedProtocol::ALL),
        multi_model: true,
        ..PlatformConfig::default()
    };
    let routes = protocol::routes(&everything).into_iter().flatten();
    routes
        .map(|route| Line {
            protocol: route.endpoint.protocol().name(),
            method: route.method.to_string(),
            path: route.path.into_owned(),
            summary: route.summary,
            test: route.test,
        })
        .collect()
}
