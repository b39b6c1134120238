//! The models behind the server, by name.
//!
//! Made by `cli::serve`; `serve::prediction` asks it once a request whose model that is. Loads nothing; each model's versions
//! are its [`Deployment`]'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use mlhost_wire::fault::{Fault, FaultKind};

use crate::deployment::Deployment;

/// Every model that is served.
pub struct Catalog {
    models: ArcSwap<BTreeMap<String, Arc<Deployment>>>,
}

// === impl Catalog ===

impl Catalog {
    /// One model, which requests that name none are for.
    #[must_use]
    pub fn of_one(deployment: Arc<Deployment>) -> Self {
        let name = deployment.current().app.name.clone();
        Self { models: ArcSwap::from_pointee(BTreeMap::from([(name, deployment)])) }
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

    /// Every model, in the order of their names.
    #[must_use]
    pub fn models(&self) -> Vec<(String, Arc<Deployment>)> {
        self.models.load().iter().map(|(name, deployment)| (name.clone(), Arc::clone(deployment))).collect()
    }
}
