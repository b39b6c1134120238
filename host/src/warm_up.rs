//! A model's own example, sent through it before anybody else's request is.
//!
//! Called by `cli::serve` before anything listens, and by whoever puts one model in another's place. The example is the
//! body of a request, as MLflow saves it with a model (`serving_input_example.json`): it takes a request's path, so that
//! a model that cannot answer it is found before it is served. Never changes the model.

use std::time::Duration;

use mlhost_wire::dialect::Request;
use mlhost_wire::dialect::mlflow::Mlflow;

use crate::app::App;
use crate::single_call::{CallError, answer};

/// What MLflow sends such an example as.
const CONTENT_TYPE: &str = "application/json";

/// A model that does not answer its own example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the model does not answer its own example, the request in `serving_input_example.json`: {0}\n\
     hint: mend the example or the model; `--no-warm-up` serves it as it is"
)]
pub struct WarmUpError(pub CallError);

/// Has `app` answer `example`, a request's body, as it would answer a client in `dialect` within `time`.
///
/// # Errors
///
/// [`WarmUpError`] says which step failed, and how.
pub async fn warm_up(app: &App, dialect: Mlflow, example: &[u8], time: Duration) -> Result<(), WarmUpError> {
    let request = Request { content_type: Some(CONTENT_TYPE), body: example };
    answer(app, dialect, request, time).await.map(drop).map_err(WarmUpError)
}
