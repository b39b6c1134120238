//! The repository's shape: who may depend on whom, and rules that no compiler checks. Reads cargo's own answers and the
//! source files; needs no network, and changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::running::root;

/// Every package of the workspace and the workspace packages it may depend on: no arrow upward, no circle.
const MAY_DEPEND_ON: [(&str, &[&str]); 11] = [
    (
        "mlhost",
        &[
            "mlhost-bundle",
            "mlhost-nn",
            "mlhost-proto",
            "mlhost-registry",
            "mlhost-sandbox",
            "mlhost-tables",
            "mlhost-wire",
        ],
    ),
    ("mlhost-bundle", &["mlhost-wire"]),
    ("mlhost-guest", &[]),
    ("mlhost-nn", &["mlhost-wire"]),
    ("mlhost-proto", &[]),
    ("mlhost-python", &["mlhost", "mlhost-tables", "mlhost-wire"]),
    ("mlhost-registry", &[]),
    ("mlhost-sandbox", &["mlhost-nn", "mlhost-wire"]),
    ("mlhost-tables", &["mlhost-wire"]),
    ("mlhost-wire", &[]),
    ("xtask", &[]),
];

/// Arrows that only tests and benchmarks may take: the benchmark calls guests natively.
const FOR_TESTS: [(&str, &str); 1] = [("mlhost", "mlhost-guest")];

/// Libraries that these packages alone may know, for tests too.
const KNOWN_ONLY_TO: [(&str, &[&str]); 21] = [
    ("arrow-cast", &["mlhost-tables"]),
    ("arrow-csv", &["mlhost-tables"]),
    ("arrow-ipc", &["mlhost-tables"]),
    ("arrow-json", &["mlhost-tables"]),
    ("arrow-pyarrow", &["mlhost-python"]),
    ("clap", &["mlhost"]),
    ("cranelift-codegen", &["mlhost-sandbox"]),
    ("http-body-util", &["mlhost"]),
    ("hyper", &["mlhost"]),
    ("hyper-util", &["mlhost"]),
    ("object_store", &["mlhost-registry"]),
    ("ort", &["mlhost-nn"]),
    ("parquet", &["mlhost-tables", "mlhost-wire"]),
    ("prost-build", &["mlhost-proto"]),
    ("protox", &["mlhost-proto"]),
    ("pyo3", &["mlhost-python"]),
    ("reqwest", &["mlhost-registry"]),
    ("rustls", &["mlhost-registry"]),
    ("wasmtime", &["mlhost-sandbox"]),
    ("wasmtime-wasi", &["mlhost-sandbox"]),
    ("wit-component", &["mlhost"]),
];

/// What wire may not reach, however indirectly: it is pure.
const IMPURE: [&str; 6] = ["hyper", "mio", "ort", "socket2", "tokio", "wasmtime"];

/// Words that say nothing about what a file holds.
const EMPTY_WORDS: [&str; 4] = ["manager", "helper", "util", "common"];

/// A file this long holds more than one concept.
const LONGEST_FILE: usize = 500;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        // What tests need is downloaded by the time they run.
        .args(["--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The workspace's packages, each with every dependency in its `Cargo.toml`, for tests and builds too but [`FOR_TESTS`].
fn packages() -> Vec<(String, BTreeSet<String>)> {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version=1"])).unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let package_name = name(package);
            let dependencies = package["dependencies"].as_array().unwrap().iter().filter(|dependency| {
                let arrow = (package_name.as_str(), dependency["name"].as_str().unwrap());
                dependency["kind"] != "dev" || !FOR_TESTS.contains(&arrow)
            });
            let dependencies = dependencies.map(name).collect();
            (package_name, dependencies)
        })
        .collect()
}

/// Every Rust file of the repository, leaving out what is built.
fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

pub(crate) fn rust_sources() -> Vec<(PathBuf, String)> {
    let sources: Vec<_> =
        rust_files().into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    assert!(sources.len() > 50, "{} files: the search is broken", sources.len());
    sources
}

/// What stands between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

#[test]
fn dependencies_point_downward() {
    let names: BTreeSet<&str> = MAY_DEPEND_ON.iter().map(|(name, _)| *name).collect();
    let packages = packages();
    let found: BTreeSet<&str> = packages.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, names, "a new package says here what it may depend on");
    for (package, dependencies) in &packages {
        let allowed =
            MAY_DEPEND_ON.iter().find(|(name, _)| name == package).map(|(_, allowed)| *allowed).unwrap();
        let dependencies = dependencies.iter().map(String::as_str);
        let forbidden: Vec<_> =
            dependencies.filter(|name| names.contains(name) && !allowed.contains(name)).collect();
        assert!(forbidden.is_empty(), "`{package}` may not depend on {forbidden:?}");
    }
}

