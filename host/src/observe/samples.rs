//! Some requests and their answers, written down: what drift is found in.
//!
//! Off unless the operator names a file. `serve` decides before a prediction and hands over what it was afterwards; a thread
//! of this module's own writes, as JSON lines or as Parquet. Its queue is bounded in requests and in bytes: what has no room is
//! dropped and counted, and no request waits. What is on disk is bounded, too. It holds what callers sent: it is for its owner
//! alone.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mlhost_wire::values::{Call, Output};

use self::journal::Journal;
use self::parquet::ParquetLog;
use super::outbox::{Message, Outbox};
use super::random;
use super::telemetry::Telemetry;
use crate::config::{Ratio, SampleConfig};

mod journal;
mod json;
mod parquet;

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

/// How samples are kept.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Form {
    Lines(Journal),
    Parquet(ParquetLog),
}

/// What became of samples.
#[derive(Debug, Default)]
struct Outcome {
    written: u64,
    dropped: u64,
    error: Option<io::Error>,
}

/// Counts outcomes, and says failures: once, and not for every request while the disk is full.
struct Account<'a> {
    path: &'a Path,
    telemetry: &'a Telemetry,
    well: bool,
}

// === impl Samples ===

impl Samples {
    /// Opens what they are kept in, and goes on at its end.
    ///
    /// # Errors
    ///
    /// The operating system's, for a file that cannot be written.
    pub fn start(config: &SampleConfig, telemetry: Arc<Telemetry>) -> io::Result<Self> {
        let mut form = Form::open(config)?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let (counted, written, path) = (Arc::clone(&telemetry), Arc::clone(&waiting), config.path.clone());
        let work = move |samples| {
            let mut account = Account { path: &path, telemetry: &counted, well: true };
            work(&samples, &mut form, &mut account, &written);
        };
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
            self.telemetry.note_samples(0, 1);
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
    form: &mut Form,
    account: &mut Account<'_>,
    waiting: &AtomicUsize,
) {
    loop {
        let message = match form.due() {
            Some(due) => messages.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match message {
            Ok(Message::One(sample)) => {
                let bytes = json::weight(&sample);
                let outcome = form.take(sample);
                waiting.fetch_sub(bytes, Ordering::Relaxed);
                account.note(outcome);
            }
            Ok(Message::Flush(done)) => {
                account.note(form.finish());
                // Nobody waits any more where that took too long.
                let _ = done.try_send(());
            }
            Err(RecvTimeoutError::Timeout) => account.note(form.finish()),
            Err(RecvTimeoutError::Disconnected) => return account.note(form.finish()),
        }
    }
}

// === impl Form ===

impl Form {
    fn open(config: &SampleConfig) -> io::Result<Self> {
        if config.is_parquet() {
            return Ok(Self::Parquet(ParquetLog::open(&config.path, config.max_bytes)?));
        }
        Ok(Self::Lines(Journal::open(&config.path, config.max_bytes / 2)?))
    }

    /// Writes it down, or gathers it to write it with others.
    fn take(&mut self, sample: Sample) -> Outcome {
        match self {
            Self::Lines(journal) => journal.take(sample),
            Self::Parquet(log) => log.take(sample, Instant::now()),
        }
    }

    /// When what is gathered is to be written, if anything is.
    fn due(&self) -> Option<Instant> {
        match self {
            Self::Lines(_) => None,
            Self::Parquet(log) => log.due(),
        }
    }

    /// Writes what is gathered.
    fn finish(&mut self) -> Outcome {
        match self {
            Self::Lines(_) => Outcome::default(),
            Self::Parquet(log) => log.finish(),
        }
    }
}

// === impl Outcome ===

impl Outcome {
    fn written(written: u64) -> Self {
        Self { written, ..Self::default() }
    }

    fn dropped(dropped: u64) -> Self {
        Self { dropped, ..Self::default() }
    }

    fn failed(dropped: u64, error: io::Error) -> Self {
        Self { dropped, error: Some(error), ..Self::default() }
    }
}

// === impl Account ===

impl Account<'_> {
    fn note(&mut self, outcome: Outcome) {
        let Outcome { written, dropped, error } = outcome;
        self.telemetry.note_samples(written, dropped);
        if let Some(error) = error {
            if self.well {
                tracing::warn!(%error, path = %self.path.display(), "samples are dropped");
            }
            self.well = false;
        } else if written > 0 {
            self.well = true;
        }
    }
}
