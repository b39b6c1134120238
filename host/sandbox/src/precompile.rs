//! Code for another machine: everything that a start there would compile, compiled here into a cache folder.
//!
//! Called by host's `mlhost compile`. `load-context` really runs here, in a sandbox of this machine; what it leaves behind
//! is then compiled for the target. Nothing that is compiled for the target is run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::code::{self, Origin};
use crate::code_cache::{CodeCache, EntryName};
use crate::engine::Engine;
use crate::error::SandboxError;
use crate::guest::{Guest, GuestSource, Start};
use crate::snapshot;
use crate::target::{Compatibility, Target};

/// What to compile for, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Precompile<'a> {
    /// The machines that are to run it.
    pub target: Target,
    /// The code cache that it is written to, with a key of its own; what is there already stays.
    pub folder: &'a Path,
    /// How long `load-context` may take here.
    pub patience: Duration,
}

/// What was compiled, and what a start with it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precompiled {
    /// Where each call will begin.
    pub start: Start,
    /// Why a start runs `load-context` itself; `None` where it does not, because it already ran here.
    pub runs_again: Option<String>,
    /// What was written.
    pub entries: Vec<PrecompiledEntry>,
}

/// One file in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrecompiledEntry {
    /// What the code is of.
    pub what: &'static str,
    /// The file.
    pub path: PathBuf,
    /// How large its code is.
    pub bytes: usize,
}

/// Compiles for the target, and writes.
struct Writer<'a> {
    options: Precompile<'a>,
    cache: CodeCache,
    compiler: wasmtime::Engine,
    compatibility: Compatibility,
    entries: Vec<PrecompiledEntry>,
}

/// Loads a component here, and compiles for the target what a start there needs.
///
/// # Errors
///
/// [`SandboxError`] as from [`Guest::load`], and [`SandboxError::CodeCache`] where the folder cannot be written to.
pub async fn precompile(
    engine: &Engine,
    source: GuestSource<'_>,
    options: Precompile<'_>,
) -> Result<Precompiled, SandboxError> {
    let component = source.component;
    let origin = Origin::new(&source, &source.limits_in(engine));
    let guest = Guest::begin(engine, source, None)?;
    guest.attempt(options.patience).await?;
    let mut writer = Writer::new(options)?;
    let snapshot = guest.snapshot(component, options.patience).await;
    let (start, runs_again) = match &snapshot {
        Ok(snapshot) => (Start::Snapshot, snapshot.varies.map(str::to_owned)),
        Err(reason) => (Start::LoadContext(reason.clone()), Some(reason.clone())),
    };
    if runs_again.is_some() {
        writer.write("component", component, |own| code::component_entry(own, component))?;
        if let Ok(readable) = snapshot::readable(component) {
            writer.write("readable", &readable, |own| code::component_entry(own, &readable))?;
        }
    }
    if let Ok(snapshot) = &snapshot {
        let own_name = |own: &Compatibility| match &runs_again {
            None => code::snapshot_entry(own, &origin),
            // Of use where `load-context` leaves the same behind there.
            Some(_) => code::component_entry(own, &snapshot.component),
        };
        writer.write("snapshot", &snapshot.component, own_name)?;
    }
    Ok(Precompiled { start, runs_again, entries: writer.entries })
}

// === impl Writer ===

impl<'a> Writer<'a> {
    fn new(options: Precompile<'a>) -> Result<Self, SandboxError> {
        let cache = CodeCache::open(options.folder)?;
        let compiler = options.target.engine()?;
        let compatibility = Compatibility::of(&compiler);
        Ok(Self { options, cache, compiler, compatibility, entries: Vec::new() })
    }

    fn write(
        &mut self,
        what: &'static str,
        component: &[u8],
        name: impl Fn(&Compatibility) -> EntryName,
    ) -> Result<(), SandboxError> {
        let code = self
            .compiler
            .precompile_component(component)
            .map_err(|error| SandboxError::Compile(format!("{error:#}")))?;
        let path = self.cache.store(&name(&self.compatibility), &code).map_err(|error| {
            SandboxError::CodeCache { folder: self.options.folder.to_owned(), reason: error.to_string() }
        })?;
        self.entries.push(PrecompiledEntry { what, path, bytes: code.len() });
        Ok(())
    }
}
