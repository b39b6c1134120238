//! Looks for another version of the model while it is served, loads and warms it beside the old one, and lets it take over.
//!
//! Started by `cli::serve`: a thread of its own, so that neither a download nor a compilation holds up a connection. It
//! looks every `--watch`, and at once on SIGHUP. What does not load or fails its warm-up is refused and the old version
//! goes on; a version that was refused is not tried again until it changes or SIGHUP asks for it. What changed while it was
//! loaded may be half of one version and half of another: it is loaded once more. Never ends the server.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use mlhost_sandbox::Engine;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;

use crate::deployment::{Deployment, Refusal, Release, Version};
use crate::model_source::ModelSource;

/// How often to look whether requests still run in a version that was replaced.
const SWEEP: Duration = Duration::from_millis(200);

/// Where a model comes from, as far as it can come again.
pub trait Origin: Send + 'static {
    /// What it points at: two that are equal mean the same files.
    type Target: Clone + PartialEq + Send + Sync;

    /// What it points at now. Cheap: called every `--watch`.
    fn look(&self) -> impl Future<Output = anyhow::Result<Self::Target>>;

    /// Which version that is.
    fn version(&self, target: &Self::Target) -> Version;

    /// Fetches and reads it, and checks it as far as that goes without loading.
    fn read(&self, target: &Self::Target) -> impl Future<Output = anyhow::Result<ModelSource>>;
}

/// What makes a model that was read one that can be served: loads and warms it.
pub type Load = Box<dyn Fn(ModelSource) -> LoadOutcome + Send>;

/// A model on its way to be served.
pub type LoadOutcome = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<crate::app::App>>>>;

/// What replaces the model.
pub struct Reloader<O: Origin> {
    /// Where its versions come from.
    pub origin: O,
    /// Where the version that is served came from.
    pub serving: O::Target,
    /// What holds it.
    pub deployment: Arc<Deployment>,
    /// Loads a version.
    pub load: Load,
    /// What the sandboxes of every version are made in.
    pub engine: Engine,
}

/// The loop's own state.
struct Round<O: Origin> {
    reloader: Reloader<O>,
    /// The version that was refused last.
    refused: Option<O::Target>,
    /// Replaced, and dropped here once no request runs in it: closing a session takes too long for a request's thread.
    replaced: Vec<Arc<Release>>,
    /// What went wrong at the last look, so that a server that is away for an hour is logged once.
    failing: Option<String>,
    /// Whether the version that was loaded last changed meanwhile: then nobody need ask for another look.
    moved: bool,
}

// === impl Reloader ===

impl<O: Origin> Reloader<O> {
    /// Starts the thread. SIGHUP is caught from here on.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread or no signal handler to give.
    pub fn start(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let hangup = signal(SignalKind::hangup())?;
        drop(entered);
        let round =
            Round { reloader: self, refused: None, replaced: Vec::new(), failing: None, moved: false };
        thread::Builder::new()
            .name("reload".to_owned())
            .spawn(move || runtime.block_on(round.run(hangup)))?;
        Ok(())
    }
}

// === impl Round ===

impl<O: Origin> Round<O> {
    async fn run(mut self, mut hangup: Signal) {
        let mut watch = self.reloader.deployment.watch().map(tokio::time::interval);
        if let Some(watch) = &mut watch {
            watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first is over at once, and what it would look at was just loaded.
            watch.tick().await;
        }
        loop {
            let next = async {
                match &mut watch {
                    Some(watch) => watch.tick().await,
                    None => std::future::pending().await,
                }
            };
            let sweep = tokio::time::sleep(SWEEP);
            let again = tokio::time::sleep(SWEEP);
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                _ = next => false,
                () = again, if self.moved => false,
                () = sweep, if !self.replaced.is_empty() => {
                    self.unload();
                    continue;
                }
            };
            self.moved = false;
            // A version that makes a library panic is one that cannot be served.
            if AssertUnwindSafe(self.look(asked)).catch_unwind().await.is_err() {
                self.refuse(None, &anyhow::anyhow!("a panic while it was loaded; its message is above"));
            }
            // At every look as well: it may be more frequent than the sweep.
            self.unload();
        }
    }

    /// Drops what was replaced and no request runs in any more.
    fn unload(&mut self) {
        let before = self.replaced.len();
        self.replaced.retain(|release| Arc::strong_count(release) > 1);
        if self.replaced.len() < before {
            tracing::debug!(left = self.replaced.len(), "a replaced version is unloaded");
        }
    }

    /// Looks once; `asked` is whether somebody wants it loaded though nothing changed.
    async fn look(&mut self, asked: bool) {
        let deployment = Arc::clone(&self.reloader.deployment);
        deployment.looked();
        let target = match self.reloader.origin.look().await {
            Ok(target) => target,
            Err(error) => return self.refuse(None, &error.context("cannot find out which version to serve")),
        };
        if target == self.reloader.serving && !asked {
            return self.recovered();
        }
        if self.refused.as_ref() == Some(&target) && !asked {
            return;
        }
        let version = self.reloader.origin.version(&target);
        let source = match self.reloader.origin.read(&target).await {
            Ok(source) => source,
            // Not remembered: a download that broke off is tried again.
            Err(error) => return self.refuse(version.number, &error.context("cannot fetch or read it")),
        };
        self.warn_of_memory(&source);
        match (self.reloader.load)(source).await {
            Ok(_) if self.has_moved(&target).await => {
                tracing::info!(
                    version = version.number,
                    "the model was changed while it was loaded: it is loaded again"
                );
                self.moved = true;
            }
            Ok(app) => {
                let (name, number) = (app.name.clone(), version.number.clone());
                self.replaced.extend(deployment.take(Release::new(app, version)));
                self.reloader.serving = target;
                (self.refused, self.failing) = (None, None);
                tracing::info!(model = name, version = number, "a new version is served");
            }
            Err(error) => {
                self.refused = Some(target);
                self.refuse(version.number, &error);
            }
        }
    }

    /// Whether something else is there by now. An origin that cannot say so has said what was loaded.
    async fn has_moved(&self, target: &O::Target) -> bool {
        matches!(self.reloader.origin.look().await, Ok(now) if now != *target)
    }

    fn refuse(&mut self, version: Option<String>, error: &anyhow::Error) {
        let said = format!("{error:#}");
        if self.failing.as_ref() == Some(&said) {
            tracing::debug!(version, "refused again: {said}");
        } else {
            tracing::error!(version, "a new version is refused, the old one is served on: {said}");
            self.failing = Some(said);
        }
        // The whole chain is the log's: it may name files of this machine.
        let reason = error.to_string();
        self.reloader.deployment.refuse(Refusal { version, reason, at: Timestamp::now() });
    }

    /// What is served is what is to be served: what was refused before is wanted no more.
    fn recovered(&mut self) {
        self.refused = None;
        if self.failing.take().is_some() {
            tracing::info!("the version that is served is the one to be served");
            self.reloader.deployment.forgive();
        }
    }

    fn warn_of_memory(&self, source: &ModelSource) {
        let (asked, allowed) = (source.limits.memory_bytes, self.reloader.engine.max_memory_bytes());
        if asked > allowed {
            tracing::warn!(
                asked,
                allowed,
                "this version asks for more memory than the server was started with and gets what there is\n\
                 hint: start the server again, or with `--max-memory`"
            );
        }
    }
}
