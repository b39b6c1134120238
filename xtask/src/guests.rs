//! `cargo xtask guests`: every component under `models/` from its source, through `mlhost build` as a user would.
//!
//! A guest is a folder `guest` with a Cargo.toml; its component is `component.wasm` beside that folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::process::{mlhost, root, run, target};

pub(crate) fn rebuild_in_place() -> anyhow::Result<()> {
    rebuild(&mlhost()?, &root().join("models"))
}

/// Copies `models/` below the target directory and rebuilds it there: the committed components stay as they are.
pub(crate) fn rebuild_copy(mlhost: &Path) -> anyhow::Result<PathBuf> {
    let copy = target().join("models-rebuilt");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    let models = root().join("models");
    copy_tree(&models, &copy)?;
    for guest in guests(&models)? {
        let place = guest.strip_prefix(&models)?;
        build(mlhost, &guest, &copy.join(place).with_file_name("component.wasm"))?;
    }
    Ok(copy)
}

fn rebuild(mlhost: &Path, models: &Path) -> anyhow::Result<()> {
    for guest in guests(models)? {
        build(mlhost, &guest, &guest.with_file_name("component.wasm"))?;
    }
    Ok(())
}

/// One guest's folder, or a model in Python, to its component.
pub(crate) fn build(mlhost: &Path, guest: &Path, component: &Path) -> anyhow::Result<()> {
    let guests = target().join("guests");
    run(Command::new(mlhost).arg("build").arg(guest).arg("-o").arg(component).env("CARGO_TARGET_DIR", guests))
}

/// Every guest's folder, sorted.
fn guests(models: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![models.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
            let path = entry?.path();
            if path.ends_with("guest") && path.join("Cargo.toml").is_file() {
                found.push(path);
            } else if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            }
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "there is no guest below `{}`", models.display());
    Ok(found)
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        // Sources are built where they are: their paths into the repository would not hold in the copy.
        if path.ends_with("target") || path.ends_with("guest") {
            continue;
        }
        if path.is_dir() {
            copy_tree(&path, &copy)?;
        } else {
            fs::copy(&path, &copy)?;
        }
    }
    Ok(())
}
