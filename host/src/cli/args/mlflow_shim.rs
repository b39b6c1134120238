//! What `mlhost mlflow-shim` takes.

use std::ffi::OsString;
use std::path::PathBuf;

/// `mlhost mlflow-shim DIR`, and what the file that it writes calls.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct MlflowShimArgs {
    /// Folder to write `uvicorn` into; put it first on PATH where `mlflow models serve` runs
    #[arg(value_name = "DIR", required_unless_present = "shim")]
    pub(in crate::cli) directory: Option<PathBuf>,
    /// The written file itself, which calls this program
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "directory")]
    pub(in crate::cli) shim: Option<PathBuf>,
    /// What it was called with
    #[arg(last = true, hide = true, requires = "shim")]
    pub(in crate::cli) arguments: Vec<OsString>,
}
