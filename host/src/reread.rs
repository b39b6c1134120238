//! Files that the server reads again when they change: keys, certificates.
//!
//! Started by `cli::serve` once it listens; looks every second, as Kubernetes changes mounted secrets by moving a link, which no
//! notification tells of in one place, and at once on SIGHUP. What cannot be used is logged once and tried again when it
//! changes again; what was read before goes on. Never ends the server.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

/// How often to look.
const LOOK: Duration = Duration::from_secs(1);

/// Reads something again, or says why the old one goes on.
pub type Read = Box<dyn Fn() -> Result<(), Box<dyn std::error::Error>> + Send>;

/// Files that are one thing together, as they were before they were read.
pub struct Noticed {
    files: Vec<PathBuf>,
    seen: Vec<Option<Trace>>,
}

/// The same, and what is done when they change.
pub struct Reread {
    /// What messages call them.
    what: &'static str,
    noticed: Noticed,
    read: Read,
}

/// What of a file is different once it is another or was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trace {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

/// Has each of `all` read again when it changes, for as long as the server lives. Whoever calls this has read them.
///
/// # Errors
///
/// When the operating system has no signal handler to give.
pub fn start(mut all: Vec<Reread>) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                _ = look.tick() => false,
            };
            for one in &mut all {
                one.look(asked);
            }
        }
    });
    Ok(())
}

// === impl Noticed ===

impl Noticed {
    /// What `files` look like now. Whoever reads them after this misses no change.
    #[must_use]
    pub fn now(files: Vec<PathBuf>) -> Self {
        let seen = files.iter().map(Trace::of).collect();
        Self { files, seen }
    }

    /// They are read by `read` when they change.
    #[must_use]
    pub fn read_by(self, what: &'static str, read: Read) -> Reread {
        Reread { what, noticed: self, read }
    }

    /// Whether they look otherwise than before.
    fn changed(&mut self) -> bool {
        let seen: Vec<_> = self.files.iter().map(Trace::of).collect();
        let changed = seen != self.seen;
        // Noted before they are read: a change meanwhile is another one.
        self.seen = seen;
        changed
    }
}

// === impl Reread ===

impl Reread {
    /// Looks once; `asked` is whether somebody wants them read though nothing changed.
    fn look(&mut self, asked: bool) {
        if !self.noticed.changed() && !asked {
            return;
        }
        match (self.read)() {
            Ok(()) => tracing::debug!(what = self.what, "read again"),
            Err(error) => {
                tracing::error!(what = self.what, "not taken, the old ones go on: {error}");
            }
        }
    }
}

// === impl Trace ===

impl Trace {
    fn of(file: &PathBuf) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn files_are_read_again_when_one_changes_appears_or_goes_and_not_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        fs::write(&file, "1").unwrap();
        let reads = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&reads);
        let read = Box::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Err("whatever comes of it".into())
        });
        let mut reread = Noticed::now(vec![link.clone(), file.clone()]).read_by("things", read);
        let mut look = |asked| {
            reread.look(asked);
            reads.swap(0, Ordering::Relaxed)
        };
        assert_eq!(look(false), 0);
        assert_eq!(look(true), 1);
        fs::write(&file, "12").unwrap();
        assert_eq!((look(false), look(false)), (1, 0));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!((look(false), look(false)), (1, 0));
        let other = folder.path().join("other");
        fs::write(&other, "12").unwrap();
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert_eq!((look(false), look(false)), (1, 0));
        fs::remove_file(&other).unwrap();
        assert_eq!((look(false), look(false)), (1, 0));
    }
}
