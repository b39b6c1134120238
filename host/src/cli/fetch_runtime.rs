//! `mlhost fetch-runtime`: the ONNX Runtime library into the cache, by pip, checked by sha256.

use anyhow::Context as _;

use crate::{config, onnxruntime};

#[expect(clippy::print_stdout, reason = "this command's output")]
pub(super) fn run() -> anyhow::Result<()> {
    let cache = config::cache_dir(&config::process_environment)
        .context("there is no cache folder\nhint: set MLHOST_CACHE_DIR, XDG_CACHE_HOME or HOME")?;
    println!("{}", onnxruntime::fetch(&cache)?.display());
    Ok(())
}
