//! A guest: one compiled component, and one fresh instance of it for every call.
//!
//! Loaded by host's `serve` before it listens; called by `App::predict`. No code is compiled and no file is read inside
//! a call. A call's instance is dropped with the call, whatever happened in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlhost_nn::Graphs;
use mlhost_wire::values::{Call, Output, Reply};
use wasmtime::component::Component;
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::exports::mlhost::guest::predictor::{Context, Failure};
use crate::bindings::{Model, ModelPre};
use crate::convert::{self, Lent};
use crate::engine::Engine;
use crate::error::SandboxError;
use crate::limits::Limits;
use crate::linker;
use crate::resources::GuestResources;
use crate::state::GuestState;
use crate::trap::classify;
use crate::wasi::{WasiGrants, WasiState};

/// What a guest is made from.
pub struct GuestSource<'a> {
    /// How the log calls it.
    pub name: &'a str,
    /// The component, as wasm bytes; precompiled code is not accepted.
    pub component: &'a [u8],
    /// The graphs it may compute with.
    pub graphs: Graphs,
    /// The artifacts it may read.
    pub artifacts: BTreeMap<String, Vec<u8>>,
    /// MLflow's `model_config`, a JSON object.
    pub model_config: String,
    /// What bundle and operator both granted.
    pub grants: WasiGrants,
    /// What one call may use.
    pub limits: Limits,
}

/// A component that is ready to be called. Shared between threads.
pub struct Guest {
    engine: Engine,
    model: ModelPre<GuestState>,
    resources: GuestResources,
    model_config: String,
    limits: Limits,
    /// `None` for a component that imports no WASI.
    wasi: Option<WasiGrants>,
}

// === impl Guest ===

impl Guest {
    /// Compiles and links a component, and tries it: its `load-context` must succeed once before it is served.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] says whether the component does not compile, imports what it may not, exports no predictor, or
    /// fails in `load-context` (within `patience`).
    pub async fn load(
        engine: &Engine,
        source: GuestSource<'_>,
        patience: Duration,
    ) -> Result<Self, SandboxError> {
        let component = Component::new(&engine.wasmtime, source.component)
            .map_err(|error| SandboxError::Compile(format!("{error:#}")))?;
        let (linker, uses_wasi) = linker::link(&component)?;
        let instance = linker
            .instantiate_pre(&component)
            .map_err(|error| SandboxError::Import { import: format!("{error:#}") })?;
        let model = ModelPre::new(instance).map_err(|error| SandboxError::Export(format!("{error:#}")))?;
        let mut limits = source.limits;
        limits.memory_bytes = limits.memory_bytes.min(engine.max_memory_bytes);
        let guest = Self {
            engine: engine.clone(),
            model,
            resources: GuestResources {
                name: source.name.into(),
                graphs: source.graphs,
                artifacts: Arc::new(source.artifacts),
            },
            model_config: source.model_config,
            limits,
            wasi: uses_wasi.then_some(source.grants),
        };
        guest
            .within(Instant::now() + patience, async |store| guest.ready(store).await.map(drop))
            .await
            .map_err(|error| SandboxError::LoadContext(Box::new(error)))?;
        Ok(guest)
    }

    /// Runs the guest on one call, in an instance of its own.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Rejected`] is the guest's word to the caller; everything else is a fault of the guest, its
    /// graph, or the server's load.
    pub async fn predict(&self, call: &Call, deadline: Instant) -> Result<Reply, SandboxError> {
        let lent = Lent::new(&call.input).ok_or_else(|| {
            SandboxError::Rejected(format!("a table has at most {} rows; send it in parts", u32::MAX))
        })?;
        let params: Vec<_> = call.params.iter().map(convert::param_in).collect();
        let output = self
            .within(deadline, async |store| {
                let model = self.ready(store).await?;
                let predictor = model.mlhost_guest_predictor();
                let answer = predictor.call_predict(&mut *store, lent.input(), &params).await?;
                answer.map_err(failure)
            })
            .await?;
        let output = convert::output_out(output);
        check(&output)?;
        Ok(Reply { output })
    }

    /// Gives `work` a fresh store, and ends it at the deadline: inside the guest by the epoch, outside by the timer.
    async fn within<T>(
        &self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, SandboxError> {
        let _running = self.engine.ticker.running();
        let mut store = self.store(deadline)?;
        match tokio::time::timeout_at(deadline.into(), work(&mut store)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(classify(error, store.data().limiter.refused)),
            Err(_) => Err(SandboxError::Deadline),
        }
    }

    fn store(&self, deadline: Instant) -> Result<Store<GuestState>, SandboxError> {
        let mut state = GuestState::new(&self.limits, self.resources.clone(), deadline);
        if let Some(grants) = &self.wasi {
            state.wasi = Some(Box::new(WasiState::new(grants, &state.journal)?));
        }
        let mut store = Store::new(&self.engine.wasmtime, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(self.limits.data_bytes);
        store.set_epoch_deadline(1);
        // A yield of our own: wasmtime's wakes itself at once, and tokio then polls nothing else for 61 rounds,
        // which was measured to starve timers by a quarter of a second.
        store.epoch_deadline_callback(|context| {
            if Instant::now() >= context.data().deadline {
                return Err(wasmtime::Error::new(SandboxError::Deadline));
            }
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        Ok(store)
    }

    /// An instance whose `load-context` has run.
    async fn ready(&self, store: &mut Store<GuestState>) -> wasmtime::Result<Model> {
        let model = self.model.instantiate_async(&mut *store).await?;
        let artifacts: Vec<_> = self.resources.artifacts.keys().map(String::as_str).collect();
        let context = Context { model_config: &self.model_config, artifacts: &artifacts };
        let loaded = model.mlhost_guest_predictor().call_load_context(&mut *store, context).await?;
        loaded.map_err(failure)?;
        Ok(model)
    }
}

fn failure(failure: Failure) -> wasmtime::Error {
    wasmtime::Error::new(match failure {
        Failure::Rejected(message) => SandboxError::Rejected(message),
        Failure::Failed(message) => SandboxError::Failed(message),
    })
}

/// A guest's answer is as untrusted as a client's request.
fn check(output: &Output) -> Result<(), SandboxError> {
    match output {
        Output::Table(table) => table.check()?,
        Output::Tensors(tensors) => {
            for tensor in tensors {
                tensor.tensor.check(&tensor.name)?;
            }
        }
        Output::Json(_) | Output::Blob(_) => {}
    }
    Ok(())
}
