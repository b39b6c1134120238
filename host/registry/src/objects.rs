//! Files in buckets that are no models: rows to predict on, and where predictions go.
//!
//! Used by `host/src/cli/predict`, on threads that may wait: reads parts of files, as many times as [`crate::Retry`] says, and
//! writes whole ones. Every part is of the version that was found first: a file that is written over meanwhile is an error.

use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use tokio::runtime::Runtime;
use url::Url;

use crate::error::RegistryError;
use crate::settings::{Bounds, Settings};
use crate::source::{Bucket, RemoteFile};

/// Most files that a pattern is looked for among.
const MOST_FILES: usize = 1_000_000;

/// A folder of a bucket.
pub struct Objects {
    bucket: Bucket,
    settings: Settings,
    runtime: Runtime,
}

/// A file of it.
#[derive(Clone, Debug)]
pub struct Object {
    file: RemoteFile,
}

// === impl Object ===

impl Object {
    /// Below the folder.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.file.path
    }

    /// In bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.file.size.unwrap_or_default()
    }

    /// The store's word for this version.
    #[must_use]
    pub fn version(&self) -> &str {
        self.file.tag.as_deref().unwrap_or_default()
    }
}

// === impl Objects ===

impl Objects {
    /// Whether URLs of this scheme are buckets'.
    #[must_use]
    pub fn knows(scheme: &str) -> bool {
        matches!(scheme, "s3" | "s3a" | "gs" | "az" | "abfs" | "abfss" | "wasb" | "wasbs")
    }

    /// The folder at `url`, with the credentials of the settings.
    ///
    /// # Errors
    ///
    /// Where it is no address of a bucket, or credentials are unusable.
    pub fn open(url: &str, settings: Settings) -> Result<Self, RegistryError> {
        let address = Url::parse(url).map_err(|error| RegistryError::Uri {
            uri: url.to_owned(),
            problem: format!("is no address: {error}"),
            hint: "write `s3://bucket/folder/file`".to_owned(),
        })?;
        let bucket = Bucket::open(&address, &settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|source| RegistryError::Bucket {
            location: url.to_owned(),
            message: format!("no thread can be started: {source}"),
            hint: None,
        })?;
        Ok(Self { bucket, settings, runtime })
    }

    /// All files below the folder, in the order of their names.
    ///
    /// # Errors
    ///
    /// Where they cannot be listed.
    pub fn list(&self) -> Result<Vec<Object>, RegistryError> {
        let bounds = Bounds { bytes: u64::MAX, files: MOST_FILES };
        let mut files = self.runtime.block_on(self.bucket.list(bounds))?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files.into_iter().map(|file| Object { file }).collect())
    }

    /// One file below the folder.
    ///
    /// # Errors
    ///
    /// Where there is none, or it may not be read.
    pub fn find(&self, name: &str) -> Result<Object, RegistryError> {
        Ok(Object { file: self.runtime.block_on(self.bucket.head(name))? })
    }

    /// `length` bytes of a file from `offset` on, which must be within it.
    ///
    /// # Errors
    ///
    /// The store's last word, after as many attempts as the settings allow.
    pub fn read(&self, object: &Object, offset: u64, length: u64) -> Result<Bytes, RegistryError> {
        let mut attempt = 1;
        loop {
            let range = offset..offset.saturating_add(length);
            match self.runtime.block_on(self.bucket.part(&object.file, range)) {
                Err(_) if attempt < self.settings.retry.attempts => {
                    std::thread::sleep(self.settings.retry.pause(attempt));
                    attempt += 1;
                }
                read => return read,
            }
        }
    }

    /// Writes the file at `path` as `name` below the folder: as a whole, or not at all.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or the store does not take it.
    pub fn upload(&self, name: &str, path: &Path) -> Result<(), RegistryError> {
        let mut file = std::fs::File::open(path).map_err(|source| self.unreadable(path, &source))?;
        let content: &mut (dyn Read + Send) = &mut file;
        self.runtime.block_on(self.bucket.put(name, content))
    }

    fn unreadable(&self, path: &Path, source: &io::Error) -> RegistryError {
        RegistryError::Bucket {
            location: self.bucket.to_string(),
            message: format!("cannot read `{}`: {source}", path.display()),
            hint: None,
        }
    }
}

impl std::fmt::Display for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.bucket.fmt(f)
    }
}
