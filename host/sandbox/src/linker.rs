//! The allow-list: everything a guest can reach stands on this page.
//!
//! Called by `guest.rs` once per component, never per call. A component that imports no WASI gets a linker without
//! WASI, and pays nothing for it.

use wasmtime::component::{Component, Linker};

use crate::bindings::{mlhost, wasi};
use crate::error::SandboxError;
use crate::state::{GuestState, Host};

/// Interfaces that every guest may import. Each holds types or reaches what its own bundle brought, nothing else.
const ALWAYS: [&str; 9] = [
    // Lines in the host's log, within the call's budget.
    "mlhost:guest/log@0.1.0",
    // The bundle's own files, read only.
    "mlhost:guest/artifacts@0.1.0",
    "mlhost:guest/types@0.1.0",
    "mlhost:nn/types@0.1.0",
    // The bundle's own graphs.
    "mlhost:nn/graphs@0.1.0",
    "wasi:nn/tensor@0.2.0-rc-2024-10-28",
    "wasi:nn/errors@0.2.0-rc-2024-10-28",
    "wasi:nn/inference@0.2.0-rc-2024-10-28",
    "wasi:nn/graph@0.2.0-rc-2024-10-28",
];

/// Packages of WASI 0.2 that are linked for components that import them, through wasmtime-wasi with an empty
/// context: see `wasi.rs` for what that leaves. wasi:http is not among them.
const WASI: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// What every version of WASI 0.2 begins with; 0.3 is another interface.
const WASI_VERSION: &str = "0.2.";

/// What stands behind an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provision {
    /// Every guest may import it.
    Always,
    /// WASI 0.2, linked with nothing granted unless bundle and operator both name it.
    Wasi,
    /// Nothing: a component that imports it is refused.
    Nothing,
}

/// What a guest that imports the interface `import` gets.
#[must_use]
pub fn provision(import: &str) -> Provision {
    if ALWAYS.contains(&import) {
        Provision::Always
    } else if is_wasi(import) {
        Provision::Wasi
    } else {
        Provision::Nothing
    }
}

/// `wasi:cli/environment@0.2.12`, and no release candidate.
fn is_wasi(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else { return false };
    WASI.iter().any(|package| interface.starts_with(package))
        && version
            .strip_prefix(WASI_VERSION)
            .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|digit| digit.is_ascii_digit()))
}

/// A linker with what `component` may import, and whether that includes WASI.
///
/// # Errors
///
/// [`SandboxError::Import`] names the first import that is on neither list.
pub(crate) fn link(component: &Component) -> Result<(Linker<GuestState>, bool), SandboxError> {
    let engine = component.engine();
    let mut uses_wasi = false;
    for (import, _) in component.component_type().imports(engine) {
        match provision(import) {
            Provision::Always => {}
            Provision::Wasi => uses_wasi = true,
            Provision::Nothing => return Err(SandboxError::Import { import: import.to_owned() }),
        }
    }
    let mut linker = Linker::new(engine);
    add_always(&mut linker).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
    if uses_wasi {
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)
            .map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
    }
    Ok((linker, uses_wasi))
}

fn add_always(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    mlhost::guest::log::add_to_linker::<_, Host>(linker, itself)?;
    mlhost::guest::artifacts::add_to_linker::<_, Host>(linker, itself)?;
    mlhost::guest::types::add_to_linker::<_, Host>(linker, itself)?;
    mlhost::nn::types::add_to_linker::<_, Host>(linker, itself)?;
    mlhost::nn::graphs::add_to_linker::<_, Host>(linker, itself)?;
    wasi::nn::tensor::add_to_linker::<_, Host>(linker, itself)?;
    wasi::nn::errors::add_to_linker::<_, Host>(linker, itself)?;
    wasi::nn::inference::add_to_linker::<_, Host>(linker, itself)?;
    wasi::nn::graph::add_to_linker::<_, Host>(linker, itself)
}

fn itself(state: &mut GuestState) -> &mut GuestState {
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_provided_that_is_on_neither_list() {
        for (import, provided) in [
            ("mlhost:guest/log@0.1.0", Provision::Always),
            ("mlhost:guest/log@0.2.0", Provision::Nothing),
            ("wasi:nn/graph@0.2.0-rc-2024-10-28", Provision::Always),
            ("wasi:nn/graph@0.2.0", Provision::Nothing),
            ("wasi:cli/environment@0.2.0", Provision::Wasi),
            ("wasi:sockets/tcp@0.2.12", Provision::Wasi),
            ("wasi:cli/environment@0.2.0-rc-2023-12-05", Provision::Nothing),
            ("wasi:cli/environment@0.3.0", Provision::Nothing),
            ("wasi:cli/environment@0.2.", Provision::Nothing),
            ("wasi:cli/environment", Provision::Nothing),
            ("wasi:http/outgoing-handler@0.2.0", Provision::Nothing),
            ("wasi:clients/x@0.2.0", Provision::Nothing),
        ] {
            assert_eq!(provision(import), provided, "{import}");
        }
    }
}
