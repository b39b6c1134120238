//! Vertex AI's requests to a container: `{"instances": [...], "parameters": {...}}` and `{"predictions": [...]}`.
//!
//! Called by `host/src/serve/protocol/vertex.rs`. Vertex AI's front end reads the list of predictions itself, so that an answer
//! always is one; a body that `rawPredict` passes on may be whatever MLflow's server takes as well. Errors are
//! `{"error": ...}`, which reaches the client inside Vertex AI's own.

use super::kserve::{predictions, read, refuse};
use super::media_type::is_json;
use super::mlflow::{Compat, Mlflow, Words};
use super::{Answer, Decoded, Dialect, Interface, Request};
use crate::fault::Fault;
use crate::values::Reply;

/// The dialect of Vertex AI.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vertex {
    /// How close to MLflow values are read and written.
    pub compat: Compat,
}

// === impl Vertex ===

impl Dialect for Vertex {
    type Envelope = ();

    fn decode(&self, request: Request<'_>, interface: &Interface) -> Result<Decoded<()>, Fault> {
        let words =
            Words { params: Some("parameters"), by_position: true, floats_only: true, ..Words::default() };
        let call = match request.content_type {
            Some(header) if !is_json(header) => {
                Mlflow { compat: self.compat }.decode(request, interface)?.call
            }
            _ => read(self.compat, request, interface, words)?,
        };
        Ok(Decoded { call, envelope: () })
    }

    fn encode(&self, reply: Reply, (): ()) -> Result<Answer, Fault> {
        predictions(self.compat, reply.output, listed)
    }

    fn refuse(&self, fault: &Fault) -> Answer {
        refuse("error", fault)
    }
}

/// A list, whatever the values were.
fn listed(values: Vec<u8>) -> Vec<u8> {
    if values.starts_with(b"[") {
        return values;
    }
    let mut list = Vec::with_capacity(values.len() + 2);
    list.push(b'[');
    list.extend_from_slice(&values);
    list.push(b']');
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Signature;
    use crate::values::{Elements, NamedTensor, Output, Param, Tensor, Value};

    const PARAMS: &str = r#"[{"name":"k","type":"long","default":1,"shape":null}]"#;

    fn read_k(body: &str) -> Result<Vec<Param>, Fault> {
        let interface = Interface {
            signature: Signature::from_mlmodel(None, None, Some(PARAMS)).unwrap(),
            ..Interface::default()
        };
        let request = Request { content_type: Some("application/json"), body: body.as_bytes() };
        Vertex::default().decode(request, &interface).map(|decoded| decoded.call.params)
    }

    #[test]
    fn parameters_are_the_models() {
        let k = |value| vec![Param { name: "k".into(), value: Value::Integer(value) }];
        assert_eq!(read_k(r#"{"instances": [[1]], "parameters": {"k": 3}}"#).unwrap(), k(3));
        assert_eq!(read_k(r#"{"instances": [[1]], "params": {"k": 2}}"#).unwrap(), k(2));
        // As the SDK sends an integer.
        assert_eq!(read_k(r#"{"instances": [[1.0]], "parameters": {"k": 3.0}}"#).unwrap(), k(3));
        assert!(read_k(r#"{"instances": [[1]], "parameters": {"k": 3.5}}"#).is_err());
        assert_eq!(read_k(r#"{"instances": [[1]]}"#).unwrap(), k(1));
        assert!(read_k(r#"{"instances": [[1]], "parameters": {"k": "x"}}"#).is_err());
    }

    #[test]
    fn an_answer_is_always_a_list() {
        let encoded = |output| {
            let answer = Vertex::default().encode(Reply { output }, ()).unwrap();
            String::from_utf8(answer.body).unwrap()
        };
        assert_eq!(encoded(Output::Json("{\"a\": 1}".into())), r#"{"predictions": [{"a": 1}]}"#);
        assert_eq!(encoded(Output::Json("[1]".into())), r#"{"predictions": [1]}"#);
        let tensor = Tensor { shape: vec![2, 1], elements: Elements::S64(vec![1, 2]) };
        let named = NamedTensor { name: "y".into(), tensor };
        assert_eq!(encoded(Output::Tensors(vec![named])), r#"{"predictions": [[1], [2]]}"#);
    }
}
