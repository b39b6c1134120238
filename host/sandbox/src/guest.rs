//! A guest: one compiled component, and one fresh instance of it for every call.
//!
//! Loaded by host's `serve` before it listens, with code that `code.rs` has or compiles; called by `App::predict`. No code
//! is compiled and no file is read inside a call. A call's instance is dropped with the call, whatever happened in it;
//! where no other call is under way, right after its answer, and the next call's instance is made then (`spare.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlhost_nn::Graphs;
use mlhost_wire::values::{Call, Output, Reply};
use wasmtime::component::{Component, ComponentExportIndex, TypedFunc};
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::exports::mlhost::guest::predictor::{self as contract, Context, Failure};
use crate::bindings::{Model, ModelPre};
use crate::code::{self, Code, CodeSource, Origin};
use crate::convert::{self, Lent};
use crate::engine::Engine;
use crate::error::SandboxError;
use crate::limits::Limits;
use crate::linker;
use crate::resources::GuestResources;
use crate::snapshot::{self, Snapshot};
use crate::spare::{self, Shelf, Spare};
use crate::spent::CallSpent;
use crate::state::GuestState;
use crate::trap::classify;
use crate::wasi::{WasiGrants, WasiState};

/// The interface that guests export.
const PREDICTOR: &str = "mlhost:guest/predictor@0.1.0";

/// Its function, as the generated bindings type it.
type Predict<'i> = TypedFunc<(contract::Input<'i>, &'i [contract::Param<'i>]), (Answer,)>;
type Answer = Result<contract::Output, Failure>;

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
    /// The model's `predict`, whose type was checked when the guest was loaded.
    predict: ComponentExportIndex,
    resources: Arc<GuestResources>,
    model_config: String,
    limits: Limits,
    /// `None` for a component that imports no WASI.
    wasi: Option<WasiGrants>,
    start: Start,
    code: CodeSource,
    shelf: Shelf,
}

/// Where each call's instance begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At what `load-context` left behind when the guest was loaded.
    Snapshot,
    /// At the component's own beginning: `load-context` runs for every call, for this reason.
    LoadContext(String),
}

// === impl GuestSource ===

impl GuestSource<'_> {
    /// What one call gets in `engine`.
    pub(crate) fn limits_in(&self, engine: &Engine) -> Limits {
        let memory_bytes = self.limits.memory_bytes.min(engine.max_memory_bytes);
        Limits { memory_bytes, ..self.limits.clone() }
    }
}

// === impl Guest ===

impl Guest {
    /// Compiles and links a component, and tries it: its `load-context` must succeed once before it is served. Where the
    /// code cache has what it left behind at an earlier start, that is loaded and nothing is compiled or run again.
    ///
    /// # Errors
    ///
    /// [`SandboxError`] says whether the component does not compile, imports what it may not, exports no predictor, or
    /// fails in `load-context` (within `patience`).
    pub async fn load(
        engine: &Engine,
        source: GuestSource<'_>,
        patience: Duration,
    ) -> Result<Arc<Self>, SandboxError> {
        let begun = Instant::now();
        let (name, component) = (source.name, source.component);
        let origin = engine.code.is_some().then(|| Origin::new(&source, &source.limits_in(engine)));
        let kept = origin.as_ref().and_then(|origin| code::of_origin(engine, origin));
        let mut guest = Self::begin(engine, source, kept)?;
        if guest.start != Start::Snapshot {
            guest.start = match guest.snapshotted(component, origin.as_ref(), patience).await {
                Ok(()) => Start::Snapshot,
                Err(reason) => {
                    tracing::info!(guest = name, reason, "load-context runs for every call");
                    Start::LoadContext(reason)
                }
            };
        }
        let microseconds = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(guest = name, source = guest.code.name(), microseconds, "code loaded");
        guest.attempt(patience).await?;
        Ok(Arc::new(guest))
    }

