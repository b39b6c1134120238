//! The models that a request may know of: all of them, or those that its key is for.
//!
//! The protocols and `serve::prediction` find models here and nowhere else, so that no route, and no name in a body or a
//! header, leads past the key's scope.

use std::sync::Arc;

use mlhost_wire::fault::{Fault, FaultKind};

use crate::catalog::{Entry, Wanted};
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

    /// Has the repository's model called `name` loaded, anew where it is loaded already, and waits until it is served. Triton has
    /// a configuration or files of a model come in the request, as `parameter`: here they come out of the repository alone.
    ///
    /// # Errors
    ///
    /// As [`Self::may_use`] and [`Catalog::load`](crate::catalog::Catalog::load).
    pub(crate) async fn load(
        &self,
        exchange: &Exchange<'_>,
        name: &str,
        parameter: Option<&String>,
    ) -> Result<(), Fault> {
        self.may_use(exchange, name)?;
        if let Some(parameter) = parameter {
            let public = format!("parameter `{parameter}`: a model is loaded as the repository has it");
            return Err(Fault::new(FaultKind::BadInput, public));
        }
        self.catalog.load(Wanted { name: name.to_owned(), from: None, again: true }).await
    }

    /// Has the model called `name` unloaded, and waits until it takes no more requests. No model depends on another.
    ///
    /// # Errors
    ///
    /// As [`Self::may_use`] and [`Catalog::unload`](crate::catalog::Catalog::unload).
    pub(crate) async fn unload(&self, exchange: &Exchange<'_>, name: &str) -> Result<(), Fault> {
        self.may_use(exchange, name)?;
        self.catalog.unload(name).await
    }
}
