//! One model brought to what its folder and its rules say.
//!
//! Called by `loader` for each model of each look, and for orders. New versions are loaded and warmed beside what is served,
//! which they replace in one step; where one cannot be loaded, all that was served is served on.

use std::sync::Arc;

use jiff::Timestamp;
use mlhost_wire::fault::{Fault, FaultKind};

use super::Loader;
use super::known::{Known, Loaded, Made, Refused};
use super::room::{self, Room};
use crate::deployment::{Refusal, Release, Served, Version};
use crate::repository::{Found, FoundVersion, RULES_FILE, Rules};

/// A version to be loaded, by these rules.
#[derive(Clone, Copy)]
struct Ruled<'f> {
    version: &'f FoundVersion,
    rules: &'f Rules,
}

/// What became of a version.
enum Outcome {
    /// It is loaded as it is.
    Kept,
    /// It is loaded now.
    Loaded(Loaded),
    /// There is no room, and nobody waits for it.
    Asleep,
}

impl Loader {
    /// Has `found` served as it is, where it is `wanted`, and not served else.
    ///
    /// # Errors
    ///
    /// Why one of its versions, or all of it, is not served as it is to be: logged, and in the index.
    pub(super) async fn meet(&mut self, found: &Found, wanted: bool, room: Room) -> Result<(), Fault> {
        let mut known = self.shelf.take(&found.name, self.settings.repository.is_some());
        known.wanted = wanted;
        known.deployment.looked();
        self.catalog.insert(&known.deployment);
        let outcome = if wanted {
            self.settle(&mut known, found, room).await
        } else {
            self.leave(&mut known, found);
            Ok(())
        };
        match &outcome {
            Err(fault) => note_failure(&mut known, fault),
            Ok(()) if known.failing.take().is_some() => known.deployment.forgive(),
            Ok(()) => {}
        }
        self.shelf.put(known);
        outcome
    }

    /// A model that is known and not to be served.
    fn leave(&mut self, known: &mut Known, found: &Found) {
        let releases = known.unload();
        known.asleep = false;
        known.refused.clear();
        known.deployment.put(Served::new(Vec::new(), None, known.absent(found, &[])));
        self.shelf.loads().unloaded(releases.len());
        self.shelf.retire(releases);
    }

    async fn settle(&mut self, known: &mut Known, found: &Found, room: Room) -> Result<(), Fault> {
        if known.asleep && room == Room::Free {
            // Whatever changed: it is loaded when somebody asks for it.
            return Ok(());
        }
        known.refused.retain(|number, _| found.versions.iter().any(|version| version.number == *number));
        let rules = found.rules.as_ref().map_err(|problem| unusable(found, problem))?;
        let wanted = rules.wanted(&found.versions);
        if wanted.is_empty() {
            let hint =
                "hint: a version is a model directory in a folder that is named by its number, `1` and up";
            return Err(unusable(found, &format!("there is no version in its folder\n{hint}")));
        }
        let served_before = !known.loaded.is_empty();
        // What is served gets room for what replaces it.
        let room = if served_before && room == Room::Free { Room::Others } else { room };
        if wanted.iter().any(|version| known.loaded(&version.number).is_none()) {
            self.show(known, found, rules);
        }
        let (mut failed, mut replaced, mut news) = (None, Vec::new(), false);
        for version in &wanted {
            match self.bring(known, Ruled { version, rules }, room).await {
                Ok(Outcome::Kept) => {}
                Ok(Outcome::Loaded(loaded)) => {
                    news = true;
                    replaced.extend(known.keep(loaded));
                }
                Ok(Outcome::Asleep) => {
                    self.put_to_sleep(known, &wanted);
                    return Ok(());
                }
                Err(fault) => failed = failed.or(Some(fault)),
            }
        }
        known.asleep = false;
        if failed.is_none() {
            replaced.extend(known.keep_only(&wanted));
        }
        self.show(known, found, rules);
        self.shelf.loads().unloaded(replaced.len());
        self.shelf.retire(replaced);
        if served_before && news {
            known.deployment.took();
        }
        match rules.missing(&found.versions).first() {
            Some(missing) if failed.is_none() => {
                Err(unusable(found, &format!("`{RULES_FILE}` names version {missing}, which is not there")))
            }
            _ => failed.map_or(Ok(()), Err),
        }
    }

