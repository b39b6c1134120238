//! What stands at the server's door: keys, certificates, and when the door closes.
//!
//! Called by `cli::serve`: opened before a model is loaded, so that what is wrong with a file is said at once; closed by the
//! first SIGTERM or SIGINT, slammed by the second.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::args::ServeArgs;
use crate::access::Access;
use crate::readiness::Readiness;
use crate::reread::{Noticed, Reread};
use crate::tls::Tls;

/// Who comes in, and how.
pub(super) struct Door {
    pub(super) access: Arc<Access>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) readiness: Readiness,
    rereads: Vec<Reread>,
}

/// Signals to stop, counted.
pub(super) struct Signals(watch::Receiver<u32>);

// === impl Door ===

impl Door {
    /// Reads what the flags name.
    pub(super) fn open(args: &ServeArgs) -> anyhow::Result<Self> {
        let mut rereads = Vec::new();
        let config = args.access.config();
        let noticed = config.key_file.clone().map(|file| Noticed::now(vec![file]));
        let access = Arc::new(Access::new(&config)?);
        if let Some(noticed) = noticed {
            let access = Arc::clone(&access);
            rereads.push(noticed.read_by("keys", Box::new(move || Ok(access.reread()?))));
        }
        let mut tls = None;
        if let Some(config) = args.tls.config() {
            let noticed = Noticed::now(config.files());
            let read = Arc::new(Tls::new(config)?);
            tls = Some(Arc::clone(&read));
            rereads.push(noticed.read_by("certificates", Box::new(move || Ok(read.reread()?))));
        }
        Ok(Self { access, tls, readiness: Readiness::default(), rereads })
    }

    /// Has the files read again from here on.
    ///
    /// # Errors
    ///
    /// When the operating system has no signal handler to give.
    pub(super) fn watch(&mut self) -> std::io::Result<()> {
        crate::reread::start(std::mem::take(&mut self.rereads))
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Says that no more requests are wanted, and waits until those who send them had time to see it.
    pub(super) async fn close(&self, delay: Duration) {
        self.readiness.drain();
        if !delay.is_zero() {
            tracing::info!(?delay, "draining: not ready any more, requests are still answered");
            tokio::time::sleep(delay).await;
        }
        tracing::info!("stopping: no new connections; requests under way are answered");
    }
}

// === impl Signals ===

impl Signals {
    /// Catches SIGTERM and SIGINT from here on.
    ///
    /// # Errors
    ///
    /// When the operating system has no signal handler to give.
    pub(super) fn catch() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (counter, count) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                counter.send_modify(|count| *count += 1);
            }
        });
        Ok(Self(count))
    }

    /// Ends when so many have come.
    pub(super) async fn come(&self, many: u32) {
        let mut count = self.0.clone();
        // The sender never ends.
        let _ = count.wait_for(|count| *count >= many).await;
    }
}
