//! What `load-context` leaves behind, written back into the component: every call starts from it, and none runs it again.
//!
//! `guest.rs` calls [`take`] once, when a guest is loaded without one in the code cache, and `precompile.rs` for another
//! machine. wasmtime's wizer makes the component's memories and globals readable, its `load-context` runs in a sandbox
//! like any other, and what is there afterwards becomes the component's initial state. What the host holds for a guest
//! cannot be written back, so a guest that keeps a handle over `load-context` is not snapshotted. Whatever fails here costs
//! time at start and nothing else: the guest is then served by running `load-context` for every call.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use crate::bindings::Model;
use crate::code::{self, CodeSource};
use crate::guest::Guest;
use crate::linker;
use crate::state::GuestState;

/// More than any guest's memories, which the limiter bounds: reading them back is the host's own doing.
const FUEL: usize = usize::MAX;

/// A component with its state after `load-context`.
pub(crate) struct Snapshot {
    /// The component, as wasm bytes.
    pub(crate) component: Vec<u8>,
    /// Where the code came from that it was taken with.
    pub(crate) source: CodeSource,
    /// Why another run from the same component and artifacts may leave something else behind; `None` where none can.
    pub(crate) varies: Option<&'static str>,
}

/// The instance that is read, and why that failed if it did: wizer's own traits have no room for errors.
struct Reader<'s> {
    store: &'s mut Store<GuestState>,
    instance: Instance,
    failure: Option<String>,
}

/// The component with its state after `load-context`.
///
/// # Errors
///
/// Why it cannot be had, for the log.
pub(crate) async fn take(guest: &Guest, component: &[u8], patience: Duration) -> Result<Snapshot, String> {
    // wizer asserts what a hostile component may break.
    let taking = AssertUnwindSafe(attempt(guest, component, patience)).catch_unwind();
    match tokio::time::timeout(patience, taking).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err("wizer panicked; its message is above".to_owned()),
        Err(_) => Err("it took longer than a request may".to_owned()),
    }
}

/// The component with functions that read its state: what `load-context` is run in.
///
/// # Errors
///
/// wizer's words.
pub(crate) fn readable(component: &[u8]) -> Result<Vec<u8>, String> {
    let instrumenting = || Wizer::new().keep_init_func(true).instrument_component(component);
    // wizer asserts what a hostile component may break.
    match std::panic::catch_unwind(AssertUnwindSafe(instrumenting)) {
        Ok(Ok((_, readable))) => Ok(readable),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err("wizer panicked; its message is above".to_owned()),
    }
}

async fn attempt(guest: &Guest, component: &[u8], patience: Duration) -> Result<Snapshot, String> {
    let text = |error: wasmtime::Error| format!("{error:#}");
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    let (context, readable) = wizer.instrument_component(component).map_err(text)?;
    let readable = code::of_component(guest.engine(), &readable).map_err(|error| error.to_string())?;
    let (linker, _) = linker::link(&readable.component).map_err(|error| error.to_string())?;
    let ready = linker.instantiate_pre(&readable.component).map_err(text)?;
    let mut store = guest.store(Instant::now() + patience).map_err(|error| error.to_string())?;
    let instance = ready.instantiate_async(&mut store).await.map_err(text)?;
    let model = Model::new(&mut store, &instance).map_err(text)?;
    guest.load_context(&model, &mut store).await.map_err(text)?;
    if store.data().holds_handles() {
        return Err(
            "it keeps a graph, a tensor or a stream open, which only a call of its own can hold".to_owned()
        );
    }
    let varies = varies(guest, store.data());
    store.set_hostcall_fuel(FUEL);
    let mut reader = Reader { store: &mut store, instance, failure: None };
    let component = wizer.snapshot_component(&context, &mut reader).await.map_err(text)?;
    match reader.failure {
        None => Ok(Snapshot { component, source: readable.source, varies }),
        Some(failure) => Err(failure),
    }
}

/// What the guest has seen that another run may see otherwise. What it drew at random is not asked: every call starts from
/// the same draw in any case, and another draw would be as good.
fn varies(guest: &Guest, state: &GuestState) -> Option<&'static str> {
    if guest.sees_this_machine() {
        return Some("it imports WASI and is granted variables or directories, which may change");
    }
    if state.wasi.as_ref().is_some_and(|wasi| wasi.told_time()) {
        return Some("its load-context asks WASI for the time");
    }
    state.reached_graph.then_some("its load-context asks a graph")
}

// === impl Reader ===

impl Reader<'_> {
    /// Calls one of the functions that wizer added.
    async fn call<R: Lift + Send + 'static>(&mut self, instance: &str, function: &str) -> Option<R>
    where
        (R,): ComponentNamedList,
    {
        match self.try_call(instance, function).await {
            Ok(result) => Some(result),
            Err(error) => {
                self.failure.get_or_insert_with(|| format!("its state cannot be read: {error:#}"));
                None
            }
        }
    }

    async fn try_call<R: Lift + Send + 'static>(
        &mut self,
        instance: &str,
        function: &str,
    ) -> wasmtime::Result<R>
    where
        (R,): ComponentNamedList,
    {
        let missing = || wasmtime::Error::msg(format!("`{instance}` has no `{function}`"));
        let (_, holder) = self.instance.get_export(&mut *self.store, None, instance).ok_or_else(missing)?;
        let (_, export) =
            self.instance.get_export(&mut *self.store, Some(&holder), function).ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, export)?;
        Ok(function.call_async(&mut *self.store, ()).await?.0)
    }
}

impl ComponentInstanceState for Reader<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        let bytes = self.call::<WasmList<u8>>(instance, func).await;
        contents(bytes.as_ref().map_or(&[], |bytes| bytes.as_le_slice(&*self.store)));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call::<f32>(instance, func).await.unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call::<f64>(instance, func).await.unwrap_or_default().to_bits()
    }
}
