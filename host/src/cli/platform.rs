//! The platform that `mlhost serve` runs on, and the model that it brings where no flag names one.
//!
//! Called by `serve` before the configuration is made. Reads folders' names, never a model.

use std::path::{Path, PathBuf};

use super::args::{ServeArgs, SourceArgs};
use crate::config::{self, PlatformConfig, Surroundings};

/// How deep a model directory may lie in the folder that a platform names.
const MOST_FOLDERS: usize = 5;

/// What the flags and the surroundings make of it.
pub(super) fn platform(args: &ServeArgs) -> anyhow::Result<PlatformConfig> {
    let has_model = has_model(&args.source);
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

/// The model directory in `folder`: the folder itself, or the only folder in it, and so on. Azure ML and SageMaker hand over
/// the folder that the model was registered or archived in.
fn model_directory(folder: &Path) -> Option<PathBuf> {
    let mut folder = folder.to_owned();
    for _ in 0..MOST_FOLDERS {
        if folder.join("MLmodel").is_file() {
            return Some(folder);
        }
        let mut entries = std::fs::read_dir(&folder).ok()?.filter_map(Result::ok);
        let (only, more) = (entries.next()?, entries.next());
        if more.is_some() || !only.path().is_dir() {
            return None;
        }
        folder = only.path();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_directory_is_found_where_nothing_else_lies_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("iris/1/model");
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(model_directory(root.path()), None);
        std::fs::write(deep.join("MLmodel"), "").unwrap();
        assert_eq!(model_directory(root.path()), Some(deep.clone()));
        assert_eq!(model_directory(&deep), Some(deep));
        std::fs::write(root.path().join("iris/readme"), "").unwrap();
        assert_eq!(model_directory(root.path()), None);
        assert_eq!(model_directory(&root.path().join("none")), None);
    }
}
