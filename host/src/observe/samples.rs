//! Some requests and their answers, written down as JSON lines: what drift is found in.
//!
//! Off unless the operator names a file. `serve` decides before a prediction and hands over what it was afterwards; a thread
//! of this module's own writes. Its queue is bounded in requests and in bytes: what has no room is dropped and counted, and no
//! request waits. The file is bounded, too: half of what it may have, and then it becomes the one before, in whose place the
//! next begins. It holds what callers sent: it is for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use jiff::Timestamp;
use mlhost_wire::values::{Call, Output};

use super::outbox::{Message, Outbox};
use super::random;
use super::telemetry::Telemetry;
use crate::config::{Ratio, SampleConfig};

mod json;

/// Requests that may wait to be written.
const QUEUE: usize = 256;

/// Bytes of values that may wait to be written.
const WAITING_BYTES: usize = 64 << 20;

/// How long the end of the process waits for what is still to be written.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where samples go.
pub struct Samples {
    rate: Ratio,
    outbox: Outbox<Sample>,
    waiting: Arc<AtomicUsize>,
    telemetry: Arc<Telemetry>,
}

/// One request that is to be written down.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it arrived.
    pub time: Timestamp,
    /// What logs call it.
    pub request_id: String,
    /// The model's name and version.
    pub model: (String, String),
    /// In whose words it came.
    pub protocol: &'static str,
    /// What it asked.
    pub call: Call,
    /// What was answered.
    pub output: Output,
}

/// A file that is begun anew when it has what it may have.
struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

// === impl Samples ===

impl Samples {
    /// Opens the file, and goes on at its end.
    ///
    /// # Errors
    ///
    /// The operating system's, for a file that cannot be written.
    pub fn start(config: &SampleConfig, telemetry: Arc<Telemetry>) -> io::Result<Self> {
        let mut journal = Journal::open(&config.path, config.max_bytes / 2)?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let (counted, written) = (Arc::clone(&telemetry), Arc::clone(&waiting));
        let work = move |samples| work(&samples, &mut journal, &counted, &written);
        let outbox = Outbox::start("samples", QUEUE, work)?;
        Ok(Self { rate: config.rate, outbox, waiting, telemetry })
    }

    /// Whether this request is one of those.
    #[must_use]
    pub fn picks(&self) -> bool {
        self.rate.picks(random::number())
    }

    /// Has it written, soon and without waiting.
    pub fn write(&self, sample: Sample) {
        let bytes = json::weight(&sample);
        let fits = self.waiting.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= WAITING_BYTES;
        if !fits || !self.outbox.put(sample) {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.telemetry.note_sample(false);
        }
    }

    /// Writes what is left, for as long as the end of the process has patience.
    pub(super) fn flush(&self) {
        if !self.outbox.flush(PATIENCE) {
            tracing::warn!("the last samples are not written");
        }
    }
}

/// The thread's whole life.
fn work(
    messages: &Receiver<Message<Sample>>,
    journal: &mut Journal,
    telemetry: &Telemetry,
    waiting: &AtomicUsize,
) {
    let mut well = true;
    while let Ok(message) = messages.recv() {
        let sample = match message {
            Message::One(sample) => sample,
            Message::Flush(done) => {
                // Nobody waits any more where that took too long.
                let _ = done.try_send(());
                continue;
            }
        };
        let bytes = json::weight(&sample);
        let line = json::line(sample);
        waiting.fetch_sub(bytes, Ordering::Relaxed);
        match journal.append(&line) {
            Ok(written) => {
                telemetry.note_sample(written);
                well = true;
            }
            Err(error) => {
                telemetry.note_sample(false);
                // Once, and not for every request while the disk is full.
                if well {
                    tracing::warn!(%error, path = %journal.path.display(), "samples are dropped");
                }
                well = false;
            }
        }
    }
}

// === impl Journal ===

impl Journal {
    fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, max_bytes })
    }

    /// Appends a line; answers whether there can be room for it at all.
    fn append(&mut self, line: &[u8]) -> io::Result<bool> {
        let bytes = line.len() as u64;
        if bytes > self.max_bytes {
            return Ok(false);
        }
        if self.bytes + bytes > self.max_bytes {
            let mut before = self.path.clone().into_os_string();
            before.push(".1");
            fs::rename(&self.path, before)?;
            *self = Self::open(&self.path, self.max_bytes)?;
        }
        // What was written of a line when the disk was full stays: readers skip what is no JSON.
        let written = self.file.write_all(line);
        self.bytes = self.file.metadata().map_or(self.bytes + bytes, |metadata| metadata.len());
        written.map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn both_files_together_never_have_more_than_they_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        let mut journal = Journal::open(&path, 50).unwrap();
        for number in 0..100 {
            assert!(journal.append(format!("{{\"number\":{number:03}}}\n").as_bytes()).unwrap());
        }
        assert!(!journal.append(&[b'x'; 51]).unwrap());
        let before = fs::read_to_string(folder.path().join("samples.jsonl.1")).unwrap();
        let now = fs::read_to_string(&path).unwrap();
        assert!(before.len() <= 50 && now.len() <= 50, "{before}{now}");
        assert!(now.ends_with("{\"number\":099}\n") && !before.is_empty(), "{before}{now}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // Another start goes on where the file ends.
        drop(journal);
        let length = now.len() as u64;
        assert_eq!(Journal::open(&path, 50).unwrap().bytes, length);
    }
}
