//! Flags that say who may ask for what.

use std::path::PathBuf;

use crate::access::AccessConfig;
use crate::access::rate::Rate;
use crate::serve::cors::Origin;

/// Who may ask for what, and from where.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Access (docs/operations.md)")]
pub(in crate::cli) struct AccessArgs {
    /// File of the keys, which `mlhost token new` makes; requests want one of them from then on. Read again when it changes
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) auth_file: Option<PathBuf>,
    /// Health routes want a key, too
    #[arg(long, requires = "auth_file")]
    pub(in crate::cli) auth_health: bool,
    /// Requests of one client address, such as `100/s` or `1000/m`; more are answered 429 [default: no bound]
    #[arg(long, value_name = "RATE")]
    pub(in crate::cli) rate_limit: Option<Rate>,
    /// Origin whose pages may read answers, such as `https://app.example.org`, or `*` for every one; can be repeated
    #[arg(long, value_name = "ORIGIN")]
    pub(in crate::cli) cors_origin: Vec<Origin>,
}

// === impl AccessArgs ===

impl AccessArgs {
    /// What they mean.
    pub(in crate::cli) fn config(&self) -> AccessConfig {
        AccessConfig {
            key_file: self.auth_file.clone(),
            closed_health: self.auth_health,
            rate: self.rate_limit,
        }
    }
}
