//! Which paths of this machine are written shorter in what is compiled here, so that a component neither tells where
//! it was built nor differs for it. Called by `cargo` for guests and by `toolchain` for their standard library.
//!
//! rustc writes the paths of sources into panic messages. What the user's own flags map stays mapped so: of two rules
//! for one path rustc takes the last, and theirs come behind these.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Prefixes of paths and what stands for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remap {
    rules: Vec<(PathBuf, String)>,
}

// === impl Remap ===

impl Remap {
    /// The packages that cargo has unpacked below its home: `serde-1.0.0/src/lib.rs` is left of their paths.
    pub(crate) fn cargo_home(home: &Path) -> Self {
        let mut rules = vec![(home.to_owned(), "cargo".to_owned())];
        rules.extend(registries(home).into_iter().map(|registry| (registry, String::new())));
        Self { rules }
    }

    /// Adds the workspace of `metadata`, cargo's own account of it, and the packages that it uses from other folders.
    pub(crate) fn add_workspace(&mut self, metadata: &Value) {
        if let Some(root) = metadata["workspace_root"].as_str() {
            self.rules.push((root.into(), String::new()));
        }
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let dependencies =
            packages.flat_map(|package| package["dependencies"].as_array().into_iter().flatten());
        for dependency in dependencies {
            if let (Some(path), Some(name)) = (dependency["path"].as_str(), dependency["name"].as_str()) {
                let rule = (PathBuf::from(path), name.to_owned());
                if !self.rules.contains(&rule) {
                    self.rules.push(rule);
                }
            }
        }
    }

    /// The rules as rustc's flags.
    pub(crate) fn flags(&self) -> impl Iterator<Item = String> {
        self.rules.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
    }
}

/// Whether cargo has unpacked anything yet, so that [`Remap::cargo_home`] can see where.
pub(crate) fn knows_registries(home: &Path) -> bool {
    !registries(home).is_empty()
}

/// The folders that cargo unpacks packages in, one a registry.
fn registries(home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn registries_the_workspace_and_packages_beside_it_are_mapped() {
        let home = tempfile::tempdir().unwrap();
        assert!(!knows_registries(home.path()));
        fs::create_dir_all(home.path().join("registry/src/somewhere-1f")).unwrap();
        assert!(knows_registries(home.path()));
        let mut remap = Remap::cargo_home(home.path());
        remap.add_workspace(&json!({
            "workspace_root": "/w",
            "packages": [
                { "dependencies": [{ "name": "sdk", "path": "/sdk/rust" }, { "name": "serde" }] },
                { "dependencies": [{ "name": "sdk", "path": "/sdk/rust" }] },
            ],
        }));
        let home = home.path().display();
        let flags: Vec<_> = remap.flags().collect();
        assert_eq!(
            flags,
            [
                format!("--remap-path-prefix={home}=cargo"),
                format!("--remap-path-prefix={home}/registry/src/somewhere-1f="),
                "--remap-path-prefix=/w=".to_owned(),
                "--remap-path-prefix=/sdk/rust=sdk".to_owned(),
            ]
        );
    }
}
