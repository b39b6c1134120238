//! The memory that models may have: what is unloaded so that another one can be loaded.
//!
//! Called by `loader::settle` before a version is loaded. A model's memory is reckoned as what its files have, which is known
//! before it is loaded. A model that is unloaded so is asleep: the next request for it brings it back.

use std::time::Duration;

use mlhost_wire::fault::{Fault, FaultKind};

use super::Loader;

/// How often to look, and how many times, whether the last request has left a model that was unloaded.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 100;

/// What to do where there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Nobody waits for it: it sleeps until somebody does.
    Free,
    /// Somebody does: the models that were used the least recently make room.
    Others,
    /// Whoever orders it unloads others himself.
    Refuse,
}

/// Whether there is room now.
#[derive(Debug)]
pub(super) enum Made {
    Room,
    /// It is to sleep.
    Sleep,
}

impl Loader {
    /// Has room for `bytes` more, beside what is loaded and the `own` ones of the model that they are for.
    pub(super) async fn make_room(
        &mut self,
        name: &str,
        (own, bytes): (u64, u64),
        room: Room,
    ) -> Result<Made, Fault> {
        let Some(most) = self.settings.memory_bytes else { return Ok(Made::Room) };
        let full = |why: &str| {
            let public = format!("there is no room for model `{name}`: {why}");
            Fault::new(FaultKind::NoRoom, public)
        };
        let needed = own.saturating_add(bytes);
        if needed > most {
            return Err(full("it has more than all models may have together, `--model-memory`"));
        }
        // The model itself is not among those on the shelf just now.
        let fits = |loader: &Self| loader.shelf.bytes().saturating_add(needed) <= most;
        if fits(self) {
            return Ok(Made::Room);
        }
        match room {
            Room::Free => return Ok(Made::Sleep),
            Room::Refuse => return Err(full("others have it")),
            Room::Others => {}
        }
        while !fits(self) {
            if !self.send_to_sleep() {
                return Err(full("nothing is left to unload"));
            }
        }
        self.drop_retired().await;
        Ok(Made::Room)
    }

    /// Unloads the model that was used the least recently.
    fn send_to_sleep(&mut self) -> bool {
        let Some(known) = self.shelf.least_recently_used() else { return false };
        let numbers: Vec<String> = known.loaded.iter().map(|loaded| loaded.number.clone()).collect();
        let releases = known.sleep(numbers.iter().map(String::as_str));
        tracing::info!(
            model = known.deployment.name(),
            "unloaded to make room for another model; the next request brings it back"
        );
        self.shelf.loads().evicted();
        self.shelf.retire(releases);
        true
    }

    /// Waits a moment for the last requests in what was unloaded, so that its memory is free before more is taken.
    async fn drop_retired(&mut self) {
        for _ in 0..LOOKS {
            self.shelf.sweep();
            if !self.shelf.has_retired() {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
