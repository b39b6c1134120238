//! Where log lines go: to standard error, by way of a bounded buffer and a thread of their own.
//!
//! Whoever reads the log must not hold up who is served: a pipe that nobody empties blocks this thread alone, and a full disk
//! or a closed pipe loses lines, which are counted and said once there is room again. `log.rs` gives it to the subscriber;
//! `cli::main` waits a moment for it at the end.

use std::io::{self, Write};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait, in bytes. What comes on top is dropped and counted.
const ROOM: usize = 1 << 20;

/// The buffer, and who writes it out.
pub(super) struct Sink {
    queue: Mutex<Queue>,
    filled: Condvar,
    emptied: Condvar,
}

struct Queue {
    text: Vec<u8>,
    /// Whether some of it is on its way.
    writing: bool,
    lost: u64,
}

// === impl Sink ===

impl Sink {
    pub(super) const fn new() -> Self {
        let queue = Queue { text: Vec::new(), writing: false, lost: 0 };
        Self { queue: Mutex::new(queue), filled: Condvar::new(), emptied: Condvar::new() }
    }

    /// Starts the thread that writes to `output`, and tells `missing` how many lines are, once there is room again.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread to give.
    pub(super) fn start(
        &'static self,
        output: impl Write + Send + 'static,
        missing: impl Fn(u64) + Send + 'static,
    ) -> io::Result<()> {
        thread::Builder::new().name("log".to_owned()).spawn(move || self.write_out(output, missing)).map(drop)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_out(&self, mut output: impl Write, missing: impl Fn(u64)) {
        let mut text = Vec::new();
        loop {
            let empty = |queue: &mut Queue| queue.text.is_empty();
            let waited = self.filled.wait_while(self.queue(), empty);
            let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
            mem::swap(&mut queue.text, &mut text);
            queue.writing = true;
            drop(queue);
            let lost = write_all(&mut output, &text).err().unwrap_or(0);
            if lost == 0 {
                // Said by way of this buffer: nobody may hold it meanwhile, and there has to be room in it.
                let mut queue = self.queue();
                let before = if queue.text.len() < ROOM / 2 { mem::take(&mut queue.lost) } else { 0 };
                drop(queue);
                if before > 0 {
                    missing(before);
                }
            }
            text.clear();
            let mut queue = self.queue();
            queue.lost += lost;
            queue.writing = false;
            self.emptied.notify_all();
        }
    }

    /// Waits until all is written, or for `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let busy = |queue: &mut Queue| queue.writing || !queue.text.is_empty();
        // Over in time or not: the process ends either way.
        let _ = self.emptied.wait_timeout_while(self.queue(), patience, busy);
    }
}

/// Writes `text`; in case of an error, answers how many lines are lost.
fn write_all(output: &mut impl Write, text: &[u8]) -> Result<(), u64> {
    let mut rest = text;
    while !rest.is_empty() {
        match output.write(rest) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return Err(rest.iter().filter(|byte| **byte == b'\n').count() as u64),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// One line, whole: the subscriber writes each at once.
impl Write for &'static Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut queue = self.queue();
        if queue.text.len() + line.len() > ROOM {
            queue.lost += 1;
        } else {
            queue.text.extend_from_slice(line);
            self.filled.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for &'static Sink {
    type Writer = &'static Sink;

    fn make_writer(&self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;

    /// An output that takes nothing until it is told to.
    struct Gate(mpsc::Receiver<io::Result<()>>, Arc<Mutex<Vec<u8>>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().unwrap()?;
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[expect(clippy::type_complexity, reason = "named once, where it is made")]
    fn sink() -> (&'static Sink, mpsc::Sender<io::Result<()>>, Arc<Mutex<Vec<u8>>>) {
        let sink: &'static Sink = Box::leak(Box::new(Sink::new()));
        let (open, gate) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let missing = move |lines| {
            let mut says = sink;
            writeln!(says, "missing: {lines}").unwrap();
        };
        sink.start(Gate(gate, Arc::clone(&written)), missing).unwrap();
        (sink, open, written)
    }

    #[test]
    fn nobody_waits_for_an_output_that_takes_nothing_and_what_does_not_fit_is_counted() {
        let (mut sink, open, written) = sink();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..3000 {
            assert_eq!(sink.write(&line).unwrap(), 1024);
        }
        // The first batch may have been taken already.
        let lost = sink.queue().lost;
        assert!((900..2000).contains(&lost), "{lost}");
        for _ in 0..4 {
            open.send(Ok(())).unwrap();
        }
        sink.flush(Duration::from_secs(60));
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('x').count() as u64, (3000 - lost) * 1023);
        assert_eq!(text.matches(&format!("missing: {lost}\n")).count(), 1, "said once there is room again");
    }

    #[test]
    fn lines_that_cannot_be_written_are_lost_and_the_next_ones_are_not() {
        let (mut sink, open, written) = sink();
        open.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        sink.write_all(b"one\n").unwrap();
        sink.flush(Duration::from_secs(60));
        assert_eq!(sink.queue().lost, 1);
        open.send(Ok(())).unwrap();
        open.send(Ok(())).unwrap();
        sink.write_all(b"two\n").unwrap();
        sink.flush(Duration::from_secs(60));
        assert_eq!(*written.lock().unwrap(), b"two\nmissing: 1\n");
    }
}
