//! A model's routing among the versions that are ready at one moment: who answers a request, by its position alone.
//!
//! Made with the [`super::Served`] that it is for, from a [`Routing`]; asked once a request. Allocates nothing and takes no
//! lock. Even, not random: of a thousand requests, a tenth are a hundred.

use std::sync::atomic::{AtomicU64, Ordering};

use super::routing::Routing;
use crate::observe::Choice;

/// 2^64 / φ: multiples of it, modulo 2^64, are spread over all numbers more evenly than those of any other.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The fraction of √2 as 64 bits: nearly as even, and none of its turns are those of [`GOLDEN`], so that a shadow is asked
/// about every version's requests alike.
const SILVER: u64 = 0x6a09_e667_f3bc_c908;

/// Routing to positions of ready versions.
#[derive(Debug)]
pub(super) struct Routes {
    rules: Vec<Rule>,
    split: Option<Split>,
    shadow: Option<Mirrored>,
}

#[derive(Debug)]
struct Rule {
    header: String,
    value: Option<String>,
    position: usize,
}

#[derive(Debug)]
struct Split {
    /// Each version's position, and the weights up to and with its own.
    parts: Vec<(u64, usize)>,
    total: u64,
    turns: Turns<GOLDEN>,
}

/// The shadow.
#[derive(Debug)]
struct Mirrored {
    position: usize,
    /// As a part of 2^64.
    share: u128,
    tolerance: f64,
    turns: Turns<SILVER>,
}

/// Points that lie evenly, whenever one stops to ask for more.
#[derive(Debug, Default)]
struct Turns<const STEP: u64> {
    count: AtomicU64,
}

// === impl Routes ===

impl Routes {
    /// `routing` among the versions `ready`; what is for others is left out. `None` where nothing is left.
    pub(super) fn among(ready: &[&str], routing: &Routing) -> Option<Self> {
        let position = |version: &str| ready.iter().position(|ready| *ready == version);
        let rules = routing.rules().iter().filter_map(|rule| {
            let position = position(&rule.version)?;
            Some(Rule { header: rule.header.clone(), value: rule.value.clone(), position })
        });
        let (mut parts, mut total) = (Vec::new(), 0_u64);
        for (version, weight) in routing.split().filter(|(_, weight)| *weight > 0) {
            if let Some(position) = position(version) {
                total = total.saturating_add(weight.into());
                parts.push((total, position));
            }
        }
        let split = (!parts.is_empty()).then(|| Split { parts, total, turns: Turns::default() });
        let shadow = routing.shadow().and_then(|shadow| {
            // Saturates, and 2^64 is every request.
            let share = (shadow.share * 2_f64.powi(64)) as u128;
            let position = position(&shadow.version)?;
            Some(Mirrored { position, share, tolerance: shadow.tolerance, turns: Turns::default() })
        });
        let routes = Self { rules: rules.collect(), split, shadow };
        let is_empty = routes.rules.is_empty() && routes.split.is_none() && routes.shadow.is_none();
        (!is_empty).then_some(routes)
    }

    /// Who answers a request with these headers; `default` where no rule and no weight says so.
    pub(super) fn choose<'h>(
        &self,
        default: usize,
        header: impl Fn(&str) -> Option<&'h str>,
    ) -> (usize, Choice) {
        let holds = |rule: &&Rule| {
            let found = header(&rule.header);
            found.is_some_and(|found| rule.value.as_deref().is_none_or(|value| value == found))
        };
        if let Some(rule) = self.rules.iter().find(holds) {
            return (rule.position, Choice::Header);
        }
        match self.split.as_ref().and_then(Split::next) {
            Some(position) => (position, Choice::Split),
            None => (default, Choice::Default),
        }
    }

    /// The shadow.
    pub(super) fn shadow(&self) -> Option<usize> {
        self.shadow.as_ref().map(|shadow| shadow.position)
    }

    /// Who is asked besides `picked`, and how far its numbers may be off.
    pub(super) fn mirror(&self, picked: usize) -> Option<(usize, f64)> {
        let shadow = self.shadow.as_ref().filter(|shadow| shadow.position != picked)?;
        let turn = u128::from(shadow.turns.next());
        (turn < shadow.share).then_some((shadow.position, shadow.tolerance))
    }
}

// === impl Split ===

impl Split {
    fn next(&self) -> Option<usize> {
        let turn = u128::from(self.turns.next()) * u128::from(self.total);
        let weight = u64::try_from(turn >> 64).unwrap_or(u64::MAX);
        self.parts.iter().find(|(until, _)| weight < *until).map(|(_, position)| *position)
    }
}

// === impl Turns ===

