//! How far a download is: a bar for people, a line of the log now and then for everything else.

use std::io::{self, IsTerminal as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mlhost_registry::Progress;

/// How often a log is told.
const PAUSE: Duration = Duration::from_secs(5);

/// Shows a download's progress on standard error.
pub(super) struct Shown {
    bar: ProgressBar,
    log: Option<Mutex<Log>>,
}

struct Log {
    what: String,
    total: Option<u64>,
    last: Instant,
}

// === impl Shown ===

impl Shown {
    /// Looks whether standard error is a terminal.
    pub(super) fn new() -> Self {
        let for_people = io::stderr().is_terminal();
        let log = Log { what: String::new(), total: None, last: Instant::now() };
        Self { bar: ProgressBar::hidden(), log: (!for_people).then_some(Mutex::new(log)) }
    }
}

impl Progress for Shown {
    fn begins(&self, what: &str, total: Option<u64>) {
        if let Some(log) = &self.log {
            let mut log = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *log = Log { what: what.to_owned(), total, last: Instant::now() };
            tracing::info!(from = what, bytes = total, "downloading a model");
            return;
        }
        let template = match total {
            Some(_) => "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_length(total.unwrap_or(0));
        self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
    }

    fn advances(&self, bytes: u64) {
        self.bar.set_position(bytes);
        let Some(log) = &self.log else { return };
        let mut log = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if log.last.elapsed() >= PAUSE {
            log.last = Instant::now();
            tracing::info!(from = log.what, bytes, of = log.total, "downloading");
        }
    }

    fn ends(&self) {
        self.bar.finish_and_clear();
    }
}
