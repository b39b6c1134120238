//! From a component's bytes to code that can be linked: out of the cache, or by compiling it.
//!
//! `guest.rs` and `snapshot.rs` get every component's code here, before anything is served. What a user hands over is
//! always compiled: precompiled code comes from the cache alone, and nobody else writes there.

use std::path::Path;
use std::sync::OnceLock;

use wasmtime::component::Component;

use crate::code_cache::{CodeCache, Digest, EntryName, Kind};
use crate::engine::Engine;
use crate::error::SandboxError;
use crate::guest::GuestSource;
use crate::limits::Limits;
use crate::target::{Compatibility, Target};

/// Where a guest's code came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeSource {
    /// All of it out of the cache: nothing was compiled.
    Cache,
    /// Some of it was compiled.
    Compiled,
}

/// Code, and where it came from.
pub(crate) struct Code {
    pub(crate) component: Component,
    pub(crate) source: CodeSource,
}

/// The cache, and what tells this machine's code from others'.
pub(crate) struct CodeStore {
    cache: CodeCache,
    native: Compatibility,
    /// Made when it is first asked for: only a machine whose folder was filled elsewhere has such code.
    portable: OnceLock<Option<Compatibility>>,
}

/// Everything that decides what `load-context` leaves behind in a component that reaches neither WASI nor a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin([u8; 32]);

/// A component's code.
///
/// # Errors
///
/// [`SandboxError::Compile`] where it is no component that compiles.
pub(crate) fn of_component(engine: &Engine, component: &[u8]) -> Result<Code, SandboxError> {
    let name = |compatibility: &_| component_entry(compatibility, component);
    match find(engine, name) {
        Some(component) => Ok(Code { component, source: CodeSource::Cache }),
        None => compile(engine, component, name),
    }
}

/// The code of what `load-context` left behind at an earlier start from the same origin.
pub(crate) fn of_origin(engine: &Engine, origin: &Origin) -> Option<Component> {
    find(engine, |compatibility| snapshot_entry(compatibility, origin))
}

/// The code of a snapshot, kept under its origin where every start from there would leave the same behind.
///
/// # Errors
///
/// [`SandboxError::Compile`], which would be wizer's defect.
pub(crate) fn of_snapshot(
    engine: &Engine,
    snapshot: &[u8],
    origin: Option<&Origin>,
) -> Result<Code, SandboxError> {
    match origin {
        Some(origin) => compile(engine, snapshot, |compatibility| snapshot_entry(compatibility, origin)),
        None => of_component(engine, snapshot),
    }
}

/// The name of a component's own code.
pub(crate) fn component_entry(compatibility: &Compatibility, component: &[u8]) -> EntryName {
    let mut digest = Digest::new();
    digest.field(&compatibility.0).field(component);
    EntryName::new(Kind::Component, digest)
}

/// The name of the code of what a `load-context` left behind.
pub(crate) fn snapshot_entry(compatibility: &Compatibility, origin: &Origin) -> EntryName {
    let mut digest = Digest::new();
    digest.field(&compatibility.0).field(&origin.0);
    EntryName::new(Kind::Snapshot, digest)
}

fn find(engine: &Engine, name: impl Fn(&Compatibility) -> EntryName) -> Option<Component> {
    let store = engine.code.as_deref()?;
    let load = |compatibility: &Compatibility| {
        let found = store.cache.load(&name(compatibility))?.deserialize(&engine.wasmtime);
        found.inspect_err(|error| tracing::warn!("code in the cache is not for this machine: {error:#}")).ok()
    };
    load(&store.native).or_else(|| load(store.portable()?))
}

fn compile(
    engine: &Engine,
    component: &[u8],
    name: impl Fn(&Compatibility) -> EntryName,
) -> Result<Code, SandboxError> {
    let failed = |error: wasmtime::Error| SandboxError::Compile(format!("{error:#}"));
    let component = Component::new(&engine.wasmtime, component).map_err(failed)?;
    if let Some(store) = &engine.code {
        store.cache.keep(&name(&store.native), &component.serialize().map_err(failed)?);
    }
    Ok(Code { component, source: CodeSource::Compiled })
}

// === impl CodeSource ===

impl CodeSource {
    /// In one word, for logs and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Compiled => "compiled",
        }
    }

    /// Of two pieces of code together.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Cache { other } else { self }
    }
}

// === impl CodeStore ===

impl CodeStore {
    /// # Errors
    ///
    /// [`SandboxError::CodeCache`] where the folder cannot be used.
    pub(crate) fn open(folder: &Path, engine: &wasmtime::Engine) -> Result<Self, SandboxError> {
        Ok(Self {
            cache: CodeCache::open(folder)?,
            native: Compatibility::of(engine),
            portable: OnceLock::new(),
        })
    }

    fn portable(&self) -> Option<&Compatibility> {
        let portable = || Target::of_this_machine()?.engine().ok().map(|engine| Compatibility::of(&engine));
        self.portable.get_or_init(portable).as_ref()
    }
}

// === impl Origin ===

impl Origin {
    /// `limits` are those that the guest gets: one that may have less memory may leave something else behind.
    pub(crate) fn new(source: &GuestSource<'_>, limits: &Limits) -> Self {
        let Limits { memory_bytes, table_elements, data_bytes, log_bytes: _ } = *limits;
        let mut digest = Digest::new();
        digest.field(env!("CARGO_PKG_VERSION").as_bytes()).field(source.component);
        digest.field(source.model_config.as_bytes());
        for limit in [memory_bytes, table_elements, data_bytes] {
            digest.field(&(limit as u64).to_le_bytes());
        }
        for (name, content) in &source.artifacts {
            digest.field(name.as_bytes()).field(content);
        }
        for (name, value) in &source.grants.environment {
            digest.field(b"variable").field(name.as_bytes()).field(value.as_bytes());
        }
        for directory in &source.grants.read {
            digest.field(b"directory").field(directory.as_os_str().as_encoded_bytes());
        }
        Self(digest.finish_bytes())
    }
}

#[cfg(test)]
mod tests;
