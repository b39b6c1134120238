//! The SDK for Python and the contract, carried by the program itself: `mlhost build` needs no checkout of mlhost.

use std::fs;
use std::path::Path;

use crate::guest_build::BuildError;

/// The contract's folder among what [`write`] writes.
pub(super) const WIT: &str = "wit";

macro_rules! files {
    ($($place:literal: $path:literal),* $(,)?) => {
        &[$(($place, include_str!(concat!("../../../../guest-sdk/", $path)))),*]
    };
}

/// Where each file is written, and what is in it.
pub(super) const FILES: &[(&str, &str)] = files![
    "mlhost_predictor.py": "python/mlhost_predictor.py",
    "mlhost/__init__.py": "python/mlhost/__init__.py",
    "mlhost/blob.py": "python/mlhost/blob.py",
    "mlhost/border.py": "python/mlhost/border.py",
    "mlhost/column.py": "python/mlhost/column.py",
    "mlhost/console.py": "python/mlhost/console.py",
    "mlhost/context.py": "python/mlhost/context.py",
    "mlhost/model.py": "python/mlhost/model.py",
    "mlhost/table.py": "python/mlhost/table.py",
    "mlhost/tensor.py": "python/mlhost/tensor.py",
    "mlhost/testing.py": "python/mlhost/testing.py",
    "wit/mlhost.wit": "wit/mlhost.wit",
    "wit/deps/mlhost-nn/nn.wit": "wit/deps/mlhost-nn/nn.wit",
    "wit/deps/wasi-nn/wasi-nn.wit": "wit/deps/wasi-nn/wasi-nn.wit",
];

/// Writes the SDK into `folder`, and the word which module the model is.
///
/// # Errors
/// [`BuildError::Write`].
pub(super) fn write(folder: &Path, module: &str) -> Result<(), BuildError> {
    let chosen = format!("MODULE = {}\n", serde_json::Value::from(module));
    for (place, content) in FILES.iter().copied().chain([("mlhost_build.py", chosen.as_str())]) {
        let path = folder.join(place);
        let written = match path.parent() {
            Some(parent) => fs::create_dir_all(parent).and_then(|()| fs::write(&path, content)),
            None => fs::write(&path, content),
        };
        written.map_err(|source| BuildError::Write { path, source })?;
    }
    Ok(())
}
