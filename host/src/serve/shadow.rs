//! What another version answers to a request that one has answered already: compared, counted, and returned to nobody.
//!
//! `serve::prediction` hands it over once a client's answer is made; it runs beside the requests of the same worker. It has
//! room only where requests leave some ([`super::permits`]), a deadline of its own, and an end in whatever goes wrong in it.
//! Nothing of it is in a client's answer, in what is told of requests, or in their counts.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;

use crate::app::PredictError;
use crate::deployment::{Mirror, Release};
use crate::observe::{Comparison, Limit, Stages};
use crate::serve::exchange::Asked;
use crate::serve::handler::Service;
use crate::serve::permits::Lent;

mod compare;

/// A shadow that has room to be asked.
pub(crate) struct Shadow {
    mirror: Mirror,
    lent: Lent,
    time: Duration,
}

// === impl Service ===

impl Service {
    /// Room for a shadow; where there is none, it is counted as not asked.
    pub(super) fn shadow(&self, mirror: Mirror) -> Option<Shadow> {
        let Some(lent) = self.requests.lend() else {
            mirror.release.statistics.compared(Comparison::Shed);
            return None;
        };
        let time = self.config.timeout;
        let time = mirror.release.app.time.map_or(time, |own| own.min(time));
        Some(Shadow { mirror, lent, time })
    }
}

// === impl Shadow ===

impl Shadow {
    /// Asks it what `primary` was asked, in a task of this worker's.
    pub(super) fn ask(self, primary: Arc<Release>, asked: Arc<Asked>) {
        let work = async move {
            let outcome = AssertUnwindSafe(self.outcome(&primary, &asked)).catch_unwind().await;
            // A panic's message is in the log by now.
            self.mirror.release.statistics.compared(outcome.unwrap_or(Comparison::Failed));
        };
        drop(tokio::spawn(work));
    }

    async fn outcome(&self, primary: &Release, asked: &Asked) -> Comparison {
        let Self { mirror: Mirror { release, tolerance }, lent, time } = self;
        let Ok(_place) = release.try_enter() else { return Comparison::Shed };
        let mut stages = Stages::default();
        let reply = tokio::select! {
            biased;
            () = lent.recalled() => return Comparison::Shed,
            reply = release.app.predict(&asked.call, Instant::now() + *time, &mut stages) => reply,
        };
        let (model, version, shadow) = (&release.app.name, primary.version.name(), release.version.name());
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) if is_full(&error) => return Comparison::Shed,
            Err(error) => {
                tracing::debug!(model, version, shadow, %error, "the shadow did not answer");
                return Comparison::Failed;
            }
        };
        match compare::difference(&asked.output, &reply.output, *tolerance) {
            None => Comparison::Same,
            Some(difference) => {
                tracing::debug!(model, version, shadow, "the shadow answered otherwise: {difference}");
                Comparison::Different
            }
        }
    }
}

/// Whether there was no room for it behind the permit, either.
fn is_full(error: &PredictError) -> bool {
    matches!(Limit::of(error), Some(Limit::Queue | Limit::Sandboxes))
}
