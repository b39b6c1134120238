//! A model repository: a folder with one folder for each model, named as the model is called.
//!
//! A model's folder has its versions below, in folders named by their numbers, and may have a file `mlhost.toml` with its
//! [`Rules`]. A folder that is a model directory itself (it has an `MLmodel`) is a model with that one version. What begins
//! with a dot is passed over: so is what `mlhost package` has not finished. Read by `loader`, which looks again and again; opens
//! no model and loads none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::stamp::Stamp;

mod rules;

pub use rules::{OwnLimits, Policy, RULES_FILE, Rules};

/// How deep a model directory may lie in a folder that is said to have one.
const MOST_FOLDERS: usize = 5;

/// What a model directory has.
const MODEL_FILE: &str = "MLmodel";

/// A graph by itself, in Triton's repositories.
const GRAPH_FILE: &str = "model.onnx";

/// The version of a model that has no numbers.
const ONLY_VERSION: &str = "1";

/// A folder of models.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
}

/// A model's folder, as it was at one moment.
#[derive(Clone, Debug)]
pub struct Found {
    /// What the model is called.
    pub name: String,
    /// Its versions, the lowest first.
    pub versions: Vec<FoundVersion>,
    /// How they are served, or what is wrong with the file that says so.
    pub rules: Result<Rules, String>,
}

/// A version's folder, as it was at one moment.
#[derive(Clone, Debug)]
pub struct FoundVersion {
    /// Its number.
    pub number: String,
    /// Where it is.
    pub directory: PathBuf,
    /// What changes with its files.
    pub stamp: Stamp,
}

// === impl Repository ===

impl Repository {
    /// The folder `root`, which is looked into later.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every model's folder, in the order of their names.
    ///
    /// # Errors
    ///
    /// Where the repository cannot be read. A model's folder that cannot is a model without versions.
    pub fn scan(&self) -> io::Result<Vec<Found>> {
        let folders = folders(&self.root)?;
        Ok(folders.into_iter().map(|(name, directory)| Found::in_folder(name, &directory)).collect())
    }

    /// The model called `name`, which may be anybody's word: where it is not the name of a folder there is none.
    ///
    /// # Errors
    ///
    /// Where the repository cannot be read.
    pub fn find(&self, name: &str) -> io::Result<Option<Found>> {
        let mut folders = folders(&self.root)?;
        let found = folders.iter().position(|(folder, _)| folder == name);
        Ok(found.map(|place| {
            let (name, directory) = folders.swap_remove(place);
            Found::in_folder(name, &directory)
        }))
    }
}

// === impl Found ===

impl Found {
    /// A model directory that somebody wants loaded under that name.
    #[must_use]
    pub fn alone(name: String, directory: PathBuf) -> Self {
        let version = FoundVersion::new(ONLY_VERSION, directory);
        Self { name, versions: vec![version], rules: Ok(Rules::default()) }
    }

    fn in_folder(name: String, directory: &Path) -> Self {
        let rules = Rules::read(&directory.join(RULES_FILE));
        let versions = if directory.join(MODEL_FILE).is_file() {
            vec![FoundVersion::new(ONLY_VERSION, directory.to_owned())]
        } else {
            // One that cannot be read has none, which is said of the model.
            let mut numbered: Vec<_> = folders(directory)
                .unwrap_or_default()
                .into_iter()
                .filter_map(|(name, directory)| Some((number(&name)?, directory)))
                .collect();
            numbered.sort_by_key(|(number, _)| *number);
            numbered
                .into_iter()
                .map(|(number, directory)| FoundVersion::new(&number.to_string(), directory))
                .collect()
        };
        Self { name, versions, rules }
    }
}

// === impl FoundVersion ===

impl FoundVersion {
    fn new(number: &str, directory: PathBuf) -> Self {
        let stamp = Stamp::of(std::slice::from_ref(&directory));
        Self { number: number.to_owned(), directory, stamp }
    }

    /// Whether its files are still as they were.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        Stamp::of(std::slice::from_ref(&self.directory)) == self.stamp
    }
}

/// The model directory in `folder`: the folder itself, or the only folder in it, and so on. Azure ML and SageMaker hand over
/// the folder that the model was registered or archived in.
#[must_use]
pub fn model_directory(folder: &Path) -> Option<PathBuf> {
    let mut folder = folder.to_owned();
    for _ in 0..MOST_FOLDERS {
        if folder.join(MODEL_FILE).is_file() {
            return Some(folder);
        }
        let mut entries = fs::read_dir(&folder).ok()?.filter_map(Result::ok);
        let (only, more) = (entries.next()?, entries.next());
        if more.is_some() || !only.path().is_dir() {
            return None;
        }
        folder = only.path();
    }
    None
}

/// The graph of a version that has one and is no model directory, as Triton's repositories have them.
#[must_use]
pub fn only_graph(directory: &Path) -> Option<PathBuf> {
    let graph = directory.join(GRAPH_FILE);
    (!directory.join(MODEL_FILE).is_file() && graph.is_file()).then_some(graph)
}

/// The folders in `directory`, links to folders included, in the order of their names.
fn folders(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (Ok(name), path) = (entry.file_name().into_string(), entry.path()) else { continue };
        if !name.starts_with('.') && !name.chars().any(char::is_control) && path.is_dir() {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

/// A version's number: 1 and up, written as numbers are.
fn number(name: &str) -> Option<u64> {
    name.parse().ok().filter(|number: &u64| *number > 0 && number.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &Path, file: &str) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join(file), "x").unwrap();
    }

    #[test]
    fn models_are_folders_and_versions_are_numbered_ones_below() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        folder(&at("iris/10"), "MLmodel");
        folder(&at("iris/9"), "MLmodel");
        for no_version in ["iris/09", "iris/0", "iris/-1", "iris/new", "iris/.11"] {
            folder(&at(no_version), "MLmodel");
        }
        folder(&at("alone"), "MLmodel");
        folder(&at("alone/2"), "MLmodel");
        folder(&at("empty"), "readme");
        folder(&at(".mlhost-unfinished"), "MLmodel");
        fs::write(at("readme"), "").unwrap();
        let found = Repository::new(root.path().to_owned()).scan().unwrap();
        let listed: Vec<(&str, Vec<&str>)> = found
            .iter()
            .map(|found| {
                (&*found.name, found.versions.iter().map(|version| version.number.as_str()).collect())
            })
            .collect();
        assert_eq!(listed, [("alone", vec!["1"]), ("empty", vec![]), ("iris", vec!["9", "10"])]);
    }

    #[test]
    fn only_a_folder_of_the_repository_is_found() {
        let root = tempfile::tempdir().unwrap();
        folder(&root.path().join("models/iris"), "MLmodel");
        folder(&root.path().join("other"), "MLmodel");
        let repository = Repository::new(root.path().join("models"));
        assert!(repository.find("iris").unwrap().is_some());
        for name in ["../other", "iris/../iris", "", ".", "..", "/"] {
            assert!(repository.find(name).unwrap().is_none(), "{name}");
        }
        assert!(Repository::new(root.path().join("none")).find("iris").is_err());
    }

    #[test]
    fn a_model_directory_is_found_where_nothing_else_lies_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("iris/1/model");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(model_directory(root.path()), None);
        fs::write(deep.join("MLmodel"), "").unwrap();
        assert_eq!(model_directory(root.path()), Some(deep.clone()));
        assert_eq!(model_directory(&deep), Some(deep));
        fs::write(root.path().join("iris/readme"), "").unwrap();
        assert_eq!(model_directory(root.path()), None);
        assert_eq!(model_directory(&root.path().join("none")), None);
    }
}
