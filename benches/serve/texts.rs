//! Sentences for the MiniLM bundle: fifty different ones of sixteen tokens each.
//!
//! Called by `main.rs` where `target/models/minilm` is there. Words that its vocabulary has whole are one token each, and
//! the tokenizer puts one before and one behind; whether that still holds is checked against the bundle's own vocabulary.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::server_process::below_target;

/// How many there are.
const SENTENCES: usize = 50;
/// Of each, the two that the tokenizer adds among them.
const TOKENS: usize = 16;

const SUBJECTS: [&str; 5] = ["teacher", "farmer", "doctor", "soldier", "painter"];
const PLACES: [&str; 10] =
    ["river", "mountain", "station", "garden", "market", "church", "castle", "forest", "harbor", "village"];

/// Where the bundle is, if it is there.
pub(crate) fn bundle() -> Option<PathBuf> {
    let place = below_target("models/minilm");
    place.join("MLmodel").is_file().then_some(place)
}

fn sentences() -> impl Iterator<Item = String> {
    (0..SENTENCES).map(|index| {
        let (subject, place) = (SUBJECTS[index % SUBJECTS.len()], PLACES[index / SUBJECTS.len()]);
        format!("the old {subject} walked slowly from the {place} to the house before the morning")
    })
}

/// A request for each sentence.
pub(crate) fn bodies() -> Vec<String> {
    sentences()
        .map(|text| format!("{{\"dataframe_split\": {{\"columns\": [\"text\"], \"data\": [[\"{text}\"]]}}}}"))
        .collect()
}

/// Whether each sentence is as many tokens as this says.
///
/// # Errors
///
/// The vocabulary cannot be read, or lacks a word.
pub(crate) fn check(bundle: &Path) -> anyhow::Result<()> {
    let vocabulary =
        fs::read_to_string(bundle.join("vocab.txt")).context("the vocabulary of the MiniLM bundle")?;
    let known: HashSet<&str> = vocabulary.lines().collect();
    for sentence in sentences() {
        let words: Vec<&str> = sentence.split(' ').collect();
        ensure!(words.len() + 2 == TOKENS, "`{sentence}` is not {TOKENS} tokens long");
        let split = words.iter().find(|word| !known.contains(*word));
        ensure!(
            split.is_none(),
            "the vocabulary has no {split:?}, so `{sentence}` is longer than {TOKENS} tokens"
        );
    }
    Ok(())
}
