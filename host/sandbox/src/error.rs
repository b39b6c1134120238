//! What can go wrong in a sandbox. `host/src/fault.rs` maps each variant to what the client sees.

use std::path::PathBuf;

use mlhost_nn::NnError;
use mlhost_wire::values::Inconsistent;

/// What a guest has only so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Linear memory, in bytes.
    Memory,
    /// Table elements.
    Table,
    /// Stack depth.
    Stack,
    /// Bytes handed to the host in one call, or held there at one time.
    Data,
}

/// How a guest trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrapKind {
    /// It ran into `unreachable`: a panic, an assertion, an `abort`.
    Unreachable,
    /// It read or wrote outside its memory.
    Memory,
    /// It called through a table what is not there or of another type.
    IndirectCall,
    /// It divided by zero, or a number was too large for its type.
    Arithmetic,
    /// It broke the canonical ABI, such as by text that is no UTF-8, or what else wasmtime found.
    Other,
}

/// A sandbox's failure.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// wasmtime cannot be set up on this machine.
    #[error(
        "cannot set up the sandbox engine: {0}\n\
         hint: each request's sandbox takes gigabytes of address space and no memory yet: `ulimit -v` has to allow for it, or \
         `--max-requests` be lower"
    )]
    Engine(String),
    /// The file is not a component that compiles.
    #[error("cannot compile the component: {0}\nhint: `mlhost inspect` says what kind of file it is")]
    Compile(String),
    /// The folder of compiled code is not safe to use, or cannot be made.
    #[error("the code cache `{}` cannot be used: {reason}", folder.display())]
    CodeCache {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The component asks for something that mlhost does not give.
    #[error(
        "the component imports `{import}`, which mlhost does not provide\n\
         hint: `mlhost inspect` lists what it asks for and what would be granted"
    )]
    Import {
        /// The import's name, or wasmtime's message about it.
        import: String,
    },
    /// The component is no predictor.
    #[error(
        "the component does not export `mlhost:guest/predictor@0.1.0` as mlhost calls it: {0}\n\
         hint: build it against this version's `mlhost-guest`"
    )]
    Export(String),
    /// A granted directory cannot be opened.
    #[error("cannot open the granted directory `{path}`: {message}")]
    Grant {
        /// The directory.
        path: String,
        /// The operating system's words.
        message: String,
    },
    /// The guest's `load-context` did not succeed.
    #[error("load-context failed: {0}")]
    LoadContext(#[source] Box<SandboxError>),
    /// The guest said that the caller's input is wrong; the text is meant for the caller.
    #[error("{0}")]
    Rejected(String),
    /// The guest said that it failed; the text is meant for the log.
    #[error("the guest failed: {0}")]
    Failed(String),
    /// The guest trapped or broke the canonical ABI.
    #[error("the guest trapped: {detail}")]
    Trapped {
        /// How.
        kind: TrapKind,
        /// wasmtime's words, with the guest's backtrace.
        detail: String,
    },
    /// The guest asked for more than it may have.
    #[error("the guest used up its {budget}: {detail}")]
    Exhausted {
        /// What there was not enough of.
        budget: Budget,
        /// wasmtime's words, with the guest's backtrace.
        detail: String,
    },
    /// The guest's answer contradicts itself.
    #[error("the guest's answer is inconsistent: {0}")]
    Answer(#[from] Inconsistent),
    /// The call did not end in time.
    #[error("the call did not end before its deadline")]
    Deadline,
    /// No instance is free.
    #[error("no sandbox is free: {0}")]
    Overloaded(String),
    /// The graph's queue is full, stopped or out of time: the guest is not asked what it thinks of that.
    #[error(transparent)]
    Graph(#[from] NnError),
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Table => "table",
            Self::Stack => "stack",
            Self::Data => "data budget",
        })
    }
}

// === impl TrapKind ===

impl TrapKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Unreachable, Self::Memory, Self::IndirectCall, Self::Arithmetic, Self::Other];

    /// What metrics call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Memory => "memory",
            Self::IndirectCall => "indirect_call",
            Self::Arithmetic => "arithmetic",
            Self::Other => "other",
        }
    }
}
