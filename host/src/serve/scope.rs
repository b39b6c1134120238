//! The models that a request may know of: all of them, or those that its key is for.
//!
//! The protocols and `serve::prediction` find models here and nowhere else, so that no route, and no name in a body or a
//! header, leads past the key's scope.

use std::sync::Arc;

use mlhost_wire::fault::Fault;

use crate::catalog::Entry;
use crate::deployment::Deployment;
use crate::serve::exchange::Exchange;
use crate::serve::handler::Service;

impl Service {
    /// The model that the request is for: the one that it names, else the only one.
    ///
    /// # Errors
    ///
    /// [`FaultKind::NotFound`](mlhost_wire::fault::FaultKind::NotFound) where there is none; before that,
    /// [`FaultKind::Forbidden`](mlhost_wire::fault::FaultKind::Forbidden) where its key is for others, whether or not there is
    /// such a model.
    pub(crate) fn model(&self, exchange: &Exchange<'_>) -> Result<Arc<Deployment>, Fault> {
        let name = exchange.model.as_deref();
        if let Some(name) = name {
            self.may_use(exchange, name)?;
        }
        let deployment = self.catalog.find(name)?;
        if name.is_none() {
            self.may_use(exchange, deployment.name())?;
        }
        Ok(deployment)
    }

    /// Every model that the request may know of, in the order of their names.
    pub(crate) fn models(&self, exchange: &Exchange<'_>) -> Vec<(String, Arc<Deployment>)> {
        let mut models = self.catalog.models();
        models.retain(|(name, _)| self.may_use(exchange, name).is_ok());
        models
    }

    /// Whether there is any model, which probes may know.
    pub(crate) fn has_models(&self) -> bool {
        !self.catalog.models().is_empty()
    }

    /// Every version of every model that the request may know of.
    pub(crate) fn index(&self, exchange: &Exchange<'_>) -> Vec<Entry> {
        let mut entries = self.catalog.index();
        entries.retain(|entry| self.may_use(exchange, &entry.name).is_ok());
        entries
    }

    /// Whether the request may use the model called `name`: for what is asked for by another name than
    /// [`Exchange::model`].
    ///
    /// # Errors
    ///
    /// [`FaultKind::Forbidden`](mlhost_wire::fault::FaultKind::Forbidden).
    pub(crate) fn may_use(&self, exchange: &Exchange<'_>, name: &str) -> Result<(), Fault> {
        self.access.may_use(exchange.key.as_deref(), name)
    }
}
