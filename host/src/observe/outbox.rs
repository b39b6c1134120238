//! A bounded queue from requests to a thread that writes or sends what it gets.
//!
//! Used by `observe::traces` and `observe::samples`. Putting something in never waits; only the end of the process does, for
//! what is still in it, and not for long.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// What the thread gets.
pub(super) enum Message<T> {
    /// Something to write or send.
    One(T),
    /// To be answered once all that came before is.
    Flush(SyncSender<()>),
}

/// The requests' side.
pub(super) struct Outbox<T> {
    queue: SyncSender<Message<T>>,
}

// === impl Outbox ===

impl<T: Send + 'static> Outbox<T> {
    /// Starts the thread `name`, which does `work` until nobody can put anything in any more.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread to give.
    pub(super) fn start(
        name: &str,
        room: usize,
        work: impl FnOnce(Receiver<Message<T>>) + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, messages) = sync_channel(room);
        thread::Builder::new().name(name.to_owned()).spawn(move || work(messages))?;
        Ok(Self { queue })
    }

    /// Puts it in, or answers that there is no room.
    pub(super) fn put(&self, one: T) -> bool {
        self.queue.try_send(Message::One(one)).is_ok()
    }

    /// Waits until all that is in it is dealt with, or for `patience`; answers whether it is.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let (done, waiting) = sync_channel(1);
        self.queue.try_send(Message::Flush(done)).is_ok() && waiting.recv_timeout(patience).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_says_so_at_once_and_what_was_put_in_is_dealt_with() {
        let (go, told) = sync_channel::<()>(0);
        let (dealt, with) = sync_channel(10);
        let outbox = Outbox::start("test", 2, move |messages| {
            let _ = told.recv();
            for message in messages {
                match message {
                    Message::One(number) => dealt.send(number).unwrap(),
                    Message::Flush(done) => done.send(()).unwrap(),
                }
            }
        })
        .unwrap();
        assert_eq!([1, 2, 3].map(|number| outbox.put(number)), [true, true, false]);
        assert!(!outbox.flush(Duration::from_millis(1)));
        go.send(()).unwrap();
        while !outbox.flush(Duration::from_secs(10)) {}
        assert_eq!(with.try_iter().collect::<Vec<_>>(), [1, 2]);
    }
}
