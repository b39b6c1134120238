//! The platform that `mlhost serve` runs on, and the model that it brings where no flag names one.
//!
//! Called by `serve` before the configuration is made. Reads folders' names, never a model.

use std::path::Path;

use super::args::{ServeArgs, SourceArgs};
use crate::config::{self, PlatformConfig, Surroundings};
use crate::repository::model_directory;

/// What the flags and the surroundings make of it.
pub(super) fn platform(args: &ServeArgs) -> anyhow::Result<PlatformConfig> {
    let has_model = has_model(&args.source) || args.repository.repository.is_some();
    let around = Surroundings { environment: &config::process_environment, has_folder: &Path::is_dir };
    let mut platform = PlatformConfig::new(args.platform.flags(has_model), around)?;
    let folder = platform.model.take();
    platform.model = folder.map(|model| match model_directory(Path::new(&model)) {
        Some(directory) => directory.display().to_string(),
        None => model,
    });
    Ok(platform)
}

/// The model's flags, in place of which the platform's word stands where there are none.
pub(super) fn source(args: &SourceArgs, platform: &PlatformConfig) -> anyhow::Result<SourceArgs> {
    let mut source = args.clone();
    if !has_model(args) {
        source.model_uri.clone_from(&platform.model);
        anyhow::ensure!(
            source.model_uri.is_some(),
            "which model is to be served?\nhint: `-m DIRECTORY` or `-m URI` names it, or `--component` and `--model` its \
             parts; on a platform that mounts it (now: {}) it is taken from there",
            platform.platform.name()
        );
    }
    Ok(source)
}

fn has_model(args: &SourceArgs) -> bool {
    args.model_uri.is_some() || args.component.is_some() || !args.parts.model.is_empty()
}
