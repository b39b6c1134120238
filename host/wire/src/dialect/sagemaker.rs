//! `/invocations` as SageMaker's clients use it: more media types than MLflow's, and answers in the one that is asked for.
//!
//! Called by `host/src/serve/protocol/sagemaker.rs`. JSON, Parquet and CSV with a header mean what they mean to MLflow; CSV has
//! no header unless the request says so, as SageMaker's own algorithms have it. Errors are MLflow's, whose message a client
//! finds in `ModelError`.

mod answer;
mod lines;

use super::media_type::{essence, is_accepted, is_json, parameter, preferred, unsupported};
use super::mlflow::{Compat, Envelope, Mlflow, Words, npy};
use super::{Answer, Decoded, Dialect, Interface, Request};
use crate::fault::Fault;
use crate::values::{Blob, Call, Input, Output, Reply};

/// The dialect of SageMaker's clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct SageMaker<'a> {
    /// How close to MLflow values are read and written.
    pub compat: Compat,
    /// The request's `Accept` header.
    pub accept: Option<&'a str>,
}

/// The media types of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
    Lines,
    Npy,
}

const SERVED: &str = "application/json, application/jsonlines, text/csv, application/x-npy or \
                      application/vnd.apache.parquet";

// === impl SageMaker ===

impl Dialect for SageMaker<'_> {
    type Envelope = Envelope;

    fn decode(&self, request: Request<'_>, interface: &Interface) -> Result<Decoded<Envelope>, Fault> {
        let mlflow = Mlflow { compat: self.compat };
        let words = Words { by_position: true, ..Words::default() };
        // SageMaker's own front end puts in `application/octet-stream` where a client says nothing.
        let header = request.content_type.unwrap_or("application/json");
        if is_accepted(&interface.raw_media_types, header) {
            let blob = Blob { content_type: header.to_owned(), data: request.body.to_vec() };
            return self.call(Input::Blob(blob), interface);
        }
        let kind = essence(header).to_ascii_lowercase();
        let signature = &interface.signature;
        match kind.as_str() {
            "application/jsonlines" | "application/x-jsonlines" | "application/x-ndjson" => {
                let body = lines::list(request.body, signature)?;
                mlflow.decode_json(&body, interface, words)
            }
            "text/csv" => {
                let headed = parameter(header, "header").is_some_and(|it| it.eq_ignore_ascii_case("present"));
                self.call(mlflow.decode_csv(request.body, interface, headed)?, interface)
            }
            "application/x-npy" => self.call(npy::decode(request.body, signature)?, interface),
            "application/vnd.apache.parquet" | "application/x-parquet" => {
                let content_type = Some("application/vnd.apache.parquet");
                mlflow.decode(Request { content_type, ..request }, interface)
            }
            _ if is_json(header) => mlflow.decode_json(request.body, interface, words),
            _ => Err(unsupported(header, SERVED)),
        }
    }

    fn encode(&self, reply: Reply, envelope: Envelope) -> Result<Answer, Fault> {
        match (self.format(&reply.output), reply) {
            // Raw bytes have their own type.
            (_, reply @ Reply { output: Output::Blob(_) }) | (Format::Json, reply) => {
                Mlflow { compat: self.compat }.encode(reply, envelope)
            }
            (Format::Csv, reply) => answer::csv(&reply.output),
            (Format::Lines, reply) => answer::lines(&reply.output, self.compat),
            (Format::Npy, reply) => answer::npy(&reply.output),
        }
    }

    fn refuse(&self, fault: &Fault) -> Answer {
        // Always JSON: what strict makes of media types is MLflow's alone.
        Mlflow::default().refuse(fault)
    }
}

impl SageMaker<'_> {
    fn call(&self, input: Input, interface: &Interface) -> Result<Decoded<Envelope>, Fault> {
        let params = Mlflow { compat: self.compat }.default_params(interface)?;
        Ok(Decoded { call: Call { input, params }, envelope: Envelope::Predictions })
    }

    /// The first of the types that are wanted which the answer can be written in; JSON where there is none.
    fn format(&self, output: &Output) -> Format {
        let wanted = self.accept.map(preferred).unwrap_or_default();
        let written = |range: &&str| match range.to_ascii_lowercase().as_str() {
            "application/json" | "application/*" | "*/*" => Some(Format::Json),
            "text/csv" | "text/*" => Some(Format::Csv),
            "application/jsonlines" | "application/x-jsonlines" | "application/x-ndjson" => {
                Some(Format::Lines)
            }
            "application/x-npy" if answer::sole_tensor(output).is_some() => Some(Format::Npy),
            _ => None,
        };
        wanted.iter().find_map(written).unwrap_or(Format::Json)
    }
}

#[cfg(test)]
mod tests;