    /// A guest that begins at `snapshot`, or at its component's own beginning.
    pub(crate) fn begin(
        engine: &Engine,
        source: GuestSource<'_>,
        snapshot: Option<Component>,
    ) -> Result<Self, SandboxError> {
        let (code, start) = match snapshot {
            Some(component) => (Code { component, source: CodeSource::Cache }, Start::Snapshot),
            None => (code::of_component(engine, source.component)?, Start::LoadContext(String::new())),
        };
        let (model, uses_wasi) = prepare(&code.component)?;
        Ok(Self {
            engine: engine.clone(),
            predict: predict_of(&model)?,
            model,
            limits: source.limits_in(engine),
            resources: Arc::new(GuestResources {
                name: source.name.into(),
                graphs: source.graphs,
                artifacts: source.artifacts,
            }),
            model_config: source.model_config,
            wasi: uses_wasi.then_some(source.grants),
            start,
            code: code.source,
            shelf: Shelf::default(),
        })
    }

    /// Makes an instance as a call would, once.
    pub(crate) async fn attempt(&self, patience: Duration) -> Result<(), SandboxError> {
        self.within_new(Instant::now() + patience, async |store| self.try_out(store).await)
            .await
            .map(drop)
            .map_err(|error| SandboxError::LoadContext(Box::new(error)))
    }

    /// Where each call's instance begins.
    #[must_use]
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Where its code came from when it was loaded.
    #[must_use]
    pub fn code(&self) -> CodeSource {
        self.code
    }

    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether it was granted anything of this machine.
    pub(crate) fn sees_this_machine(&self) -> bool {
        self.wasi.as_ref().is_some_and(|grants| !grants.is_empty())
    }

    pub(crate) async fn snapshot(&self, component: &[u8], patience: Duration) -> Result<Snapshot, String> {
        let _running = self.engine.ticker.running();
        snapshot::take(self, component, patience).await
    }

    /// Runs `load-context` once, and lets every call begin at what it leaves behind.
    async fn snapshotted(
        &mut self,
        component: &[u8],
        origin: Option<&Origin>,
        patience: Duration,
    ) -> Result<(), String> {
        let snapshot = self.snapshot(component, patience).await?;
        let origin = origin.filter(|_| snapshot.varies.is_none());
        let code = code::of_snapshot(&self.engine, &snapshot.component, origin);
        let prepared = code.and_then(|code| {
            let (model, _) = prepare(&code.component)?;
            Ok((predict_of(&model)?, model, code.source))
        });
        let (predict, model, source) = prepared.map_err(|error| error.to_string())?;
        (self.predict, self.model) = (predict, model);
        self.code = self.code.and(snapshot.source).and(source);
        Ok(())
    }

    /// Runs the guest on one call, in an instance of its own.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Rejected`] is the guest's word to the caller; everything else is a fault of the guest, its
    /// graph, or the server's load.
    pub async fn predict(self: &Arc<Self>, call: &Call, deadline: Instant) -> Result<Reply, SandboxError> {
        self.predict_within(call, deadline, &mut CallSpent::default()).await
    }

    /// The same, and says in `spent` what it took, whatever came of it.
    ///
    /// # Errors
    ///
    /// As [`Self::predict`].
    pub async fn predict_within(
        self: &Arc<Self>,
        call: &Call,
        deadline: Instant,
        spent: &mut CallSpent,
    ) -> Result<Reply, SandboxError> {
        let began = Instant::now();
        let lent = Lent::new(&call.input).ok_or_else(|| {
            SandboxError::Rejected(format!("a table has at most {} rows; send it in parts", u32::MAX))
        })?;
        let params: Vec<_> = call.params.iter().map(convert::param_in).collect();
        let (mut store, instance) = match self.shelf.take().map(|spare| spare.for_call(deadline)) {
            Some((store, instance)) => (store, Some(instance)),
            None => (self.store(deadline)?, None),
        };
        let outcome = self
            .within(&mut store, deadline, async |store| {
                let instance = match instance {
                    Some(instance) => instance,
                    None => self.model.instance_pre().instantiate_async(&mut *store).await?,
                };
                if matches!(self.start, Start::LoadContext(_)) {
                    let model = Model::new(&mut *store, &instance)?;
                    self.load_context(&model, store).await?;
                }
                let predict = instance.get_func(&mut *store, self.predict).ok_or_else(no_predict)?;
                // SAFETY: `try_out` checked the type of this component's `predict` against the contract's, and an
                // instance of the same component has the same one. The check takes as long as a small guest runs.
                let predict = unsafe { Predict::new_unchecked(predict) };
                let (answer,) = predict.call_async(&mut *store, (lent.input(), &params)).await?;
                answer.map_err(failure)
            })
            .await;
        spent.note(began, store.data());
        let output = outcome?;
        self.retire(store);
        let output = convert::output_out(output);
        check(&output)?;
        Ok(Reply { output })
    }

