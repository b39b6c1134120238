//! `mlhost.toml` in a model's folder: which of its versions are served, by which requests, and within what.
//!
//! Read by `repository` at every look. Strict, because a misspelt `split` would send everybody to the wrong version; whoever
//! reads it says which line is wrong, and goes on with what was served before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::FoundVersion;
use crate::config::{self, in_one_line};
use crate::deployment::{HeaderRule, Routing, Shadow};

/// What the file is called.
pub const RULES_FILE: &str = "mlhost.toml";

/// More than anybody writes by hand.
const MOST_BYTES: u64 = 1 << 20;

/// How a model's versions are served.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Which versions are loaded, besides those that the rest names.
    pub policy: Policy,
    /// The version that answers requests which name none and that no route is for; else the highest.
    pub default: Option<String>,
    /// What of the traffic goes where.
    pub routing: Routing,
    /// What the model may use.
    pub limits: OwnLimits,
}

/// Which versions are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The highest ones, so many.
    Latest(usize),
    /// These.
    These(BTreeSet<u64>),
    /// Whatever is there.
    All,
}

/// What the operator allows one model; each within what the server's flags allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnLimits {
    /// Requests at one time.
    pub requests: Option<usize>,
    /// For one request.
    pub time: Option<Duration>,
    /// Of one request's sandbox, in bytes.
    pub memory_bytes: Option<u64>,
    /// Most rows that calls are joined to for one run of a graph.
    pub batch_rows: Option<u32>,
    /// How long a call may wait for others to be joined with.
    pub batch_delay: Option<Duration>,
}

/// The file, as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    versions: Option<toml::Value>,
    default: Option<toml::Value>,
    #[serde(default)]
    limits: WrittenLimits,
    #[serde(default)]
    routes: Vec<HeaderRule>,
    #[serde(default)]
    split: BTreeMap<String, u32>,
    shadow: Option<Shadow>,
}

/// Its limits, as they are written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimits {
    requests: Option<usize>,
    time: Option<String>,
    memory: Option<String>,
    batch_rows: Option<u32>,
    batch_delay: Option<String>,
}

// === impl Policy ===

impl Default for Policy {
    /// As Triton has it: the highest one.
    fn default() -> Self {
        Self::Latest(1)
    }
}

// === impl Rules ===

impl Rules {
    /// Reads the file; where there is none, the rules are the default ones.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("cannot read `{RULES_FILE}`: {error}")),
        };
        Self::parse(&text).map_err(|problem| {
            format!(
                "`{RULES_FILE}`: {problem}\nhint: it may have `versions`, `default`, `[limits]`, `[[routes]]`, `[split]` \
                 and `[shadow]`"
            )
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document: Document = toml::from_str(text).map_err(|error| in_one_line(text, &error))?;
        Ok(Self {
            policy: document.versions.map_or_else(|| Ok(Policy::default()), |value| policy(&value))?,
            default: document.default.map(|value| version(&value)).transpose()?,
            routing: Routing::new(document.routes, document.split, document.shadow)?,
            limits: document.limits.read()?,
        })
    }

    /// Those of `found`, the lowest first, that are to be loaded: by the policy, and because something names them.
    #[must_use]
    pub fn wanted<'f>(&self, found: &'f [FoundVersion]) -> Vec<&'f FoundVersion> {
        let mut named: BTreeSet<&str> = self.routing.versions().into_iter().collect();
        named.extend(self.default.as_deref());
        let wanted = |(place, version): &(usize, &FoundVersion)| {
            let by_policy = match &self.policy {
                Policy::Latest(count) => place + count >= found.len(),
                Policy::These(numbers) => {
                    version.number.parse().is_ok_and(|number| numbers.contains(&number))
                }
                Policy::All => true,
            };
            by_policy || named.contains(version.number.as_str())
        };
        found.iter().enumerate().filter(wanted).map(|(_, version)| version).collect()
    }

    /// Versions that it names and that are not among `found`.
    #[must_use]
    pub fn missing(&self, found: &[FoundVersion]) -> Vec<String> {
        let mut named: BTreeSet<String> = self.routing.versions().into_iter().map(str::to_owned).collect();
        named.extend(self.default.clone());
        if let Policy::These(numbers) = &self.policy {
            named.extend(numbers.iter().map(u64::to_string));
        }
        named.retain(|name| !found.iter().any(|version| version.number == *name));
        named.into_iter().collect()
    }
}

// === impl WrittenLimits ===

