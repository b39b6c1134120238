//! `mlhost build`: a guest's package, a model in Python, or a core module, to a component.

use std::path::PathBuf;

use super::args::BuildArgs;
use super::output;
use crate::config;
use crate::guest_build::{self, BuildOptions};

pub(super) fn run(args: BuildArgs) -> anyhow::Result<()> {
    let cache = config::cache_dir(&config::process_environment).unwrap_or_else(|| PathBuf::from(".mlhost"));
    let built = guest_build::build(&BuildOptions {
        path: args.path,
        output: args.output,
        toolchain_dir: cache.join("guest-toolchain"),
        target_dir: config::process_environment("CARGO_TARGET_DIR")
            .filter(|folder| !folder.is_empty())
            .map(std::path::absolute)
            .transpose()?,
        cargo_home: config::cargo_home(&config::process_environment),
        quiet: args.quiet,
    })?;
    if !args.quiet {
        let seconds = built.duration.as_secs_f64();
        output::line(format_args!("{}: {} bytes, in {seconds:.1} s", built.path.display(), built.bytes))?;
    }
    Ok(())
}
