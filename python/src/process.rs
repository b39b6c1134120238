//! What there is once a process: the asynchronous runtime that every model shares, and a log.
//!
//! Called by `model`. A process that forked has none of its parent's threads: its runtime is another one, and what the parent
//! loaded is not called there.

use std::sync::{Arc, Mutex, Once, PoisonError};

use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

/// Whose it is, and the runtime.
static RUNTIME: Mutex<Option<(u32, Arc<Runtime>)>> = Mutex::new(None);

static LOG: Once = Once::new();

/// This process's runtime. Calls run on their own Python threads; its threads have timers, what joins calls, and what makes the
/// next call's sandbox.
pub(crate) fn runtime() -> std::io::Result<Arc<Runtime>> {
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let this = std::process::id();
    match &*slot {
        Some((owner, runtime)) if *owner == this => return Ok(Arc::clone(runtime)),
        // The parent's: its threads are not here, and waiting for them would never end.
        Some(_) => std::mem::forget(slot.take()),
        None => {}
    }
    let runtime = Arc::new(Builder::new_multi_thread().thread_name("mlhost").enable_all().build()?);
    *slot = Some((this, Arc::clone(&runtime)));
    Ok(runtime)
}

/// Warnings, and what MLHOST_LOG asks for, to standard error. Does nothing where something else in this library listens.
pub(crate) fn start_log() {
    LOG.call_once(|| {
        let filter = EnvFilter::try_from_env("MLHOST_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let _ = subscriber.with_ansi(false).try_init();
    });
}
