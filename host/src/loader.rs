//! The thread that loads and unloads the models of a server that has several.
//!
//! Made by `cli::repository`, which has it load what is there before anything listens; from then on it has a thread of its own,
//! so that neither a look nor a compilation holds up a request. It looks at the repository as its [`Mode`] says, carries out
//! what clients order through the [`Catalog`], and keeps what is loaded within the memory that there is for it. What does not
//! load is refused and what was served goes on; what changed while it was loaded is not taken. Never ends the server.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use mlhost_wire::fault::Fault;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::MissedTickBehavior;

use crate::catalog::{Catalog, Loads, Order};
use crate::fault;
use crate::model_source::ModelSource;
use crate::reload::Load;
use crate::repository::{Found, OwnLimits, Repository};

mod known;
mod orders;
mod room;
mod settle;

use known::Shelf;
use room::Room;

/// How often to look whether requests still run in what was replaced, and how soon to look again at what was being written.
const SWEEP: Duration = Duration::from_millis(200);

/// Orders that wait; more are answered 503 at once.
const MOST_ORDERS: usize = 64;

/// When models are loaded and unloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything that is there, once; SIGHUP looks again.
    Once,
    /// Everything that is there, whenever that changes.
    Poll(Duration),
    /// What clients order, and what is named at the start.
    Explicit,
}

/// Reads a model directory as the operator's rules have it.
pub type Read = Box<dyn Fn(&Path, &OwnLimits) -> anyhow::Result<ModelSource> + Send>;

/// What a loader works with.
pub struct Settings {
    /// Where models are; none where clients name directories.
    pub repository: Option<Repository>,
    /// When.
    pub mode: Mode,
    /// Models to load at the start where that is left to clients; `*` is all of them.
    pub first: Vec<String>,
    /// What all models together may have, in bytes of their files.
    pub memory_bytes: Option<u64>,
    /// Reads a model.
    pub read: Read,
    /// Loads one.
    pub load: Load,
}

/// What loads and unloads.
pub struct Loader {
    settings: Settings,
    catalog: Arc<Catalog>,
    orders: Receiver<Order>,
    shelf: Shelf,
    /// Whether something changed while it was loaded: then nobody need ask for another look.
    moved: bool,
    /// What was wrong with the repository at the last look, so that one that is away for an hour is logged once.
    failing: Option<String>,
}

// === impl Loader ===

impl Loader {
    /// A loader and the catalog that it fills.
    #[must_use]
    pub fn new(settings: Settings) -> (Self, Arc<Catalog>) {
        let (sender, orders) = mpsc::channel(MOST_ORDERS);
        let controlled = settings.mode == Mode::Explicit;
        let loads = Arc::new(Loads::new(settings.memory_bytes));
        let catalog = Catalog::empty().with_orders(sender.clone(), controlled).with_loads(Arc::clone(&loads));
        let catalog = Arc::new(catalog);
        let shelf = Shelf::new(sender, loads);
        (
            Self { settings, catalog: Arc::clone(&catalog), orders, shelf, moved: false, failing: None },
            catalog,
        )
    }

    /// Loads what is to be served from the start, and says of each model that cannot be why.
    ///
    /// # Errors
    ///
    /// Where the repository cannot be read, or a model is wanted that is not there.
    pub async fn load_first(&mut self) -> anyhow::Result<Vec<Fault>> {
        let Some(repository) = &self.settings.repository else { return Ok(Vec::new()) };
        let root = repository.root().display().to_string();
        let found = repository.scan().map_err(|error| {
            anyhow::anyhow!(
                "cannot read the repository `{root}`: {error}\nhint: `--repository` names a folder with one folder for each \
                 model"
            )
        })?;
        for name in self.settings.first.iter().filter(|name| *name != "*") {
            let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
            anyhow::ensure!(
                names.contains(&name.as_str()),
                "there is no model `{name}` in the repository `{root}`\nhint: {}",
                if names.is_empty() {
                    "it has none".to_owned()
                } else {
                    format!("it has {}", names.join(", "))
                }
            );
        }
        let mut faults = Vec::new();
        for found in found {
            let wanted = self.is_wanted_first(&found);
            faults.extend(self.meet(&found, wanted, Room::Free).await.err());
        }
        Ok(faults)
    }

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
        thread::Builder::new().name("loader".to_owned()).spawn(move || runtime.block_on(self.run(hangup)))?;
        Ok(())
    }

    async fn run(mut self, mut hangup: Signal) {
        let mut poll = match self.settings.mode {
            Mode::Poll(every) => {
                let mut poll = tokio::time::interval(every);
                poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
                // The first is over at once, and what it would look at was just loaded.
                poll.tick().await;
                Some(poll)
            }
            Mode::Once | Mode::Explicit => None,
        };
        loop {
            let next = async {
                match &mut poll {
                    Some(poll) => drop(poll.tick().await),
                    None => std::future::pending().await,
                }
            };
            let sweep = tokio::time::sleep(SWEEP);
            let again = tokio::time::sleep(SWEEP);
            let outcome = tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => AssertUnwindSafe(self.carry_out(order)).catch_unwind().await,
                    // The catalog is gone, and with it the server.
                    None => return,
                },
                _ = hangup.recv() => AssertUnwindSafe(self.look(true)).catch_unwind().await,
                () = next => AssertUnwindSafe(self.look(false)).catch_unwind().await,
                () = again, if self.moved => AssertUnwindSafe(self.look(false)).catch_unwind().await,
                () = sweep, if self.shelf.has_retired() => Ok(()),
            };
            if outcome.is_err() {
                tracing::error!("a panic while a model was loaded; its message is above");
            }
            self.shelf.sweep();
        }
    }

    /// Looks at the whole repository once; `asked` is whether somebody wants what was refused tried again.
    async fn look(&mut self, asked: bool) {
        self.moved = false;
        let Some(repository) = &self.settings.repository else { return };
        let found = match repository.scan() {
            Ok(found) => found,
            Err(error) => return self.unreadable(&error),
        };
        if self.failing.take().is_some() {
            tracing::info!("the repository can be read again");
        }
        if asked {
            self.shelf.forgive();
        }
        for name in self.shelf.names() {
            if !found.iter().any(|found| found.name == name) {
                self.forget(&name);
            }
        }
        for found in &found {
            let wanted = self.is_wanted(&found.name);
            // Whatever is wrong was logged, and is in the index.
            let _ = self.meet(found, wanted, Room::Free).await;
        }
    }

    /// A repository that is away for a moment takes no model down.
    fn unreadable(&mut self, error: &io::Error) {
        let said = error.to_string();
        if self.failing.as_ref() != Some(&said) {
            tracing::error!("the repository cannot be read, what is served is served on: {said}");
            self.failing = Some(said);
        }
    }

    /// Whether the model is served where nobody has ordered anything yet.
    fn is_wanted_first(&self, found: &Found) -> bool {
        let first = &self.settings.first;
        self.settings.mode != Mode::Explicit || first.iter().any(|name| name == "*" || *name == found.name)
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.settings.mode != Mode::Explicit || self.shelf.is_wanted(name)
    }

    /// The model's folder is gone.
    fn forget(&mut self, name: &str) {
        if self.shelf.is_from_repository(name) {
            tracing::info!(model = name, "the model is gone from the repository and is served no more");
            self.catalog.remove(name);
            self.shelf.remove(name);
        }
    }
}

/// Why an order cannot be carried out that depends on the repository.
fn no_repository(error: &io::Error) -> Fault {
    fault::internal(format!("the repository cannot be read: {error}"))
}
