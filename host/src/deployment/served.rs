//! What of a model is served at one moment: its ready versions, which of them is the default, and why the others are not.
//!
//! Made whole by whoever loads and put into the [`super::Deployment`] in one step, so that no request meets a model of which
//! one version is new and another old. Never changes.

use std::sync::Arc;

use super::release::Release;
use super::routes::Routes;
use super::routing::Routing;
use crate::observe::Choice;

/// How far a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It answers requests.
    Ready,
    /// It is being loaded, or is to be.
    Loading,
    /// It takes no new requests; those under way are still answered.
    Unloading,
    /// It is not loaded: nobody asked for it, it was unloaded, or it cannot be.
    Unavailable,
}

/// A version that is known and not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Its number; none where not even that is known.
    pub version: Option<String>,
    /// How far it is.
    pub state: State,
    /// Why, in one line; empty where the state says it all.
    pub reason: String,
}

/// The versions of one moment.
#[derive(Default)]
pub struct Served {
    /// Ready ones, the lowest first.
    releases: Vec<Arc<Release>>,
    /// Which of them answers a request that names none.
    default: usize,
    /// Known ones that are not ready.
    absent: Vec<Absent>,
    /// Whether it was unloaded for want of memory alone: the next request brings it back.
    asleep: bool,
    /// Where not every request that names no version is for the default.
    routes: Option<Routes>,
}

/// Who answers a request, and who is asked besides.
pub(super) struct Chosen<'s> {
    pub(super) release: &'s Arc<Release>,
    pub(super) by: Choice,
    /// The shadow, and how far its numbers may be off.
    pub(super) shadow: Option<(&'s Arc<Release>, f64)>,
}

// === impl State ===

impl State {
    /// As the index of the V2 protocol spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Loading => "LOADING",
            Self::Unloading => "UNLOADING",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

// === impl Served ===

impl Served {
    /// One version, and no other is known.
    #[must_use]
    pub fn of_one(release: Arc<Release>) -> Self {
        Self { releases: vec![release], ..Self::default() }
    }

    /// These versions. The default is the one of that number, else the highest.
    #[must_use]
    pub fn new(mut releases: Vec<Arc<Release>>, default: Option<&str>, absent: Vec<Absent>) -> Self {
        releases.sort_by(|a, b| order(a.version.name()).cmp(&order(b.version.name())));
        let highest = releases.len().saturating_sub(1);
        let named =
            default.and_then(|name| releases.iter().position(|release| release.version.name() == name));
        Self { default: named.unwrap_or(highest), releases, absent, ..Self::default() }
    }

    /// The same, whose requests that name no version are dealt out as `routing` says. What it says of versions that are not
    /// ready is left out.
    #[must_use]
    pub fn routed(self, routing: &Routing) -> Self {
        let ready: Vec<_> = self.releases.iter().map(|release| release.version.name()).collect();
        let routes = Routes::among(&ready, routing);
        Self { routes, ..self }
    }

    /// No version, until a request asks for one.
    #[must_use]
    pub fn asleep(absent: Vec<Absent>) -> Self {
        Self { absent, asleep: true, ..Self::default() }
    }

    /// No version, and not even which there are is known.
    #[must_use]
    pub fn unusable(reason: &str) -> Self {
        let absent = Absent { version: None, state: State::Unavailable, reason: reason.to_owned() };
        Self { absent: vec![absent], ..Self::default() }
    }

    /// Ready versions, the lowest first.
    #[must_use]
    pub fn releases(&self) -> &[Arc<Release>] {
        &self.releases
    }

    /// What answers a request that names no version.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<Release>> {
        self.releases.get(self.default)
    }

    /// The ready version of that number.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<&Arc<Release>> {
        self.releases.iter().find(|release| release.version.name() == name)
    }

    /// Who answers a request that names `version` or none, and has these headers.
    pub(super) fn choose<'h>(
        &self,
        version: Option<&str>,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> Option<Chosen<'_>> {
        if let Some(version) = version {
            return Some(Chosen { release: self.version(version)?, by: Choice::Version, shadow: None });
        }
        let Some(routes) = &self.routes else {
            return Some(Chosen { release: self.current()?, by: Choice::Default, shadow: None });
        };
        let (position, by) = routes.choose(self.default, header);
        let shadow = routes
            .mirror(position)
            .and_then(|(shadow, tolerance)| Some((self.releases.get(shadow)?, tolerance)));
        Some(Chosen { release: self.releases.get(position)?, by, shadow })
    }

    /// The ready version that is asked what others answered.
    #[must_use]
    pub fn shadow(&self) -> Option<&Arc<Release>> {
        self.releases.get(self.routes.as_ref()?.shadow()?)
    }

    /// Known versions that are not ready.
    #[must_use]
    pub fn absent(&self) -> &[Absent] {
        &self.absent
    }

    /// Whether the next request brings it back.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.asleep
    }
}

/// Numbers by their value and before all else, which is in the order of its letters.
fn order(version: &str) -> (bool, u64, &str) {
    match version.parse() {
        Ok(number) => (false, number, ""),
        Err(_) => (true, 0, version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_their_numbers_and_the_rest_after_them() {
        let mut versions = ["10", "champion", "9", "1"];
        versions.sort_by(|a, b| order(a).cmp(&order(b)));
        assert_eq!(versions, ["1", "9", "10", "champion"]);
    }
}
