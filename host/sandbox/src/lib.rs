//! mlhost-sandbox: runs the users' own code, compiled to a Wasm component, for one call at a time.
//!
//! [`Engine`] is made once a process, a [`Guest`] once a component; [`Guest::predict`] gives every call a fresh
//! instance with its own memory, limits and deadline, and drops it afterwards: nothing that one call leaves behind
//! is there for the next. What a guest may import is listed in `linker.rs` and nowhere else. The only crate that
//! knows wasmtime; it knows neither HTTP nor ONNX Runtime.

mod bindings;
mod code;
mod code_cache;
mod convert;
mod engine;
mod error;
mod graphs;
mod guest;
mod journal;
mod limits;
mod linker;
mod precompile;
mod resources;
mod snapshot;
mod spare;
mod spent;
mod state;
mod swap;
mod target;
mod ticker;
mod trap;
mod wasi;
mod wasi_nn;

pub use code::CodeSource;
pub use engine::{Cleaning, Engine, EngineOptions};
pub use error::{Budget, SandboxError, TrapKind};
pub use guest::{Guest, GuestSource, Start};
pub use limits::Limits;
pub use linker::{Provision, provision};
pub use precompile::{Precompile, Precompiled, PrecompiledEntry, precompile};
pub use spent::CallSpent;
pub use target::Target;
pub use wasi::WasiGrants;
