//! Which version of a model answers a request that names none, and which one is asked besides: as an operator wrote it.
//!
//! Read by whoever loads, which loads [`Routing::versions`] and has [`super::Served::routed`] resolve it against those that
//! are ready. Says what is wrong with it before anything is served; knows no release, and never meets a request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hyper::header::{HeaderName, HeaderValue};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// How far a shadow's numbers may be off, in relation to the larger one, where the operator says nothing.
const TOLERANCE: f64 = 1e-5;

/// Requests with this header are for this version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// The header's name; in [`Routing`] it is in lower case.
    pub header: String,
    /// Its value to the letter; any, where there is none.
    pub value: Option<String>,
    /// What answers.
    #[serde(deserialize_with = "version")]
    pub version: String,
}

/// A version that is asked besides, and whose answers are compared and never returned.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Which one.
    #[serde(deserialize_with = "version")]
    pub version: String,
    /// Which part of the requests it is asked: from 0 to 1.
    #[serde(default = "all")]
    pub share: f64,
    /// How far its numbers may be off, in relation to the larger one.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
}

/// How requests that name no version are dealt out; without anything in it they are for the default version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routing {
    rules: Vec<HeaderRule>,
    split: BTreeMap<String, u32>,
    shadow: Option<Shadow>,
}

// === impl Routing ===

impl Routing {
    /// Header rules, of which the first that holds decides; weights by version for all other requests; and a shadow.
    ///
    /// # Errors
    ///
    /// What is wrong with which of them, in one line.
    pub fn new(
        mut rules: Vec<HeaderRule>,
        split: BTreeMap<String, u32>,
        shadow: Option<Shadow>,
    ) -> Result<Self, String> {
        for (position, rule) in rules.iter_mut().enumerate() {
            rule.check().map_err(|problem| format!("`[[routes]]` number {}: {problem}", position + 1))?;
        }
        if !split.is_empty() {
            if split.values().all(|weight| *weight == 0) {
                return Err("`[split]`: all weights are 0, so that no version would answer".to_owned());
            }
            split
                .keys()
                .try_for_each(|name| check_version(name))
                .map_err(|what| format!("`[split]`: {what}"))?;
        }
        if let Some(shadow) = &shadow {
            shadow.check().map_err(|problem| format!("`[shadow]`: {problem}"))?;
        }
        Ok(Self { rules, split, shadow })
    }

    /// Every version that it names, weights of 0 included: what is to be loaded.
    #[must_use]
    pub fn versions(&self) -> BTreeSet<&str> {
        let rules = self.rules.iter().map(|rule| rule.version.as_str());
        let shadow = self.shadow.iter().map(|shadow| shadow.version.as_str());
        rules.chain(self.split.keys().map(String::as_str)).chain(shadow).collect()
    }

    /// Whether every request is for the default version.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.split.is_empty() && self.shadow.is_none()
    }

    /// In the order in which they are asked.
    pub(super) fn rules(&self) -> &[HeaderRule] {
        &self.rules
    }

    /// Versions and their weights.
    pub(super) fn split(&self) -> impl Iterator<Item = (&str, u32)> {
        self.split.iter().map(|(version, weight)| (version.as_str(), *weight))
    }

    pub(super) fn shadow(&self) -> Option<&Shadow> {
        self.shadow.as_ref()
    }
}

// === impl HeaderRule ===

impl HeaderRule {
    /// Puts the header's name as requests have it.
    fn check(&mut self) -> Result<(), String> {
        if self.header.is_empty() {
            return Err("the header's name is empty".to_owned());
        }
        let name = HeaderName::from_bytes(self.header.as_bytes())
            .map_err(|_| format!("`{}` cannot be a header's name", self.header.escape_debug()))?;
        name.as_str().clone_into(&mut self.header);
        if let Some(value) = &self.value
            && HeaderValue::from_str(value).map_or(true, |value| value.to_str().is_err())
        {
            let value = value.escape_debug();
            return Err(format!("no header has the value `{value}`; values are visible ASCII characters"));
        }
        check_version(&self.version)
    }
}

// === impl Shadow ===

impl Shadow {
    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.share) {
            return Err(format!("the share is {}; it is a part of the requests, from 0 to 1", self.share));
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return Err(format!("the tolerance is {}; it is 0 or more, such as 1e-5", self.tolerance));
        }
        check_version(&self.version)
    }
}

