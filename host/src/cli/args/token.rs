//! Flags of `mlhost token`.

use clap::Subcommand;

use crate::access::rate::Rate;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct TokenArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TokenCommand {
    /// Make a token, which is shown once, and its entry for the file of keys: `mlhost token new NAME >> keys.toml`
    New(EntryArgs),
    /// The entry of a token that is there already and comes on standard input
    Entry(EntryArgs),
}

/// What the key may do.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct EntryArgs {
    /// Who gets it; what logs call it
    pub(in crate::cli) name: String,
    /// Model that it may use, or several with `*` and `?`; can be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) model: Vec<String>,
    /// It may change what is served, and use the admin port
    #[arg(long)]
    pub(in crate::cli) admin: bool,
    /// How often it may ask, such as `100/s` [default: no bound]
    #[arg(long)]
    pub(in crate::cli) rate: Option<Rate>,
    /// From when on it is good for nothing, such as `2030-01-31T00:00:00Z` [default: never]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) expires: Option<jiff::Timestamp>,
}