impl WrittenLimits {
    fn read(self) -> Result<OwnLimits, String> {
        let of = |name: &str, reason: String| format!("`{name}` of [limits]: {reason}");
        if self.requests == Some(0) || self.batch_rows == Some(0) {
            return Err("`requests` and `batch_rows` of [limits] are at least 1".to_owned());
        }
        let time = self.time.map(|text| config::parse_timeout(&text)).transpose();
        let memory_bytes = self.memory.map(|text| config::parse_bytes(&text)).transpose();
        let batch_delay = self.batch_delay.map(|text| config::parse_delay(&text)).transpose();
        Ok(OwnLimits {
            requests: self.requests,
            time: time.map_err(|reason| of("time", reason))?,
            memory_bytes: memory_bytes.map_err(|reason| of("memory", reason))?,
            batch_rows: self.batch_rows,
            batch_delay: batch_delay.map_err(|reason| of("batch_delay", reason))?,
        })
    }
}

/// `"all"`, `{ latest = 2 }` or `[1, 3]`.
fn policy(value: &toml::Value) -> Result<Policy, String> {
    let problem =
        || "`versions` is `\"all\"`, `{ latest = COUNT }` or a list of numbers such as `[1, 3]`".to_owned();
    let positive = |value: &toml::Value| {
        value.as_integer().and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
    };
    match value {
        toml::Value::String(text) if text == "all" => Ok(Policy::All),
        toml::Value::Array(numbers) if !numbers.is_empty() => {
            let numbers: Option<BTreeSet<u64>> = numbers.iter().map(positive).collect();
            numbers.map(Policy::These).ok_or_else(problem)
        }
        toml::Value::Table(table) if table.len() == 1 => {
            let count = table.get("latest").and_then(positive).ok_or_else(problem)?;
            Ok(Policy::Latest(usize::try_from(count).unwrap_or(usize::MAX)))
        }
        _ => Err(problem()),
    }
}

/// `default`: a number, as a number or in quotes.
fn version(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::Integer(number) if *number > 0 => Ok(number.to_string()),
        toml::Value::String(text) if !text.is_empty() => Ok(text.clone()),
        _ => Err("`default` is the number of a version".to_owned()),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    if File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)? as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Stamp;

    fn found(numbers: &[u64]) -> Vec<FoundVersion> {
        let version = |number: &u64| FoundVersion {
            number: number.to_string(),
            directory: "somewhere".into(),
            stamp: Stamp::of(&[]),
        };
        numbers.iter().map(version).collect()
    }

    fn wanted(text: &str, numbers: &[u64]) -> Vec<String> {
        let found = found(numbers);
        let rules = Rules::parse(text).unwrap();
        rules.wanted(&found).into_iter().map(|version| version.number.clone()).collect()
    }

    #[test]
    fn the_highest_version_is_loaded_unless_the_rules_say_more() {
        let all = [1, 2, 3, 10];
        assert_eq!(wanted("", &all), ["10"]);
        assert_eq!(wanted("versions = { latest = 2 }", &all), ["3", "10"]);
        assert_eq!(wanted("versions = { latest = 9 }", &all), ["1", "2", "3", "10"]);
        assert_eq!(wanted("versions = [1, 3, 4]", &all), ["1", "3"]);
        assert_eq!(wanted("versions = \"all\"", &all), ["1", "2", "3", "10"]);
        assert_eq!(wanted("default = 2", &all), ["2", "10"]);
        assert_eq!(wanted("[split]\n1 = 9\n3 = 1\n[shadow]\nversion = 2", &all), ["1", "2", "3", "10"]);
        assert_eq!(wanted("[[routes]]\nheader = \"x-canary\"\nversion = 1", &all), ["1", "10"]);
    }

    #[test]
    fn versions_that_are_named_and_not_there_are_told() {
        let rules = Rules::parse("default = 7\nversions = [1, 8]\n[split]\n9 = 1").unwrap();
        assert_eq!(rules.missing(&found(&[1])), ["7", "8", "9"]);
        assert!(Rules::default().missing(&found(&[1])).is_empty());
    }

    #[test]
    fn limits_are_read_as_flags_are() {
        let text = "[limits]\nrequests = 2\ntime = \"500ms\"\nmemory = \"64MiB\"\nbatch_rows = 8\nbatch_delay = \"2ms\"";
        let limits = Rules::parse(text).unwrap().limits;
        assert_eq!(limits.requests, Some(2));
        assert_eq!(limits.time, Some(Duration::from_millis(500)));
        assert_eq!(limits.memory_bytes, Some(64 << 20));
        assert_eq!((limits.batch_rows, limits.batch_delay), (Some(8), Some(Duration::from_millis(2))));
    }

    #[test]
    fn what_is_misspelt_is_told_with_its_line() {
        for (text, said) in [
            ("default = 1\nsplitt = 3", "line 2: unknown field `splitt`"),
            ("versions = \"some\"", "`versions` is"),
            ("versions = [0]", "`versions` is"),
            ("versions = { latest = 0 }", "`versions` is"),
            ("default = -1", "`default` is"),
            ("[limits]\ntime = \"soon\"", "`time` of [limits]"),
            ("[limits]\nrequests = 0", "at least 1"),
            ("[split]\n1 = 0", "0"),
            ("default = ", "line 1"),
        ] {
            let problem = Rules::parse(text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }
}
