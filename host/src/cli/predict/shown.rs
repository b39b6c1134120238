//! How far a run over rows is: a bar for people, a line of the log now and then for everything else.

use std::io::{self, IsTerminal as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::batch::{Done, Watcher};

/// How often a log is told.
const PAUSE: Duration = Duration::from_secs(10);

/// How often a bar is drawn.
const DRAWN: Duration = Duration::from_millis(100);

/// Shows progress on standard error.
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    /// Bytes of all files, where they are known.
    bytes: Option<u64>,
    times: Mutex<Times>,
}

struct Times {
    begin: Instant,
    /// Rows that were done before.
    before: Option<u64>,
    shown: Instant,
}

// === impl Shown ===

impl Shown {
    /// Of files of so many bytes. Looks whether standard error is a terminal.
    pub(super) fn new(bytes: Option<u64>) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr());
            let template = match bytes {
                Some(_) => "{bar:30} {percent}%  {msg}, {eta} left",
                None => "{spinner} {msg}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        let now = Instant::now();
        Self { bar, bytes, times: Mutex::new(Times { begin: now, before: None, shown: now }) }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watcher for Shown {
    fn advances(&self, done: &Done) {
        let mut times = self.times.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = *times.before.get_or_insert(done.rows);
        let pause = if self.bar.is_some() { DRAWN } else { PAUSE };
        if times.shown.elapsed() < pause {
            return;
        }
        times.shown = Instant::now();
        let seconds = times.begin.elapsed().as_secs_f64();
        let rate = (done.rows - before) as f64 / seconds.max(0.001);
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!(
                    "{} rows, {}/s{}",
                    grouped(done.rows),
                    grouped(rate as u64),
                    refused(done)
                ));
                bar.set_position(done.bytes);
            }
            None => {
                let Done { rows, rejected, bytes } = *done;
                let of_bytes = self.bytes;
                tracing::info!(rows, rejected, bytes, of_bytes, rows_per_second = rate as u64, "predicting");
            }
        }
    }
}

fn refused(done: &Done) -> String {
    if done.rejected == 0 { String::new() } else { format!(", {} refused", grouped(done.rejected)) }
}

/// A number with commas between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_told_apart() {
        let shown = [0, 12, 123, 1234, 123_456, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "12", "123", "1,234", "123,456", "1,234,567"]);
    }
}
