//! What clients order: a model loaded, unloaded, or woken.
//!
//! Called by `loader`. Every order that somebody waits for is answered, whatever comes of it.

use std::path::Path;

use mlhost_wire::fault::{Fault, FaultKind};

use super::room::Room;
use super::{Loader, no_repository};
use crate::catalog::{Order, Wanted};
use crate::repository::{Found, model_directory};

impl Loader {
    pub(super) async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Load(wanted, answer) => {
                let outcome = match &wanted.from {
                    Some(from) => self.load_from(&wanted, Path::new(from)).await,
                    None => self.load_named(&wanted).await,
                };
                // Who ordered it may be gone.
                let _ = answer.send(outcome);
            }
            Order::Unload(name, answer) => {
                let _ = answer.send(self.unload(&name));
            }
            Order::Wake(name) => self.wake(&name).await,
        }
    }

    /// Loads the repository's model of that name.
    async fn load_named(&mut self, wanted: &Wanted) -> Result<(), Fault> {
        let name = &wanted.name;
        if !wanted.again && self.is_loaded(name) {
            return Err(is_loaded(name));
        }
        if let Some(known) = self.shelf.get(name)
            && !known.from_repository
        {
            return Err(is_loaded(name));
        }
        let found = self.find(name)?;
        self.shelf.forgive_one(name);
        self.meet(&found, true, Room::Others).await
    }

    /// Loads the model in `directory`. Whoever orders it makes the room as well.
    async fn load_from(&mut self, wanted: &Wanted, directory: &Path) -> Result<(), Fault> {
        let name = &wanted.name;
        if self.shelf.get(name).is_some() {
            return Err(is_loaded(name));
        }
        if name.is_empty() || name.contains('/') || name.chars().any(char::is_control) {
            let public = "a model's name is a text of one line without `/`";
            return Err(Fault::new(FaultKind::BadInput, public));
        }
        let directory = model_directory(directory).ok_or_else(|| {
            let public =
                format!("there is no model directory at `{}`: one has a file `MLmodel`", directory.display());
            Fault::new(FaultKind::NotFound, public)
        })?;
        let found = Found::alone(name.clone(), directory);
        let outcome = self.meet(&found, true, Room::Refuse).await;
        if outcome.is_err() {
            // As if it had never been ordered: it may be ordered again.
            self.catalog.remove(name);
            self.shelf.remove(name);
        }
        outcome
    }

    fn unload(&mut self, name: &str) -> Result<(), Fault> {
        let Some(known) = self.shelf.get(name).filter(|known| known.wanted) else {
            return Err(Fault::new(FaultKind::NotFound, format!("model `{name}` is not loaded")));
        };
        tracing::info!(model = name, "a model is unloaded, as it was ordered");
        if !known.from_repository {
            self.catalog.remove(name);
            self.shelf.remove(name);
            return Ok(());
        }
        self.shelf.leave(name);
        Ok(())
    }

    /// A request came for a model that is asleep.
    async fn wake(&mut self, name: &str) {
        if self.shelf.get(name).is_none_or(|known| !known.asleep) {
            return;
        }
        tracing::info!(model = name, "asked for, and so loaded again");
        match self.find(name) {
            // Whatever is wrong was logged, and is in the index.
            Ok(found) => drop(self.meet(&found, true, Room::Others).await),
            Err(fault) => tracing::error!(model = name, "cannot be loaded again: {}", fault.public),
        }
        self.shelf.loads().woken();
        self.shelf.forget_asked(name);
    }

    fn find(&self, name: &str) -> Result<Found, Fault> {
        let none =
            || Fault::new(FaultKind::NotFound, format!("there is no model `{name}` in the repository"));
        let repository = self.settings.repository.as_ref().ok_or_else(none)?;
        repository.find(name).map_err(|error| no_repository(&error))?.ok_or_else(none)
    }

    fn is_loaded(&self, name: &str) -> bool {
        self.shelf.get(name).is_some_and(|known| !known.loaded.is_empty())
    }
}

fn is_loaded(name: &str) -> Fault {
    Fault::new(FaultKind::Conflict, format!("model `{name}` is loaded already"))
}
