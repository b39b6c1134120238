//! Flags of MLflow's that say which Python environment to make. There is none here: they are taken, so that commands
//! written for MLflow run unchanged, and change nothing.

use clap::ValueEnum;

/// Which Python environment MLflow would make.
#[derive(Debug, Default, clap::Args)]
#[command(
    next_help_heading = "Taken from MLflow, and of no effect: user code runs in a sandbox, without a Python environment"
)]
pub(in crate::cli) struct PythonArgs {
    /// Environment that MLflow would make
    #[arg(long, value_enum, value_name = "NAME")]
    pub(in crate::cli) env_manager: Option<EnvManager>,
    /// MLflow would use the local environment
    #[arg(long)]
    pub(in crate::cli) no_conda: bool,
    /// MLflow would install itself
    #[arg(long)]
    pub(in crate::cli) install_mlflow: bool,
}

/// MLflow's environment managers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum EnvManager {
    Local,
    Virtualenv,
    Uv,
    Conda,
}

/// One line in the log, where any of `flags` was given.
pub(in crate::cli) fn note(flags: &[(&str, bool)]) {
    let given: Vec<&str> = flags.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
    if !given.is_empty() {
        let flags = given.join(" ");
        tracing::info!(
            flags,
            "these flags change nothing: user code runs in a sandbox and needs no Python environment"
        );
    }
}

// === impl PythonArgs ===

impl PythonArgs {
    /// Each flag, and whether it was given.
    pub(in crate::cli) fn flags(&self) -> [(&'static str, bool); 3] {
        [
            ("--env-manager", self.env_manager.is_some()),
            ("--no-conda", self.no_conda),
            ("--install-mlflow", self.install_mlflow),
        ]
    }
}
