//! The flags of a server of several models.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::config;
use crate::loader::Mode;

/// Where several models are, and when they are loaded.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Several models (docs/repository.md)")]
pub(in crate::cli) struct RepositoryArgs {
    /// Folder with one folder for each model, its versions below in folders named 1, 2, ... and its rules in `mlhost.toml`
    // Triton's name for the same.
    #[arg(long, alias = "model-repository", value_name = "DIR", conflicts_with_all = ["model_uri", "component", "model", "artifact", "watch", "model_name"])]
    pub(in crate::cli) repository: Option<PathBuf>,
    /// When its models are loaded and unloaded [default: none]
    #[arg(long, alias = "model-control-mode", value_enum, requires = "repository")]
    pub(in crate::cli) repository_mode: Option<RepositoryMode>,
    /// How often to look for changes in mode `poll` [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = config::parse_timeout, requires = "repository")]
    pub(in crate::cli) repository_poll: Option<Duration>,
    /// Model to load at the start in mode `explicit`, `*` for all; can be repeated
    #[arg(long, value_name = "NAME", requires = "repository")]
    pub(in crate::cli) load_model: Vec<String>,
    /// What the files of all loaded models may have together, such as `8GiB`: the least recently used ones are unloaded,
    /// and loaded again by the next request for them [default: no bound]
    #[arg(long, value_name = "SIZE", value_parser = config::parse_bytes)]
    pub(in crate::cli) model_memory: Option<u64>,
    /// Start though some of the repository's models cannot be loaded, and serve the others
    #[arg(long, requires = "repository")]
    pub(in crate::cli) skip_broken: bool,
}

/// When a repository's models are loaded, in Triton's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum RepositoryMode {
    /// All at the start; SIGHUP looks for changes
    None,
    /// All at the start, and whatever changes
    Poll,
    /// What clients load through the V2 protocol, and what `--load-model` names
    Explicit,
}

/// How often a repository is looked at.
const POLL: Duration = Duration::from_secs(15);

// === impl RepositoryArgs ===

impl RepositoryArgs {
    /// When models are loaded.
    ///
    /// # Errors
    ///
    /// Flags that are for another mode.
    pub(in crate::cli) fn mode(&self) -> anyhow::Result<Mode> {
        let mode = self.repository_mode.unwrap_or(RepositoryMode::None);
        anyhow::ensure!(
            self.repository_poll.is_none() || mode == RepositoryMode::Poll,
            "`--repository-poll` is for `--repository-mode poll`"
        );
        anyhow::ensure!(
            self.load_model.is_empty() || mode == RepositoryMode::Explicit,
            "`--load-model` is for `--repository-mode explicit`: otherwise every model is loaded"
        );
        Ok(match mode {
            RepositoryMode::None => Mode::Once,
            RepositoryMode::Poll => Mode::Poll(self.repository_poll.unwrap_or(POLL)),
            RepositoryMode::Explicit => Mode::Explicit,
        })
    }
}