    /// Drops what a call was in: at once under load; else once its answer is on its way, and makes a spare then.
    fn retire(self: &Arc<Self>, used: Store<GuestState>) {
        if !self.engine.ticker.is_in_use()
            // Without a runtime there is no later.
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
            && let Some(turning) = Shelf::turn(self)
        {
            runtime.spawn(turning.finish(used));
        }
    }

    pub(crate) async fn make_spare(&self) -> Result<(), SandboxError> {
        let deadline = Instant::now() + spare::PATIENCE;
        let make =
            async |store: &mut Store<GuestState>| self.model.instance_pre().instantiate_async(store).await;
        let (instance, store) = self.within_new(deadline, make).await?;
        self.shelf.put(Spare::new(store, instance));
        Ok(())
    }

    /// [`Self::within`], in a fresh store.
    async fn within_new<T>(
        &self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<(T, Store<GuestState>), SandboxError> {
        let mut store = self.store(deadline)?;
        let value = self.within(&mut store, deadline, work).await?;
        Ok((value, store))
    }

    /// Has `work` done in `store`, and ends it at the deadline: inside the guest by the epoch, outside by the timer.
    async fn within<T>(
        &self,
        store: &mut Store<GuestState>,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Store<GuestState>) -> wasmtime::Result<T>,
    ) -> Result<T, SandboxError> {
        let _running = self.engine.ticker.running();
        match tokio::time::timeout_at(deadline.into(), work(store)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(classify(error, store.data().limiter.refused)),
            Err(_) => Err(SandboxError::Deadline),
        }
    }

    pub(crate) fn store(&self, deadline: Instant) -> Result<Store<GuestState>, SandboxError> {
        let mut state = GuestState::new(&self.limits, Arc::clone(&self.resources), deadline);
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

    /// Whether instances can be made: checks the types of what the component exports, and that its `load-context`
    /// succeeds where it runs for every call.
    async fn try_out(&self, store: &mut Store<GuestState>) -> wasmtime::Result<()> {
        let model = self.model.instantiate_async(&mut *store).await?;
        if matches!(self.start, Start::LoadContext(_)) {
            self.load_context(&model, store).await?;
        }
        Ok(())
    }

    pub(crate) async fn load_context(
        &self,
        model: &Model,
        store: &mut Store<GuestState>,
    ) -> wasmtime::Result<()> {
        let artifacts: Vec<_> = self.resources.artifacts.keys().map(String::as_str).collect();
        let context = Context { model_config: &self.model_config, artifacts: &artifacts };
        model.mlhost_guest_predictor().call_load_context(&mut *store, context).await?.map_err(failure)
    }
}

/// Links a component; answers whether it imports WASI, too.
fn prepare(component: &Component) -> Result<(ModelPre<GuestState>, bool), SandboxError> {
    let (linker, uses_wasi) = linker::link(component)?;
    let instance = linker
        .instantiate_pre(component)
        .map_err(|error| SandboxError::Import { import: format!("{error:#}") })?;
    let model = ModelPre::new(instance).map_err(|error| SandboxError::Export(format!("{error:#}")))?;
    Ok((model, uses_wasi))
}

fn predict_of(model: &ModelPre<GuestState>) -> Result<ComponentExportIndex, SandboxError> {
    let component = model.instance_pre().component();
    component
        .get_export_index(None, PREDICTOR)
        .and_then(|predictor| component.get_export_index(Some(&predictor), "predict"))
        .ok_or_else(|| SandboxError::Export(no_predict().to_string()))
}

fn no_predict() -> wasmtime::Error {
    wasmtime::Error::msg("the component has no `predict`")
}

fn failure(failure: Failure) -> wasmtime::Error {
    wasmtime::Error::new(match failure {
        // Found by fuzzing: a client is told something, whatever the guest says.
        Failure::Rejected(message) if message.trim().is_empty() => {
            SandboxError::Rejected("the model refuses this input and does not say why".to_owned())
        }
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
