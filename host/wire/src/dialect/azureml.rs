//! Azure ML's `/score`: MLflow's forms, and `{"input_data": ...}` as Azure ML's own MLflow deployments take it.
//!
//! Called by `host/src/serve/protocol/azureml.rs`. `input_data` is answered bare, MLflow's forms as MLflow answers them. Errors
//! are `{"message": ...}`, as `azureml_inference_server_http/server/routes.py` writes them.

use super::kserve::refuse;
use super::media_type::{is_accepted, is_json};
use super::mlflow::{Compat, Envelope, Mlflow, Words};
use super::{Answer, Decoded, Dialect, Interface, Request};
use crate::fault::Fault;
use crate::values::Reply;

/// The dialect of Azure ML.
#[derive(Clone, Copy, Debug, Default)]
pub struct AzureMl {
    /// How close to MLflow values are read and written.
    pub compat: Compat,
}

// === impl AzureMl ===

impl Dialect for AzureMl {
    type Envelope = Envelope;

    fn decode(&self, request: Request<'_>, interface: &Interface) -> Result<Decoded<Envelope>, Fault> {
        let mlflow = Mlflow { compat: self.compat };
        let words = Words { input_data: Some("input_data"), by_position: true, ..Words::default() };
        match request.content_type {
            Some(header) if is_accepted(&interface.raw_media_types, header) || !is_json(header) => {
                mlflow.decode(request, interface)
            }
            _ => mlflow.decode_json(request.body, interface, words),
        }
    }

    fn encode(&self, reply: Reply, envelope: Envelope) -> Result<Answer, Fault> {
        Mlflow { compat: self.compat }.encode(reply, envelope)
    }

    fn refuse(&self, fault: &Fault) -> Answer {
        refuse("message", fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Signature;
    use crate::values::Input;

    const COLUMNS: &str = r#"[{"type":"double","name":"a"},{"type":"long","name":"b"}]"#;

    fn decoded(body: &str) -> Result<(Input, Envelope), String> {
        let signature = Signature::from_mlmodel(Some(COLUMNS), None, None).unwrap();
        let interface = Interface { signature, ..Interface::default() };
        let request = Request { content_type: None, body: body.as_bytes() };
        let decoded = AzureMl::default().decode(request, &interface);
        decoded.map(|decoded| (decoded.call.input, decoded.envelope)).map_err(|fault| fault.public)
    }

    #[test]
    fn input_data_is_a_table_or_an_array_and_its_answer_is_bare() {
        let (table, envelope) =
            decoded(r#"{"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, 2]]}}"#).unwrap();
        assert_eq!(envelope, Envelope::Predictions);
        for body in [
            r#"{"input_data": {"columns": ["b", "a"], "index": [0], "data": [[2, 1.5]]}}"#,
            r#"{"input_data": [[1.5, 2]]}"#,
            r#"{"input_data": {"a": [1.5], "b": [2]}, "params": {}}"#,
            r#"{"input_data": [{"a": 1.5, "b": 2}]}"#,
        ] {
            assert_eq!(decoded(body), Ok((table.clone(), Envelope::Bare)), "{body}");
        }
    }

    #[test]
    fn what_is_wrong_in_it_is_said_with_its_place() {
        for (body, text) in [
            (r#"{"input_data": {"columns": ["a", "b"], "data": [[1.5, "x"]]}}"#, "'x'"),
            (r#"{"input_data": [[1.5]]}"#, "missing inputs"),
            (r#"{"input_data": [[1.5, 2]], "instances": [[1.5, 2]]}"#, "exactly one of the input fields"),
            (r#"{"input_data": "#, "byte"),
        ] {
            let refused = decoded(body).unwrap_err();
            assert!(refused.contains(text), "{body}: {refused}");
        }
    }
}
