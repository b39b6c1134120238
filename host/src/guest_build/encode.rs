//! A core module becomes a component. Called by `build` on what cargo made or on a file that the user names; never
//! compiles and never writes.

use std::path::Path;

use wasmparser::Parser;
use wit_component::ComponentEncoder;

use super::{BuildError, post_return};
use crate::inspect::{self, PREDICTOR};

/// How every core module and no component starts (WebAssembly core specification, section 5.5.16).
const CORE_PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";

/// Encodes `core`, checks the result against the WebAssembly specification and that it is a model. `path` is
/// only for messages.
///
/// # Errors
/// [`BuildError::NotAModule`], [`BuildError::NoMetadata`], [`BuildError::Encode`] or [`BuildError::NotAModel`].
pub(crate) fn encode(core: &[u8], path: &Path) -> Result<Vec<u8>, BuildError> {
    let path = path.to_path_buf();
    if !core.starts_with(CORE_PREAMBLE) {
        let problem = match inspect::inspect(core) {
            Ok(_) => "is a component already: it needs no `mlhost build`".to_owned(),
            _ => "is not a WebAssembly module".to_owned(),
        };
        return Err(BuildError::NotAModule { path, problem });
    }
    // To its end: what comes next takes the lengths of sections on trust.
    for payload in Parser::new(0).parse_all(core) {
        payload.map_err(|error| BuildError::NotAModule {
            path: path.clone(),
            problem: format!("is broken: {error:#}"),
        })?;
    }
    let (stripped, _) = wit_component::metadata::decode(core).map_err(|error| BuildError::NotAModule {
        path: path.clone(),
        problem: format!("is broken: {error:#}"),
    })?;
    if stripped.is_none() {
        return Err(BuildError::NoMetadata { path });
    }
    let core = post_return::without(core).map_err(|error| BuildError::NotAModule {
        path: path.clone(),
        problem: format!("is broken: {error:#}"),
    })?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| BuildError::Encode { path: path.clone(), detail: format!("{error:#}") })?;
    let found = inspect::inspect(&component)
        .map_err(|error| BuildError::Encode { path: path.clone(), detail: error.to_string() })?;
    if !found.exports.iter().any(|export| export.name == PREDICTOR) {
        let found = match found.exports.as_slice() {
            [] => "nothing".to_owned(),
            exports => {
                exports.iter().map(|export| format!("`{}`", export.name)).collect::<Vec<_>>().join(", ")
            }
        };
        return Err(BuildError::NotAModel { path, wanted: PREDICTOR, found });
    }
    Ok(component)
}

#[cfg(test)]
mod tests;
