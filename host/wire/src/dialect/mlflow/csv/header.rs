//! The names of a CSV's columns, as pandas makes them unique.
//!
//! Called by [`super::decode`] for the first record. Must take time in proportion to the record, whatever it repeats.

use std::collections::HashMap;

/// One name for each field: an empty one is called by its position, one given before gets a number.
pub(super) fn names(record: &csv::StringRecord) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    let mut unnamed = Vec::new();
    for (position, name) in record.iter().enumerate() {
        if name.is_empty() {
            unnamed.push(position);
            names.push(format!("Unnamed: {position}"));
        } else {
            names.push(name.to_owned());
        }
    }
    // How often each name stands in the record as it is so far.
    let mut standing: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *standing.entry(name.clone()).or_default() += 1;
    }
    if standing.len() == names.len() {
        return names;
    }
    // Names that were given come first, so that they keep theirs.
    let given = (0..names.len()).filter(|position| record.get(*position) != Some(""));
    let order: Vec<usize> = given.chain(unnamed.iter().copied()).collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for position in order {
        let original = names[position].clone();
        let mut name = original.clone();
        let mut count = counts.get(&name).copied().unwrap_or(0);
        while count > 0 {
            counts.insert(original.clone(), count + 1);
            name = format!("{original}.{count}");
            count = match standing.get(&name) {
                Some(standing) if *standing > 0 => count + 1,
                _ => counts.get(&name).copied().unwrap_or(0),
            };
        }
        if name != original {
            *standing.entry(original).or_default() -= 1;
            *standing.entry(name.clone()).or_default() += 1;
            names[position].clone_from(&name);
        }
        *counts.entry(name).or_default() += 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_unique_as_in_pandas() {
        for (given, expected) in [
            (&["a", "b"][..], &["a", "b"][..]),
            (&["a", "a", "a"], &["a", "a.1", "a.2"]),
            (&["a", "a", "a.1"], &["a", "a.2", "a.1"]),
            (&["a", "a.1", "a"], &["a", "a.1", "a.2"]),
            (&["a", "a", "a.1", "a.1"], &["a", "a.2", "a.1", "a.1.1"]),
            (&["", "b", ""], &["Unnamed: 0", "b", "Unnamed: 2"]),
            (&["", "Unnamed: 0"], &["Unnamed: 0.1", "Unnamed: 0"]),
        ] {
            assert_eq!(names(&csv::StringRecord::from(given.to_vec())), expected, "{given:?}");
        }
    }
}
