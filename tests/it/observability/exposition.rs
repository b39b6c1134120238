//! Prometheus's text, read back: families with their kinds and helps, and samples with their labels.

use std::collections::{BTreeMap, BTreeSet};

/// What one scrape says.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// Kind and help by name.
    pub(crate) families: BTreeMap<String, (String, String)>,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Exposition {
    pub(crate) fn parse(text: &str) -> Self {
        let mut found = Self::default();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                found.families.entry(name.to_owned()).or_default().1 = help.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                found.families.entry(name.to_owned()).or_default().0 = kind.to_owned();
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) =
                    series.strip_suffix('}').map_or((series, ""), |series| series.split_once('{').unwrap());
                found.samples.push((name.to_owned(), parse_labels(labels), value.parse().unwrap()));
            }
        }
        found
    }

    /// The sum of the samples called so that have these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |found: &BTreeMap<String, String>| {
            labels.iter().all(|(name, value)| found.get(*name).is_some_and(|found| found == value))
        };
        self.samples
            .iter()
            .filter(|(known, found, _)| known == name && fits(found))
            .map(|(_, _, value)| value)
            .sum()
    }

    /// The names of labels that samples of a family have.
    pub(crate) fn labels(&self, family: &str) -> BTreeSet<String> {
        let parts = ["", "_bucket", "_sum", "_count"];
        let names: Vec<_> = parts.iter().map(|part| format!("{family}{part}")).collect();
        let samples = self.samples.iter().filter(|(name, _, _)| names.contains(name));
        samples.flat_map(|(_, labels, _)| labels.keys().cloned()).filter(|name| name != "le").collect()
    }

    /// What a label is anywhere.
    pub(crate) fn values_of(&self, label: &str) -> BTreeSet<String> {
        self.samples.iter().filter_map(|(_, labels, _)| labels.get(label).cloned()).collect()
    }
}

/// `a="b",c="d"`; no value here has a quote or a comma in it.
fn parse_labels(text: &str) -> BTreeMap<String, String> {
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}
