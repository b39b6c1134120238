//! What a sandbox gets of the environment and of the files, by the grants that its bundle has.
//!
//! Called by the commands that load models.

use mlhost_bundle::Grant;
use mlhost_sandbox::WasiGrants;

use super::Environment;

/// Grants with their values: a granted variable that is not set is not there in the sandbox either.
#[must_use]
pub fn resolve_grants(grants: &[Grant]) -> WasiGrants {
    resolve_grants_in(grants, &|name| std::env::var_os(name))
}

pub(super) fn resolve_grants_in(grants: &[Grant], environment: Environment<'_>) -> WasiGrants {
    let mut resolved = WasiGrants::default();
    for grant in grants {
        match grant {
            Grant::Environment(name) => {
                if let Some(value) = environment(name) {
                    resolved.environment.push((name.clone(), value.to_string_lossy().into_owned()));
                }
            }
            Grant::Read(directory) => resolved.read.push(directory.clone()),
        }
    }
    resolved
}
