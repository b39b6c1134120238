//! The machines that code is compiled for: this one with all its CPU can do, or any of an architecture.
//!
//! `engine.rs` has the settings that both share; `code.rs` asks for the portable engine's digest, and `precompile.rs`
//! compiles with it. A portable engine runs nothing: it has no pool and need not be of this machine's architecture.

use std::fmt;
use std::hash::Hash as _;

use crate::code_cache::Digest;
use crate::engine;
use crate::error::SandboxError;

/// An architecture that `mlhost compile` makes code for; Linux in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// x86-64-v2: every processor since 2009. wasmtime looks for each feature before it runs such code.
    X86_64,
    /// Armv8-A without extensions.
    Aarch64,
}

/// A digest of all that decides whether an engine can run code: target, CPU features, settings, wasmtime's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compatibility(pub(crate) [u8; 32]);

// === impl Target ===

impl Target {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// As `uname -m` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// This machine's; `None` on an architecture that nothing is compiled for in advance.
    #[must_use]
    pub fn of_this_machine() -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == std::env::consts::ARCH)
    }

    /// An engine that compiles for any machine of this architecture.
    pub(crate) fn engine(self) -> Result<wasmtime::Engine, SandboxError> {
        let failed = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let mut config = engine::code_settings();
        config.target(&format!("{}-unknown-linux-gnu", self.name())).map_err(failed)?;
        if self == Self::X86_64 {
            // SAFETY: names CPU features and no other setting; wasmtime refuses code on a machine that lacks one of
            // the features it was compiled for.
            unsafe { config.cranelift_flag_enable("x86-64-v2") };
        }
        wasmtime::Engine::new(&config).map_err(failed)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Compatibility ===

impl Compatibility {
    pub(crate) fn of(engine: &wasmtime::Engine) -> Self {
        let mut digest = Digest::new();
        engine.precompile_compatibility_hash().hash(&mut digest);
        Self(digest.finish_bytes())
    }
}
