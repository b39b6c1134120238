//! MLflow's `/invocations`: what `mlflow models serve` 3.x takes and gives.
//!
//! Called by `host/src/serve`. `decode` reads JSON bodies by way of `forms` and `split`, `csv` those of CSV; their rows
//! fill a `frame` of `column`s and `tensor`s; `encode` and `refuse` write. Where MLflow destroys data or answers
//! what is no JSON, this does not: `tests/mlflow_vectors/differences.rs` lists every difference with its reason.

mod column;
mod context;
mod csv;
mod datetime;
mod decode;
mod encode;
mod forms;
mod frame;
mod infer;
mod lenient;
mod media;
mod nested;
mod params;
mod python;
mod refuse;
mod scalar;
mod split;
mod table;
mod tensor;

use self::media::Media;
use super::{Answer, Dialect, Interface, Request};
use crate::fault::Fault;
use crate::values::{Blob, Call, Input, Reply};

/// The dialect of `mlflow models serve`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mlflow;

// === impl Mlflow ===

impl Dialect for Mlflow {
    fn decode(&self, request: Request<'_>, interface: &Interface) -> Result<Call, Fault> {
        match media::media(request.content_type, &interface.raw_media_types)? {
            Media::Json => decode::decode(request.body, &interface.signature),
            Media::Csv => {
                let input = csv::decode(request.body, &interface.signature)?;
                Ok(Call { input, params: params::enforce(None, &interface.signature.params)? })
            }
            Media::Raw => {
                let content_type = request.content_type.unwrap_or_default().to_owned();
                let input = Input::Blob(Blob { content_type, data: request.body.to_vec() });
                Ok(Call { input, params: params::enforce(None, &interface.signature.params)? })
            }
        }
    }

    fn encode(&self, reply: Reply) -> Result<Answer, Fault> {
        encode::encode(reply)
    }

    fn refuse(&self, fault: &Fault) -> Answer {
        refuse::refuse(fault)
    }
}