    /// Loads a version, unless it is loaded or was refused as it is.
    async fn bring(&mut self, known: &mut Known, ruled: Ruled<'_>, room: Room) -> Result<Outcome, Fault> {
        let Ruled { version, rules } = ruled;
        let made = Made { stamp: version.stamp, limits: rules.limits.clone() };
        let number = &version.number;
        if known.loaded(number).is_some_and(|loaded| loaded.made == made) {
            known.refused.remove(number);
            return Ok(Outcome::Kept);
        }
        if let Some(refused) = known.refused.get(number).filter(|refused| refused.is_final(&made)) {
            return Err(refused.fault.clone());
        }
        let name = known.deployment.name().to_owned();
        let outcome = match self.make_room(&name, (known.bytes(), version.stamp.bytes), room).await {
            Ok(room::Made::Sleep) => return Ok(Outcome::Asleep),
            Ok(room::Made::Room) => self.load(&name, ruled).await,
            Err(fault) => Err(fault),
        };
        match outcome {
            Ok(release) => {
                self.shelf.loads().loaded();
                known.refused.remove(number);
                Ok(Outcome::Loaded(Loaded { number: number.clone(), made, release: Arc::new(release) }))
            }
            Err(fault) => {
                let refused = Refused { made, fault: fault.clone() };
                let before = known.refused.insert(number.clone(), refused);
                if before.is_none_or(|before| before.fault != fault || before.made.stamp != version.stamp) {
                    self.shelf.loads().failed();
                    // Logged, whatever was logged of other versions.
                    known.failing = None;
                }
                Err(fault)
            }
        }
    }

    async fn load(&mut self, name: &str, Ruled { version, rules }: Ruled<'_>) -> Result<Release, Fault> {
        let number = &version.number;
        let refused = |error: &anyhow::Error| {
            // Clients are told which file it is, and not where on this machine.
            let first = error.to_string().replace(&format!("{}/", version.directory.display()), "");
            let reason = first.lines().next().unwrap_or_default();
            let public = format!("cannot load version `{number}` of model `{name}`: {reason}");
            // The whole chain is the log's.
            let detail = format!("version `{number}`: {error:#}");
            Fault { detail, ..Fault::new(FaultKind::BadInput, public) }
        };
        let read = (self.settings.read)(&version.directory, &rules.limits);
        let mut source = read.map_err(|error| refused(&error))?;
        name.clone_into(&mut source.name);
        let app = (self.settings.load)(source).await;
        if !version.is_unchanged() {
            self.moved = true;
            let public = format!(
                "version `{number}` of model `{name}` was changed while it was loaded: it is loaded again"
            );
            return Err(Fault::new(FaultKind::NotReady, public));
        }
        let app = app.map_err(|error| refused(&error))?;
        let uri = version.directory.display().to_string();
        tracing::info!(model = name, version = number, "a version is loaded");
        Ok(Release::new(app, Version { uri, number: Some(number.clone()) }))
    }

    /// Puts what is loaded in the place of what was served.
    fn show(&mut self, known: &Known, found: &Found, rules: &Rules) {
        let wanted = rules.wanted(&found.versions);
        let releases = known.loaded.iter().map(|loaded| Arc::clone(&loaded.release)).collect();
        let served = Served::new(releases, rules.default.as_deref(), known.absent(found, &wanted));
        known.deployment.put(served.routed(&rules.routing));
    }

    /// Nobody has asked for it yet, and there is no room.
    fn put_to_sleep(&mut self, known: &mut Known, wanted: &[&FoundVersion]) {
        self.shelf.retire(known.sleep(wanted.iter().map(|version| version.number.as_str())));
        tracing::info!(
            model = known.deployment.name(),
            "there is no room for it now; the first request loads it"
        );
    }
}

/// A model of which nothing can be loaded as it is.
fn unusable(found: &Found, problem: &str) -> Fault {
    Fault::new(FaultKind::BadInput, format!("model `{}`: {problem}", found.name))
}

/// Logs a failure once, and has whoever asks for the model told of it where nothing is served.
fn note_failure(known: &mut Known, fault: &Fault) {
    let name = known.deployment.name().to_owned();
    if known.loaded.is_empty() && known.refused.is_empty() {
        known.deployment.put(Served::unusable(fault.public.lines().next().unwrap_or_default()));
    }
    if known.failing.as_ref() == Some(&fault.public) {
        return;
    }
    let served_on = if known.loaded.is_empty() { "" } else { "; what was served is served on" };
    let said = if fault.detail.is_empty() { &fault.public } else { &fault.detail };
    tracing::error!(model = name, "refused{served_on}: {said}");
    known.failing = Some(fault.public.clone());
    known.deployment.refuse(Refusal { version: None, reason: fault.public.clone(), at: Timestamp::now() });
}
