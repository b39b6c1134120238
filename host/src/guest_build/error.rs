//! What can go wrong with `mlhost build`; `cli` prints it. Each message ends with a `hint:` line where there is
//! something that the user can do.

use std::path::PathBuf;

/// Why there is no component. All but [`BuildError::Encode`] are mended outside mlhost.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file could not be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The output could not be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program that the build needs could not be started.
    #[error("cannot run `{program}`: {source}\nhint: install it, or put it on PATH")]
    Program {
        /// Its name.
        program: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The path is a folder without a package or a model in Python.
    #[error("`{}` holds no guest: there is neither a `Cargo.toml` nor a `model.py`", path.display())]
    NoPackage {
        /// The folder.
        path: PathBuf,
    },
    /// `cargo metadata` refused the package.
    #[error("cargo cannot read the package in `{}`: {detail}", path.display())]
    Metadata {
        /// The folder.
        path: PathBuf,
        /// What cargo said.
        detail: String,
    },
    /// A workspace in which nothing is a guest.
    #[error(
        "no package in the workspace `{}` builds a `cdylib`, so there is no guest in it\nhint: give the guest's own folder", path.display()
    )]
    NoGuests {
        /// The workspace.
        path: PathBuf,
    },
    /// A workspace with several guests and no word on which.
    #[error("`{}` is a workspace with several guests: {known}\nhint: give the guest's own folder", path.display())]
    SeveralPackages {
        /// The workspace.
        path: PathBuf,
        /// Their names.
        known: String,
    },
    /// The package makes no dynamic library, so there is no module to encode.
    #[error(
        "package `{name}` builds no `cdylib`, so it makes no WebAssembly module\nhint: add these two lines to `{}`\n\n    [lib]\n    crate-type = [\"cdylib\"]\n", manifest.display()
    )]
    NoCdylib {
        /// The package.
        name: String,
        /// Its `Cargo.toml`.
        manifest: PathBuf,
    },
    /// The compiler has said why on stderr.
    #[error("cargo could not build `{name}`{hint}")]
    Compile {
        /// The package.
        name: String,
        /// Empty, or a line break and a hint.
        hint: &'static str,
    },
    /// No rustc that can compile guests, and no way to make one.
    #[error(
        "no Rust standard library for `wasm32-unknown-unknown`: the active rustc has none, and {detail}\nhint: rustup target add wasm32-unknown-unknown\nhint: or build on Debian 12 or later, where mlhost makes a private toolchain out of the packages `rustc-web` and `rust-web-src`"
    )]
    NoToolchain {
        /// Why none could be made.
        detail: String,
    },
    /// The file is not WebAssembly, or not of a kind that can be encoded.
    #[error("`{}` {problem}", path.display())]
    NotAModule {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The module says nothing about its interface.
    #[error(
        "`{}` carries no component metadata: it was not built against mlhost-guest\nhint: depend on `mlhost-guest` and export the model with `mlhost_guest::export!`", path.display()
    )]
    NoMetadata {
        /// The core module.
        path: PathBuf,
    },
    /// The module's metadata and its content disagree.
    #[error("cannot encode `{}` as a component: {detail}", path.display())]
    Encode {
        /// The core module.
        path: PathBuf,
        /// What wit-component said.
        detail: String,
    },
    /// The component exports something, but not what mlhost calls.
    #[error(
        "`{}` does not export `{wanted}`; it exports {found}\nhint: implement `mlhost_guest::Model` and export it with `mlhost_guest::export!`", path.display()
    )]
    NotAModel {
        /// The core module.
        path: PathBuf,
        /// The interface that mlhost calls.
        wanted: &'static str,
        /// What it exports instead.
        found: String,
    },
    /// A file that cannot be imported by its name.
    #[error(
        "`{}` cannot be a model: Python has to import it by its name, beside the SDK's modules\nhint: call it `model.py`", path.display()
    )]
    ModuleName {
        /// The file.
        path: PathBuf,
    },
    /// No componentize-py, and no way to install it.
    #[error(
        "a model in Python needs componentize-py 0.25.1, and {what}{detail}\nhint: `mlhost build` installs it by itself where there is python3 (3.10 or later) with venv and pip (Debian: `apt-get install python3-venv`) and a package index that pip can reach\nhint: or put a componentize-py 0.25.1 on PATH"
    )]
    Python {
        /// What went wrong.
        what: String,
        /// Empty, or a line break and what the program said.
        detail: String,
    },
    /// componentize-py failed for a reason that is not the model's.
    #[error("`{}` failed: {detail}", program.display())]
    Componentize {
        /// The program.
        program: PathBuf,
        /// What it said.
        detail: String,
    },
    /// The user's module raised while it was imported, or cannot be parsed.
    #[error("`{}` cannot be imported:\n{traceback}{hint}", path.display())]
    Import {
        /// The model's file.
        path: PathBuf,
        /// Python's words.
        traceback: String,
        /// Empty, or a line break and a hint.
        hint: &'static str,
    },
    /// The module has no model.
    #[error(
        "`{}` has no model\nhint: write `import mlhost` and `class Model(mlhost.PythonModel)` with a `predict`", path.display()
    )]
    NoModel {
        /// The model's file.
        path: PathBuf,
    },
    /// The module has several, and none is called `Model`.
    #[error("`{}` has several models: {known}\nhint: call the one to serve `Model`", path.display())]
    SeveralModels {
        /// The model's file.
        path: PathBuf,
        /// Their names.
        known: String,
    },
}
