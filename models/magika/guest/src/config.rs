//! What the bundle's artifacts say: sizes, labels, thresholds.
//!
//! Parsed once, in `load_context`. Holds no rule of its own beyond those of magika's
//! `_get_output_label_from_dl_label_and_score` in its default mode, high confidence.

use std::collections::{BTreeMap, BTreeSet};

use mlhost_guest::Error;
use serde::Deserialize;

/// `config.min.json` of a magika model, as far as this guest uses it.
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    /// How many bytes from the beginning are features.
    pub(crate) beg_size: usize,
    /// How many bytes from the middle; only 0 is supported, as in magika's own Python.
    mid_size: usize,
    /// How many bytes from the end are features.
    pub(crate) end_size: usize,
    /// Only false is supported, as in magika's own Python.
    use_inputs_at_offsets: bool,
    /// The threshold of labels without one of their own.
    medium_confidence_threshold: f64,
    /// Contents with fewer bytes, white space before them not counted, are not shown to the graph.
    pub(crate) min_file_size_for_dl: usize,
    /// What stands where there is no byte.
    pub(crate) padding_token: i32,
    /// How many bytes from either end are looked at.
    pub(crate) block_size: usize,
    /// The labels in the order of the graph's output.
    pub(crate) target_labels_space: Vec<String>,
    thresholds: BTreeMap<String, f64>,
    overwrite_map: BTreeMap<String, String>,
    #[serde(skip)]
    text_labels: BTreeSet<String>,
}

// === impl Config ===

impl Config {
    /// `text_labels` is a JSON list: the labels whose files are text.
    ///
    /// # Errors
    ///
    /// Failed, when one of them is not what it should be.
    pub(crate) fn parse(config: &[u8], text_labels: &[u8]) -> Result<Self, Error> {
        let mut parsed: Self = serde_json::from_slice(config)?;
        parsed.text_labels = serde_json::from_slice(text_labels)?;
        let supported = parsed.mid_size == 0
            && !parsed.use_inputs_at_offsets
            && (1..parsed.block_size).contains(&parsed.beg_size)
            && (1..parsed.block_size).contains(&parsed.end_size)
            && (1..=parsed.beg_size).contains(&parsed.min_file_size_for_dl)
            && !parsed.target_labels_space.is_empty();
        if supported {
            Ok(parsed)
        } else {
            Err(Error::failed("this version of magika's features is not supported"))
        }
    }

    /// What a user is told: the label itself where the score is high enough, else only whether it is text.
    pub(crate) fn output_label<'a>(&'a self, label: &'a str, score: f64) -> &'a str {
        let overwritten = self.overwrite_map.get(label).map_or(label, String::as_str);
        let threshold = self.thresholds.get(label).copied().unwrap_or(self.medium_confidence_threshold);
        if score >= threshold {
            overwritten
        } else if self.text_labels.contains(overwritten) {
            "txt"
        } else {
            "unknown"
        }
    }
}
