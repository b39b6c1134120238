//! `docs/faults.md` names a test for each fault, and each test that it names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::running::root;

fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            functions(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "sh") {
            let text = fs::read_to_string(&path).unwrap();
            for line in text.lines().map(str::trim) {
                // `fn NAME()` of a Rust test, `NAME() {` of a script's.
                let line = line.strip_prefix("async ").unwrap_or(line);
                let name = line.strip_prefix("fn ").or(line.strip_suffix("() {"));
                let name = name.and_then(|rest| rest.split(['(', '<', ' ']).next());
                found.extend(name.map(str::to_owned));
            }
        }
    }
}

#[test]
fn every_fault_of_the_page_has_a_test_that_is_there() {
    let mut found = BTreeSet::new();
    for folder in ["tests", "host"] {
        functions(&root().join(folder), &mut found);
    }
    let page = fs::read_to_string(root().join("docs/faults.md")).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| fault"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.len() > 20, "{} rows", rows.len());
    for row in rows {
        let [fault, happens, says, tests] = row[..] else { panic!("four columns: {row:?}") };
        assert!(!happens.is_empty() && !says.is_empty(), "{fault}");
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{fault} names no test");
        for name in names {
            assert!(found.contains(name), "{fault}: there is no `{name}`");
        }
    }
}
