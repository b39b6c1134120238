//! The models behind the server, by name.
//!
//! Made by `cli::serve`; `serve::prediction` asks it once a request whose model that is, and the protocols that list, load and
//! unload models do so here. Loads nothing itself: what is to be loaded or unloaded is handed over to the thread of
//! `loader`, and its answer awaited. Each model's versions are its [`Deployment`]'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mlhost_wire::fault::{Fault, FaultKind};
use tokio::sync::{mpsc, oneshot};

use crate::deployment::{Deployment, State};
use crate::fault;

mod loads;
mod order;

pub use loads::Loads;
pub use order::{Order, Wanted};

/// Every model that is served, or known and not ready.
pub struct Catalog {
    models: ArcSwap<BTreeMap<String, Arc<Deployment>>>,
    /// Who carries out orders, where there is anybody.
    orders: Option<mpsc::Sender<Order>>,
    /// Whether clients may load and unload models.
    controlled: bool,
    /// What was loaded and unloaded, where there is anybody who does.
    loads: Option<Arc<Loads>>,
}

/// One version of one model, as the index lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The model's name.
    pub name: String,
    /// The version; none for a model of which not even that is known.
    pub version: Option<String>,
    /// How far it is.
    pub state: State,
    /// Why it is not ready, in one line; else empty.
    pub reason: String,
}

// === impl Catalog ===

impl Catalog {
    /// One model, which requests that name none are for.
    #[must_use]
    pub fn of_one(deployment: Arc<Deployment>) -> Self {
        let name = deployment.name().to_owned();
        Self { models: ArcSwap::from_pointee(BTreeMap::from([(name, deployment)])), ..Self::empty() }
    }

    /// The same models, and `orders` carried out by whoever receives them; by clients' word, where `controlled`.
    #[must_use]
    pub fn with_orders(self, orders: mpsc::Sender<Order>, controlled: bool) -> Self {
        Self { orders: Some(orders), controlled, ..self }
    }

    /// The same, with what is counted of it.
    #[must_use]
    pub fn with_loads(self, loads: Arc<Loads>) -> Self {
        Self { loads: Some(loads), ..self }
    }

    /// What was loaded and unloaded so far; `None` where nobody does.
    #[must_use]
    pub fn loads(&self) -> Option<&Loads> {
        self.loads.as_deref()
    }

    /// Whether requests for any of its models run user code in a sandbox.
    #[must_use]
    pub fn is_sandboxed(&self) -> bool {
        let models = self.models.load();
        models
            .values()
            .any(|model| model.served().releases().iter().any(|release| release.app.is_sandboxed()))
    }

    /// No model yet.
    #[must_use]
    pub fn empty() -> Self {
        Self { models: ArcSwap::default(), orders: None, controlled: false, loads: None }
    }

    /// The model called `name`; without a name the only one there is.
    ///
    /// # Errors
    ///
    /// [`FaultKind::NotFound`] where there is none, or several and no name.
    pub fn find(&self, name: Option<&str>) -> Result<Arc<Deployment>, Fault> {
        let models = self.models.load();
        let found = match name {
            Some(name) => models.get(name),
            None if models.len() == 1 => models.values().next(),
            None => None,
        };
        found.cloned().ok_or_else(|| {
            let public = match name {
                Some(name) => format!("there is no model `{name}`"),
                None => "the request names no model, and there is not just one".to_owned(),
            };
            Fault::new(FaultKind::NotFound, public)
        })
    }

    /// Every model, in the order of their names; some may have no ready version.
    #[must_use]
    pub fn models(&self) -> Vec<(String, Arc<Deployment>)> {
        self.models.load().iter().map(|(name, deployment)| (name.clone(), Arc::clone(deployment))).collect()
    }

    /// Every version of every model, in the order of their names; a model without versions is one entry.
    #[must_use]
    pub fn index(&self) -> Vec<Entry> {
        self.models.load().values().flat_map(|deployment| entries(deployment)).collect()
    }

    /// Whether clients may load and unload models.
    #[must_use]
    pub fn is_controlled(&self) -> bool {
        self.controlled
    }

    /// Has a model loaded, and waits until it is served.
    ///
    /// # Errors
    ///
    /// [`FaultKind::Forbidden`] where clients may not, [`FaultKind::NotFound`] where there is no such model,
    /// [`FaultKind::Conflict`] where it is loaded already and not wanted again, [`FaultKind::NoRoom`] where there is no memory
    /// for it, [`FaultKind::BadInput`] where it cannot be loaded.
    pub async fn load(&self, wanted: Wanted) -> Result<(), Fault> {
        self.order(|answer| Order::Load(wanted, answer)).await
    }

    /// Has a model unloaded, and waits until it takes no more requests; those under way are still answered.
    ///
    /// # Errors
    ///
    /// [`FaultKind::Forbidden`] where clients may not, [`FaultKind::NotFound`] where it is not loaded.
    pub async fn unload(&self, name: &str) -> Result<(), Fault> {
        self.order(|answer| Order::Unload(name.to_owned(), answer)).await
    }

    async fn order(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<(), Fault>>) -> Order,
    ) -> Result<(), Fault> {
        let Some(orders) = self.orders.as_ref().filter(|_| self.controlled) else {
            let public = "this server does not let clients load and unload models";
            return Err(Fault::new(FaultKind::Forbidden, public));
        };
        let (sender, answer) = oneshot::channel();
        orders.try_send(order(sender)).map_err(|_| fault::overloaded())?;
        answer.await.unwrap_or_else(|_| Err(fault::internal("the thread that loads models is gone")))
    }

    /// Puts a model under its name, in the place of another.
    pub fn insert(&self, deployment: &Arc<Deployment>) {
        self.models.rcu(|models| {
            let mut models = BTreeMap::clone(models);
            models.insert(deployment.name().to_owned(), Arc::clone(deployment));
            models
        });
    }

    /// Forgets a model.
    pub fn remove(&self, name: &str) {
        self.models.rcu(|models| {
            let mut models = BTreeMap::clone(models);
            models.remove(name);
            models
        });
    }
}

fn entries(deployment: &Deployment) -> Vec<Entry> {
    let served = deployment.served();
    let entry = |version: Option<String>, state, reason| Entry {
        name: deployment.name().to_owned(),
        version,
        state,
        reason,
    };
    let ready = served.releases().iter();
    let ready =
        ready.map(|release| entry(Some(release.version.name().to_owned()), State::Ready, String::new()));
    let absent = served.absent().iter();
    let absent = absent.map(|absent| entry(absent.version.clone(), absent.state, absent.reason.clone()));
    let mut entries: Vec<_> = ready.chain(absent).collect();
    if entries.is_empty() {
        entries.push(entry(None, State::Unavailable, String::new()));
    }
    entries
}