impl<const STEP: u64> Turns<STEP> {
    fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed).wrapping_mul(STEP)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::deployment::{HeaderRule, Shadow};

    fn rule(header: &str, value: Option<&str>, version: &str) -> HeaderRule {
        HeaderRule { header: header.to_owned(), value: value.map(str::to_owned), version: version.to_owned() }
    }

    fn split(weights: &[(&str, u32)]) -> BTreeMap<String, u32> {
        weights.iter().map(|(version, weight)| ((*version).to_owned(), *weight)).collect()
    }

    fn shadow(version: &str, share: f64) -> Option<Shadow> {
        Some(Shadow { version: version.to_owned(), share, tolerance: 1e-3 })
    }

    fn routes(
        ready: &[&str],
        rules: Vec<HeaderRule>,
        split: BTreeMap<String, u32>,
        shadow: Option<Shadow>,
    ) -> Option<Routes> {
        Routes::among(ready, &Routing::new(rules, split, shadow).unwrap())
    }

    fn none(_: &str) -> Option<&'static str> {
        None
    }

    /// How often each of `versions` was chosen in so many requests without headers.
    fn counts(routes: &Routes, versions: usize, requests: usize) -> Vec<usize> {
        let mut counts = vec![0; versions];
        for _ in 0..requests {
            counts[routes.choose(0, none).0] += 1;
        }
        counts
    }

    #[test]
    fn a_split_is_even_from_wherever_it_is_counted() {
        let routes = routes(&["1", "2"], vec![], split(&[("1", 90), ("2", 10)]), None).unwrap();
        for thousand in 0..20 {
            let found = counts(&routes, 2, 1000);
            assert!(found[0].abs_diff(900) <= 1 && found[1].abs_diff(100) <= 1, "{thousand}: {found:?}");
        }
        // A canary's first request comes soon, and they come one by one.
        let chosen: Vec<_> = (0..1000).map(|_| routes.choose(0, none).0).collect();
        let longest = chosen.split(|version| *version == 1).map(<[usize]>::len).max().unwrap();
        assert!(longest <= 13, "{longest} requests in a row without the canary");
        assert!(!chosen.windows(2).any(|two| two == [1, 1]));
    }

    #[test]
    fn a_split_is_even_whichever_threads_ask() {
        let routes = routes(&["1", "2", "3"], vec![], split(&[("1", 1), ("2", 1), ("3", 2)]), None).unwrap();
        let found: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| counts(&routes, 3, 1000))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let sums: Vec<usize> =
            (0..3).map(|version| found.iter().map(|counts| counts[version]).sum()).collect();
        for (sum, expected) in sums.iter().zip([1000, 1000, 2000]) {
            assert!(sum.abs_diff(expected) <= 3, "{sums:?}");
        }
    }

    #[test]
    fn the_first_rule_that_holds_decides_before_the_split() {
        let rules =
            vec![rule("X-Canary", Some("yes"), "2"), rule("x-canary", None, "3"), rule("x-old", None, "1")];
        let routes = routes(&["1", "2", "3"], rules, split(&[("1", 1)]), None).unwrap();
        let choose = |header: &'static str, value: &'static str| {
            routes.choose(2, |name| (name == header).then_some(value))
        };
        assert_eq!(choose("x-canary", "yes"), (1, Choice::Header));
        assert_eq!(choose("x-canary", "Yes"), (2, Choice::Header));
        assert_eq!(choose("x-old", ""), (0, Choice::Header));
        assert_eq!(choose("x-other", "yes"), (0, Choice::Split));
    }

    #[test]
    fn what_is_for_a_version_that_is_not_ready_is_left_out() {
        let rules = || vec![rule("a", None, "9"), rule("a", None, "2")];
        let weights = || split(&[("1", 1), ("9", 1_000_000)]);
        let found = routes(&["1", "2"], rules(), weights(), shadow("9", 1.0)).unwrap();
        assert_eq!(found.choose(1, |_| Some("")), (1, Choice::Header));
        assert_eq!(counts(&found, 2, 10), [10, 0]);
        assert_eq!(found.mirror(0), None);
        // No weight is left: the default answers.
        let found = routes(&["1", "2"], rules(), split(&[("9", 1), ("1", 0)]), None).unwrap();
        assert_eq!(found.choose(1, none), (1, Choice::Default));
        assert!(routes(&["1", "2"], vec![], split(&[("9", 1)]), shadow("9", 1.0)).is_none());
    }

    #[test]
    fn the_largest_weights_do_not_overflow() {
        let routes = routes(&["1", "2"], vec![], split(&[("1", u32::MAX), ("2", u32::MAX)]), None).unwrap();
        assert_eq!(counts(&routes, 2, 1000), [500, 500]);
    }

    #[test]
    fn a_shadow_is_asked_about_its_share_and_never_about_what_it_answers_itself() {
        let mirrored = |share: f64, picked: usize| {
            let routes = routes(&["1", "3"], vec![], BTreeMap::new(), shadow("3", share)).unwrap();
            (0..1000).filter(|_| routes.mirror(picked).is_some()).count()
        };
        assert_eq!((mirrored(1.0, 0), mirrored(0.0, 0), mirrored(1.0, 1)), (1000, 0, 0));
        assert!(mirrored(0.1, 0).abs_diff(100) <= 1, "{}", mirrored(0.1, 0));
        let routes = routes(&["1", "3"], vec![], BTreeMap::new(), shadow("3", 1.0)).unwrap();
        assert_eq!(routes.mirror(0), Some((1, 1e-3)));
        assert_eq!(routes.choose(0, none), (0, Choice::Default));
    }

    #[test]
    fn a_shadow_is_asked_about_every_version_of_a_split_alike() {
        let weights = split(&[("1", 90), ("2", 10)]);
        let routes = routes(&["1", "2", "3"], vec![], weights, shadow("3", 0.1)).unwrap();
        let mut mirrored = [0_usize; 2];
        for _ in 0..10_000 {
            let (picked, _) = routes.choose(0, none);
            mirrored[picked] += usize::from(routes.mirror(picked).is_some());
        }
        assert!(mirrored[0].abs_diff(900) < 30 && mirrored[1].abs_diff(100) < 30, "{mirrored:?}");
    }
}
