//! `mlhost fetch-runtime`: the ONNX Runtime library into the cache, by pip, checked by sha256.

use anyhow::Context as _;

use super::output;
use crate::{config, onnxruntime};

pub(super) fn run() -> anyhow::Result<()> {
    let cache = config::cache_dir(&config::process_environment)
        .context("there is no cache folder\nhint: set MLHOST_CACHE_DIR, XDG_CACHE_HOME or HOME")?;
    output::line(onnxruntime::fetch(&cache)?.display())?;
    Ok(())
}
