//! One file: downloaded, gone on with where it broke off, checked, and only then in the cache.
//!
//! Used by [`crate::Registry`], several at a time. What has arrived is kept with the version that it belongs to, so that
//! neither a broken connection nor a killed process costs it; bytes of two versions are never put together.

use futures_util::StreamExt as _;

use crate::cache::{Cache, Partial};
use crate::checksum::Checksum;
use crate::error::RegistryError;
use crate::manifest::ManifestFile;
use crate::progress::Meter;
use crate::secret::printable;
use crate::settings::{Bounds, Retry};
use crate::source::{Body, From, Opened, RemoteFile, Source};

/// What the downloads of one model have in common.
pub(crate) struct Downloads<'a> {
    pub(crate) source: &'a Source<'a>,
    pub(crate) cache: &'a Cache,
    /// The location's key, which partial files are kept under.
    pub(crate) key: &'a str,
    pub(crate) meter: &'a Meter<'a>,
    pub(crate) retry: Retry,
    pub(crate) bounds: Bounds,
}

/// One file on its way.
struct Transfer<'a> {
    all: &'a Downloads<'a>,
    file: &'a RemoteFile,
    known: Option<&'a ManifestFile>,
    partial: Partial,
    /// What the meter has been told.
    counted: u64,
}

/// How one attempt ended.
enum Attempt {
    Done(ManifestFile),
    /// It may go better the next time.
    Again(RegistryError),
}

// === impl Downloads ===

impl Downloads<'_> {
    /// The file as a blob of the cache. `known` is what the cache has under its path, checked.
    pub(crate) async fn file(
        &self,
        file: &RemoteFile,
        known: Option<&ManifestFile>,
    ) -> Result<ManifestFile, RegistryError> {
        let partial = self.cache.partial(self.key, &file.path)?;
        let mut transfer = Transfer { all: self, file, known, partial, counted: 0 };
        transfer.count(transfer.partial.length());
        let mut furthest = transfer.partial.length();
        let mut failures = 0;
        loop {
            let error = match transfer.attempt().await {
                Ok(Attempt::Done(done)) => return Ok(done),
                Ok(Attempt::Again(error)) => error,
                Err(error) if error.is_outage() => error,
                Err(error) => return Err(error),
            };
            let at = transfer.partial.length();
            if at > furthest {
                furthest = at;
                failures = 0;
            }
            failures += 1;
            if failures >= self.retry.attempts {
                return Err(error);
            }
            tracing::debug!(file = file.path, at, %error, "trying again");
            tokio::time::sleep(self.retry.pause(failures)).await;
        }
    }
}

// === impl Transfer ===

impl Transfer<'_> {
    fn count(&mut self, bytes: u64) {
        self.all.meter.moved(self.counted, bytes);
        self.counted = bytes;
    }

    async fn attempt(&mut self) -> Result<Attempt, RegistryError> {
        let byte = self.partial.resumes_at();
        let tag = self.partial.tag().map(str::to_owned);
        let from =
            From { byte, tag: tag.as_deref(), have: self.known.and_then(|known| known.tag.as_deref()) };
        let body = match self.all.source.get(self.file, from).await {
            Ok(Opened::Unchanged) => {
                let known =
                    self.known.ok_or_else(|| self.broken("it is called unchanged, and was never here"))?;
                self.count(known.size);
                self.partial.discard()?;
                return Ok(Attempt::Done(known.clone()));
            }
            Ok(Opened::Shorter) => {
                self.partial.discard()?;
                return Ok(Attempt::Again(self.broken("it has become shorter")));
            }
            Ok(Opened::Body(body)) => body,
            Err(error) => return Err(error),
        };
        if let (Some(total), Some(size)) = (body.total, self.file.size)
            && total != size
        {
            self.partial.discard()?;
            return Err(self.broken(&format!("it has {total} bytes, and is listed with {size}")));
        }
        if body.start == 0 {
            self.partial.restart(body.tag.clone(), body.total.or(self.file.size))?;
        } else if body.start == byte && body.tag == tag {
            self.partial.cut(body.start)?;
        } else {
            self.partial.discard()?;
            return Ok(Attempt::Again(self.broken("another version is there before the end was here")));
        }
        self.receive(body).await
    }

    /// Writes what arrives, then checks the whole.
    async fn receive(&mut self, mut body: Body) -> Result<Attempt, RegistryError> {
        let expected = body.total.or(self.file.size);
        let most = expected.unwrap_or(self.all.bounds.bytes);
        let mut checksum = Checksum::new(&body.promised);
        self.partial.hash(&mut checksum)?;
        while let Some(piece) = body.pieces.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return Ok(Attempt::Again(error)),
            };
            if self.partial.length() + piece.len() as u64 > most {
                self.partial.discard()?;
                return Err(self.broken(&format!("more than {most} bytes arrive")));
            }
            self.partial.append(&piece)?;
            checksum.update(&piece);
            self.count(self.partial.length());
        }
        let size = self.partial.length();
        if let Some(expected) = expected.filter(|expected| *expected != size) {
            return Ok(Attempt::Again(self.broken(&format!("{size} of {expected} bytes have arrived"))));
        }
        let sha256 = match checksum.finish(&body.promised) {
            Ok(sha256) => sha256,
            Err(problem) => {
                self.partial.discard()?;
                return Ok(Attempt::Again(self.broken(problem)));
            }
        };
        self.all.cache.adopt(&mut self.partial, &sha256)?;
        Ok(Attempt::Done(ManifestFile { path: self.file.path.clone(), sha256, size, tag: body.tag }))
    }

    fn broken(&self, problem: &str) -> RegistryError {
        RegistryError::Broken {
            file: printable(&self.file.path),
            server: format!("`{}`", self.all.source),
            problem: problem.to_owned(),
        }
    }
}
