//! Rows in buckets: what `s3://`, `gs://` and `az://` name, read in parts and never downloaded as a whole, and files that go there.
//!
//! Called by [`super::files`] and [`super::rows`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use bytes::Bytes;
use mlhost_registry::{Object, Objects, Settings};
use mlhost_tables::format::Format;
use mlhost_tables::source::Source;
use sha2::{Digest as _, Sha256};

use crate::config;

/// What is asked for at a time, where less is wanted.
const BLOCK: u64 = 8 << 20;

/// A file of a bucket.
pub(super) struct RemoteFile {
    name: String,
    objects: Arc<Objects>,
    object: Object,
    /// What was asked for last, and from where on.
    block: Mutex<(u64, Bytes)>,
}

/// A file that is to be in a bucket: written here until it is whole.
pub(super) struct Upload {
    objects: Objects,
    name: String,
    url: String,
    /// Where it is until then.
    pub(super) path: PathBuf,
}

/// A URL's folder, and what comes behind it: a name, a pattern, nothing.
fn taken_apart(url: &str) -> (&str, &str) {
    let wild = url.find(['*', '?', '[']).unwrap_or(url.len());
    let end = url.get(..wild).and_then(|fixed| fixed.rfind('/')).map_or(0, |slash| slash + 1);
    url.split_at(end)
}

fn settings() -> anyhow::Result<Settings> {
    Ok(config::registry_settings(&config::process_environment)?)
}

/// The files of rows that a URL names.
pub(super) fn find(url: &str) -> anyhow::Result<Vec<RemoteFile>> {
    let (folder, rest) = taken_apart(url);
    let objects = Arc::new(Objects::open(folder, settings()?)?);
    let found = if rest.is_empty() || rest.contains(['*', '?', '[']) {
        let pattern = glob::Pattern::new(if rest.is_empty() { "*" } else { rest });
        let pattern = pattern.with_context(|| format!("`{url}` is no pattern"))?;
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        let mut found = objects.list()?;
        found.retain(|object| {
            let hidden = object.name().rsplit('/').next().is_some_and(|name| name.starts_with(['.', '_']));
            let rows = !rest.is_empty() || Format::of_name(object.name()).is_some();
            rows && !hidden && pattern.matches_with(object.name(), options)
        });
        anyhow::ensure!(!found.is_empty(), "no file is called like `{url}`");
        found
    } else {
        vec![objects.find(rest)?]
    };
    let file = |object: Object| RemoteFile {
        name: format!("{folder}{}", object.name()),
        objects: Arc::clone(&objects),
        object,
        block: Mutex::new((0, Bytes::new())),
    };
    Ok(found.into_iter().map(file).collect())
}

// === impl RemoteFile ===

impl Source for RemoteFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn length(&self) -> u64 {
        self.object.length()
    }

    fn version(&self) -> String {
        self.object.version().to_owned()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length().saturating_sub(offset);
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = offset.checked_sub(block.0).filter(|inside| *inside < block.1.len() as u64);
        let inside = match inside {
            Some(inside) => inside,
            None => {
                let length = BLOCK.max(buffer.len() as u64).min(left);
                let read = self.objects.read(&self.object, offset, length);
                *block = (offset, read.map_err(|error| io::Error::other(error.to_string()))?);
                0
            }
        };
        let known = usize::try_from(inside).ok().and_then(|inside| block.1.get(inside..)).unwrap_or_default();
        let count = known.len().min(buffer.len());
        buffer[..count].copy_from_slice(&known[..count]);
        Ok(count)
    }
}

// === impl Upload ===

impl Upload {
    /// A file for `url`, which must be in a bucket.
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let (folder, name) = taken_apart(url);
        anyhow::ensure!(
            !name.is_empty() && !name.contains(['*', '?', '[']),
            "`{url}` names no file\nhint: write `s3://bucket/folder/file.parquet`"
        );
        let objects = Objects::open(folder, settings()?)?;
        let cache = config::cache_dir(&config::process_environment).context(
            "there is no folder to write in before the upload\nhint: set MLHOST_CACHE_DIR, XDG_CACHE_HOME or HOME",
        )?;
        // The same place for the same URL, so that a run that was killed can be gone on with.
        let digest: String =
            Sha256::digest(url.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let directory = cache.join("predictions").join(digest);
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make `{}`", directory.display()))?;
        Ok(Self { objects, name: name.to_owned(), url: url.to_owned(), path: directory.join(name) })
    }

    /// Sends the file, which is whole, and removes it here.
    pub(super) fn send(&self) -> anyhow::Result<()> {
        self.objects.upload(&self.name, &self.path).with_context(|| {
            format!("cannot write `{}`: the predictions are in `{}`", self.url, self.path.display())
        })?;
        remove(&self.path);
        Ok(())
    }
}

fn remove(path: &Path) {
    // A file that stays is written over by the next run.
    let _ = std::fs::remove_file(path);
    let _ = path.parent().map(std::fs::remove_dir);
}

#[cfg(test)]
mod tests {
    use super::taken_apart;

    #[test]
    fn a_url_is_a_folder_and_what_is_in_it() {
        for (url, expected) in [
            ("s3://b/a/x.csv", ("s3://b/a/", "x.csv")),
            ("s3://b/a/*.csv", ("s3://b/a/", "*.csv")),
            ("s3://b/*/x.csv", ("s3://b/", "*/x.csv")),
            ("s3://b/a/", ("s3://b/a/", "")),
        ] {
            assert_eq!(taken_apart(url), expected);
        }
    }
}