#[test]
fn each_heavy_library_is_known_to_one_package() {
    let packages = packages();
    for (library, owners) in KNOWN_ONLY_TO {
        let mut users: Vec<_> = packages
            .iter()
            .filter(|(_, dependencies)| dependencies.contains(library))
            .map(|(name, _)| name.as_str())
            .collect();
        users.sort_unstable();
        assert_eq!(users, owners, "who depends on `{library}`");
    }
}

#[test]
fn wire_is_pure() {
    let tree = cargo(&["tree", "--package", "mlhost-wire", "--edges", "normal,build", "--prefix", "none"]);
    let reached: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(reached.contains("serde"), "the tree is not what was asked for:\n{tree}");
    for library in IMPURE {
        assert!(!reached.contains(library), "mlhost-wire reaches `{library}`");
    }
}

#[test]
fn every_source_file_says_what_it_is() {
    let silent: Vec<_> = rust_sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "without `//!` in the first line: {silent:#?}");
}

#[test]
fn every_source_file_is_short_enough_to_hold_one_concept() {
    let long: Vec<_> = rust_sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "over {LONGEST_FILE} lines: {long:#?}");
}

#[test]
fn no_file_is_named_by_a_word_that_says_nothing() {
    let empty: Vec<_> = rust_files()
        .into_iter()
        .filter(|path| {
            let stem = path.file_stem().unwrap().to_string_lossy().to_lowercase();
            stem.split('_').any(|word| EMPTY_WORDS.contains(&word.trim_end_matches('s')))
        })
        .collect();
    assert!(empty.is_empty(), "{empty:#?}");
}

/// A file's path is written between backticks, from the root: `host/src/app.rs`.
#[test]
fn the_architecture_names_only_files_that_exist() {
    let text = architecture();
    let named: Vec<&str> = quoted(&text).filter(|word| is_path(word)).collect();
    assert!(!named.is_empty(), "ARCHITECTURE.md names no file");
    let missing: Vec<_> = named.into_iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:#?}");
}

/// Whether `word` is a path into the repository and not a media type or an interface: its first part is a folder here.
fn is_path(word: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    match word.split_once('/') {
        Some((first, _)) => word.chars().all(plain) && !first.is_empty() && root().join(first).is_dir(),
        None => false,
    }
}

/// Each invariant's line ends with `held by:` and its tests' names between backticks.
#[test]
fn the_architecture_names_only_tests_that_exist() {
    let text = architecture();
    let named: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split_once("held by:"))
        .flat_map(|(_, names)| quoted(names))
        .collect();
    assert!(!named.is_empty(), "ARCHITECTURE.md names no test");
    let sources = rust_sources();
    let missing: Vec<_> =
        named.into_iter().filter(|name| !sources.iter().any(|(_, text)| has_test(text, name))).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names tests that do not exist: {missing:#?}");
}

/// Every promise ends with `held by:` and tests' names, and so does every row of what counts as a vulnerability.
#[test]
fn the_security_page_names_only_tests_that_exist() {
    let text = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let sources = rust_sources();
    let (mut promises, mut unheld, mut missing) = (0, Vec::new(), Vec::new());
    let mut check = |what: &str, names: &str| {
        promises += 1;
        let names: Vec<&str> = quoted(names).collect();
        if names.is_empty() {
            unheld.push(what.to_owned());
        }
        missing.extend(
            names
                .into_iter()
                .filter(|name| !sources.iter().any(|(_, text)| has_test(text, name)))
                .map(str::to_owned),
        );
    };
    for section in text.split("\n## ").filter(|section| section.starts_with("What is promised")) {
        for promise in section.split("\n- ").skip(1) {
            check(promise, promise.split_once("held by:").map_or("", |(_, names)| names));
        }
    }
    let (_, cases) = text.split_once("## What counts as a vulnerability").unwrap();
    for row in cases.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        if let [what, verdict, names] = cells[..]
            && verdict.trim_start().starts_with("yes")
        {
            check(what, names);
        }
    }
    assert!(promises >= 20, "{promises} promises: the search is broken");
    assert!(unheld.is_empty(), "SECURITY.md promises what no test holds: {unheld:#?}");
    assert!(missing.is_empty(), "SECURITY.md names tests that do not exist: {missing:#?}");
}

/// Whether `text` defines the test function `name`: `#[test]`, or a runtime's own, is among the lines right before it.
pub(crate) fn has_test(text: &str, name: &str) -> bool {
    let signature = format!("fn {name}(");
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().enumerate().any(|(number, line)| {
        let before = &lines[number.saturating_sub(4)..number];
        line.trim_start().trim_start_matches("async ").starts_with(&signature)
            && before.iter().any(|line| line.contains("test]") || line.contains("::test("))
    })
}
