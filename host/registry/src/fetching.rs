//! One model's files into the cache's blobs: what is listed, a few at a time; or an archive, and what is in it.
//!
//! Used by [`crate::Registry`], which holds the location's lock meanwhile and makes the folder afterwards.

use std::path::PathBuf;

use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::archive::{Archive, Format};
use crate::cache::Cache;
use crate::download::Downloads;
use crate::error::RegistryError;
use crate::manifest::{Manifest, ManifestFile};
use crate::progress::{Meter, Progress};
use crate::settings::Settings;
use crate::source::{RemoteFile, Source};

/// So many files are downloaded at a time.
const AT_ONCE: usize = 4;

/// What fetching one model takes.
pub(crate) struct Fetching<'a> {
    pub(crate) source: &'a Source<'a>,
    pub(crate) cache: &'a Cache,
    /// The location's key.
    pub(crate) key: &'a str,
    /// What was there the last time.
    pub(crate) before: Option<&'a Manifest>,
    pub(crate) settings: &'a Settings,
    pub(crate) progress: &'a dyn Progress,
}

// === impl Fetching ===

impl Fetching<'_> {
    fn downloads<'b>(&'b self, meter: &'b Meter<'b>) -> Downloads<'b> {
        Downloads {
            source: self.source,
            cache: self.cache,
            key: self.key,
            meter,
            retry: self.settings.retry,
            bounds: self.settings.bounds,
        }
    }

    /// All that is listed.
    pub(crate) async fn downloaded(&self) -> Result<Manifest, RegistryError> {
        let files = self.source.list(self.settings).await?;
        let location = self.source.to_string();
        // Nothing is downloaded that turns out to be no model.
        if !files.iter().any(|file| file.path == "MLmodel") {
            let files = files.into_iter().map(|file| ManifestFile::listed(file.path)).collect();
            let found = Manifest { files, ..Manifest::default() }.top();
            return Err(RegistryError::NotAModel { location, found });
        }
        let total = files.iter().map(|file| file.size).sum::<Option<u64>>();
        let meter = Meter::begin(self.progress, &location, total);
        let downloads = self.downloads(&meter);
        let known = |file: &RemoteFile| {
            let known = self.before?.files.iter().find(|known| known.path == file.path)?;
            let fits = file.size.is_none_or(|size| size == known.size);
            (fits && known.tag.is_some() && self.cache.has(known)).then_some(known)
        };
        let each: Vec<_> = files.iter().map(|file| downloads.file(file, known(file))).collect();
        let files = futures_util::stream::iter(each).buffered(AT_ONCE).try_collect().await?;
        Ok(Manifest { location, archive: None, files })
    }

    /// All that is in the archive. The archive itself is kept as a blob: under the version that its server gives it, it need
    /// not be sent again.
    pub(crate) async fn unpacked(&self) -> Result<Manifest, RegistryError> {
        let name = self.source.to_string();
        let files = self.source.list(self.settings).await?;
        let (Some(format), Some(archive)) = (Format::of(&name), files.first()) else {
            return Err(RegistryError::Archive { archive: name, problem: "is of no known kind".to_owned() });
        };
        let kept = self.before.and_then(|before| before.archive.as_ref());
        let kept = kept.filter(|kept| kept.tag.is_some() && self.cache.has(kept));
        let meter = Meter::begin(self.progress, &name, None);
        let whole = self.downloads(&meter).file(archive, kept).await?;
        drop(meter);
        let unpacked = self.before.filter(|before| {
            let same = before.archive.as_ref().is_some_and(|archive| archive.sha256 == whole.sha256);
            same && before.files.iter().all(|file| self.cache.has(file))
        });
        if let Some(unpacked) = unpacked {
            return Ok(Manifest { archive: Some(whole), ..unpacked.clone() });
        }
        let (cache, bounds) = (self.cache.clone(), self.settings.bounds);
        off_thread(move || {
            let files =
                Archive { name: &name, format, bounds, cache: &cache }.unpack(&cache.blob(&whole.sha256))?;
            Ok(Manifest { location: name, archive: Some(whole), files })
        })
        .await
    }
}

/// What hashes, copies or unpacks, while the runtime goes on.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(RegistryError::File {
            path: PathBuf::from("the cache"),
            source: std::io::Error::other(error),
        }),
    }
}
