//! One request of MLflow's answered in this process: bytes in, bytes out, by the same steps as a request over HTTP.
//!
//! Called by [`crate::warm_up`] and `cli::predict`. Knows no HTTP and admits nobody else: there is one caller.

use std::time::{Duration, Instant};

use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::dialect::{Answer, Dialect as _, Request};
use mlhost_wire::fault::Fault;

use crate::app::App;
use crate::fault;
use crate::observe::Stages;

/// A request that was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {}{}", fault.public, if fault.detail.is_empty() { String::new() } else { format!(" ({})", fault.detail) })]
pub struct CallError {
    /// What was under way.
    pub step: Step,
    /// What a client would have been told, and the log.
    pub fault: Fault,
}

/// A request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// From bytes to a call that fits the signature.
    Decode,
    /// Through the user's code or the graph.
    Predict,
    /// From the reply to bytes.
    Encode,
}

/// What `app` answers in `dialect` within `time`.
///
/// # Errors
///
/// [`CallError`] says which step failed, and how.
pub async fn answer(
    app: &App,
    dialect: Mlflow,
    request: Request<'_>,
    time: Duration,
) -> Result<Answer, CallError> {
    let failed = |step| move |fault| CallError { step, fault };
    let decoded = dialect.decode(request, &app.interface).map_err(failed(Step::Decode))?;
    let reply = app.predict(&decoded.call, Instant::now() + time, &mut Stages::default()).await;
    let reply = reply.map_err(fault::of_prediction).map_err(failed(Step::Predict))?;
    dialect.encode(reply, decoded.envelope).map_err(failed(Step::Encode))
}

// === impl Step ===

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Decode => "it is no request that fits the model's signature",
            Self::Predict => "the prediction failed",
            Self::Encode => "the answer cannot be written",
        })
    }
}
