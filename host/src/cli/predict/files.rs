//! What `-i` names: files, folders of them, patterns, URLs of buckets, standard input.
//!
//! Called by [`super::rows`] before a model is loaded: whatever is not there is said at once.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use mlhost_tables::format::{Format, Packing};
use mlhost_tables::read::Origin;
use mlhost_tables::source::{LocalFile, Source};

use super::remote;
use crate::batch::InputFile;

/// Files that were found, in order, and what tells these versions of them from others.
pub(super) struct Found {
    pub(super) inputs: Vec<InputFile>,
    pub(super) identity: String,
}

/// Finds all that `-i` names.
pub(super) fn find(named: &[String], format: Option<Format>) -> anyhow::Result<Found> {
    let mut found = Found { inputs: Vec::new(), identity: String::new() };
    if named.is_empty() || named == ["-"] {
        let format = format.context(
            "what is standard input written in?\nhint: `--input-format` says it: csv, jsonl, parquet, arrow or arrows",
        )?;
        found.inputs.push(standard_input(format));
        "standard input".clone_into(&mut found.identity);
        return Ok(found);
    }
    for name in named {
        if let Some((scheme, _)) = name.split_once("://") {
            anyhow::ensure!(
                mlhost_registry::Objects::knows(scheme),
                "`{name}`: `{scheme}` is no scheme that rows are read from\nhint: `s3`, `gs`, `az` and a file's path are"
            );
            for file in remote::find(name)? {
                let (format, packing) = format_of(file.name(), format)?;
                found.add(Arc::new(file), format, packing);
            }
            continue;
        }
        for path in paths(name)? {
            found.add_local(&path, format)?;
        }
    }
    Ok(found)
}

/// Whether the rows of a file or folder or pattern of this name can be read without being told how.
pub(super) fn speaks_for_itself(name: &str) -> bool {
    Format::of_name(name).is_some() || name.ends_with('/') || Path::new(name).is_dir()
}

fn standard_input(format: Format) -> InputFile {
    InputFile {
        name: "standard input".to_owned(),
        length: None,
        format,
        packing: Packing::Plain,
        open: Box::new(|| {
            Ok(Origin::Stream { name: "standard input".to_owned(), reader: Box::new(io::stdin()) })
        }),
    }
}

/// The files that a name means, in the order of their names.
fn paths(name: &str) -> anyhow::Result<Vec<PathBuf>> {
    let path = Path::new(name);
    if path.is_dir() {
        return in_folder(path);
    }
    // A file that is called like a pattern is that file.
    if path.exists() || !name.contains(['*', '?', '[']) {
        return Ok(vec![path.to_owned()]);
    }
    let matches = glob::glob(name).with_context(|| format!("`{name}` is no pattern"))?;
    let matches =
        matches.collect::<Result<Vec<_>, _>>().with_context(|| format!("cannot look for `{name}`"))?;
    let files: Vec<_> = matches.into_iter().filter(|path| path.is_file()).collect();
    anyhow::ensure!(!files.is_empty(), "no file is called like `{name}`");
    Ok(files)
}

/// The files of rows in a folder, as Spark and others leave them: nothing hidden, nothing that begins with `_`.
fn in_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_file() && !name.starts_with(['.', '_']) && Format::of_name(&name).is_some() {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    };
    let files = read().with_context(|| format!("cannot read `{}`", folder.display()))?;
    anyhow::ensure!(
        !files.is_empty(),
        "`{}` has no file of rows\nhint: names end with .csv, .jsonl, .parquet or .arrow",
        folder.display()
    );
    Ok(files)
}

// === impl Found ===

impl Found {
    fn add_local(&mut self, path: &Path, format: Option<Format>) -> anyhow::Result<()> {
        let name = path.display().to_string();
        let (format, packing) = format_of(&name, format)?;
        let is_file = std::fs::metadata(path).with_context(|| format!("cannot read `{name}`"))?.is_file();
        if !is_file {
            // A pipe: read once, from its beginning.
            self.identity.push_str(&name);
            let (shown, path) = (name.clone(), path.to_owned());
            let open = move || {
                let reader = Box::new(std::fs::File::open(&path)?);
                Ok(Origin::Stream { name: shown.clone(), reader })
            };
            self.inputs.push(InputFile { name, length: None, format, packing, open: Box::new(open) });
            return Ok(());
        }
        let file = LocalFile::open(path).with_context(|| format!("cannot read `{name}`"))?;
        self.add(Arc::new(file), format, packing);
        Ok(())
    }

    fn add(&mut self, source: Arc<dyn Source>, format: Format, packing: Packing) {
        let (name, length, version) = (source.name(), source.length(), source.version());
        self.identity.push_str(&format!("{name}\n{length} {version}\n"));
        self.inputs.push(InputFile::of_source(source, format, packing));
    }
}

/// What a file is written in: what was said, or what its name says.
pub(super) fn format_of(name: &str, said: Option<Format>) -> anyhow::Result<(Format, Packing)> {
    let by_name = Format::of_name(name);
    match (said, by_name) {
        (Some(said), Some((format, packing))) if said == format => Ok((said, packing)),
        (Some(said), _) if said.is_text() => Ok((said, packing_of(name))),
        (Some(said), _) => Ok((said, Packing::Plain)),
        (None, Some(found)) => Ok(found),
        (None, None) => anyhow::bail!(
            "what is `{name}` written in?\nhint: `--input-format` says it: csv, jsonl, parquet, arrow or arrows"
        ),
    }
}

fn packing_of(name: &str) -> Packing {
    match name.rsplit_once('.') {
        Some((_, "gz")) => Packing::Gzip,
        Some((_, "zst")) => Packing::Zstandard,
        _ => Packing::Plain,
    }
}