fn check_version(version: &str) -> Result<(), String> {
    if version.is_empty() { Err("a version is empty".to_owned()) } else { Ok(()) }
}

fn all() -> f64 {
    1.0
}

fn tolerance() -> f64 {
    TOLERANCE
}

/// A version, which people write as a number or as a text.
fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Written;

    impl Visitor<'_> for Written {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a version, such as 2 or \"2\"")
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
            let number = u64::try_from(number);
            number.map(|number| number.to_string()).map_err(|_| E::custom("a version is no negative number"))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }
    }

    deserializer.deserialize_any(Written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        routes: Vec<HeaderRule>,
        #[serde(default)]
        split: BTreeMap<String, u32>,
        shadow: Option<Shadow>,
    }

    fn read(text: &str) -> Result<Routing, String> {
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        Routing::new(file.routes, file.split, file.shadow)
    }

    const WHOLE: &str = r#"
        [[routes]]
        header = "X-Canary"
        value = "yes"
        version = 2
        [[routes]]
        header = "x-old"
        version = "champion"
        [split]
        1 = 90
        2 = 10
        4 = 0
        [shadow]
        version = 3
        share = 0.1
        tolerance = 1e-4
    "#;

    #[test]
    fn what_an_operator_writes_is_read_and_names_its_versions() {
        let routing = read(WHOLE).unwrap();
        let rules: Vec<_> =
            routing.rules().iter().map(|rule| (rule.header.as_str(), rule.value.as_deref())).collect();
        assert_eq!(rules, [("x-canary", Some("yes")), ("x-old", None)]);
        assert_eq!(routing.split().collect::<Vec<_>>(), [("1", 90), ("2", 10), ("4", 0)]);
        let shadow = Shadow { version: "3".to_owned(), share: 0.1, tolerance: 1e-4 };
        assert_eq!(routing.shadow(), Some(&shadow));
        assert_eq!(routing.versions(), BTreeSet::from(["1", "2", "3", "4", "champion"]));
        assert!(!routing.is_empty() && read("").unwrap().is_empty());
    }

    #[test]
    fn a_shadow_is_asked_everything_unless_told_otherwise_and_a_whole_number_is_a_share() {
        let found = |text| read(text).unwrap().shadow.unwrap();
        let shadow = Shadow { version: "3".to_owned(), share: 1.0, tolerance: TOLERANCE };
        assert_eq!(found("shadow.version = 3"), shadow);
        assert_eq!(found("shadow = { version = '3', share = 0 }"), Shadow { share: 0.0, ..shadow });
    }

    #[test]
    fn what_is_wrong_is_said_with_where_it_is() {
        for (text, said) in [
            ("split = { 1 = 0, 2 = 0 }", "`[split]`: all weights are 0"),
            ("split = { '' = 1 }", "`[split]`: a version is empty"),
            ("split = { 1 = -1 }", "invalid value"),
            ("shadow = { version = 3, share = 1.5 }", "`[shadow]`: the share is 1.5"),
            ("shadow = { version = 3, share = nan }", "`[shadow]`: the share is NaN"),
            ("shadow = { version = 3, tolerance = -1.0 }", "`[shadow]`: the tolerance is -1"),
            ("shadow = { version = 3, tolerance = inf }", "`[shadow]`: the tolerance is inf"),
            ("shadow = { version = -3 }", "negative"),
            ("shadow = { version = 1.5 }", "expected a version"),
            ("shadow = { version = 3, sahre = 0.5 }", "unknown field `sahre`"),
            ("shadow = { share = 0.5 }", "missing field `version`"),
            ("[[routes]]\nheader = ''\nversion = 2", "`[[routes]]` number 1: the header's name is empty"),
            ("[[routes]]\nheader = 'a b'\nversion = 2", "`a b` cannot be a header's name"),
            ("[[routes]]\nheader = 'a'\nvalue = \"\\n\"\nversion = 2", "no header has the value"),
            ("[[routes]]\nheader = 'a'\nvalue = 'ä'\nversion = 2", "no header has the value"),
            ("[[routes]]\nheader = 'a'\nversion = ''", "number 1: a version is empty"),
            ("[[routes]]\nheader = 'a'", "missing field `version`"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(said), "{text}: {found}");
        }
    }
}
