//! KServe's first protocol, which is TensorFlow Serving's: `{"instances": ...}` and `{"predictions": ...}`.
//!
//! Called by `host/src/serve/protocol/kserve.rs`. Bodies are read as MLflow's are, whose `instances` and `inputs` these are;
//! answers have one entry for each row, which their clients count on; errors are `{"error": ...}`, as
//! `python/kserve/kserve/errors.py` writes them.

use super::media_type::{is_accepted, is_json, unsupported};
use super::mlflow::{Compat, Layout, Mlflow, Words, push_values, raw};
use super::{Answer, Decoded, Dialect, Interface, Request};
use crate::fault::Fault;
use crate::values::{Blob, Call, Input, Output, Reply};

/// The dialect of KServe V1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kserve {
    /// How close to MLflow values are read and written.
    pub compat: Compat,
}

// === impl Kserve ===

impl Dialect for Kserve {
    type Envelope = ();

    fn decode(&self, request: Request<'_>, interface: &Interface) -> Result<Decoded<()>, Fault> {
        let words = Words { by_position: true, ..Words::default() };
        let call = read(self.compat, request, interface, words)?;
        Ok(Decoded { call, envelope: () })
    }

    fn encode(&self, reply: Reply, (): ()) -> Result<Answer, Fault> {
        predictions(self.compat, reply.output, |values| values)
    }

    fn refuse(&self, fault: &Fault) -> Answer {
        refuse("error", fault)
    }
}

/// A body of JSON, which it is where no header says otherwise; or raw bytes of a type that the model takes.
pub(super) fn read(
    compat: Compat,
    request: Request<'_>,
    interface: &Interface,
    words: Words,
) -> Result<Call, Fault> {
    let mlflow = Mlflow { compat };
    match request.content_type {
        Some(header) if is_accepted(&interface.raw_media_types, header) => {
            let blob = Blob { content_type: header.to_owned(), data: request.body.to_vec() };
            // Parameters have their defaults: only JSON has room for them.
            let params = mlflow.default_params(interface)?;
            Ok(Call { input: Input::Blob(blob), params })
        }
        Some(header) if !is_json(header) => Err(unsupported(header, "application/json")),
        _ => Ok(mlflow.decode_json(request.body, interface, words)?.call),
    }
}

/// `{"predictions": ...}` with one entry for each row, as far as there are rows. `finish` may still change the list.
pub(super) fn predictions(
    compat: Compat,
    output: Output,
    finish: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Result<Answer, Fault> {
    if let Output::Blob(blob) = output {
        return raw(blob);
    }
    let mut values = Vec::new();
    push_values(&mut values, &output, Layout::Rows, compat)?;
    let values = finish(values);
    let mut body = Vec::with_capacity(values.len() + 20);
    body.extend_from_slice(b"{\"predictions\": ");
    body.extend_from_slice(&values);
    body.push(b'}');
    Ok(Answer::json(200, body))
}

/// A fault as an object of one text.
pub(super) fn refuse(key: &str, fault: &Fault) -> Answer {
    let body = serde_json::json!({ key: fault.public });
    Answer::json(fault.kind.status(), body.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;
    use crate::values::{Column, ColumnData, Elements, NamedTensor, Table, Tensor};

    fn tensor(name: &str, shape: &[u32], values: &[f32]) -> NamedTensor {
        let tensor = Tensor { shape: shape.to_vec(), elements: Elements::F32(values.to_vec()) };
        NamedTensor { name: name.to_owned(), tensor }
    }

    fn encoded(output: Output) -> String {
        String::from_utf8(Kserve::default().encode(Reply { output }, ()).unwrap().body).unwrap()
    }

    #[test]
    fn tensors_become_an_entry_a_row() {
        let one = Output::Tensors(vec![tensor("y", &[2, 2], &[1.0, 2.0, 3.0, 4.0])]);
        assert_eq!(encoded(one), r#"{"predictions": [[1.0, 2.0], [3.0, 4.0]]}"#);
        let two = Output::Tensors(vec![tensor("y", &[2], &[1.0, 2.0]), tensor("p", &[2, 1], &[0.5, 0.25])]);
        assert_eq!(encoded(two), r#"{"predictions": [{"y": 1.0, "p": [0.5]}, {"y": 2.0, "p": [0.25]}]}"#);
        let uneven = Output::Tensors(vec![tensor("y", &[2], &[1.0, 2.0]), tensor("p", &[1], &[0.5])]);
        assert_eq!(encoded(uneven), r#"{"predictions": {"y": [1.0, 2.0], "p": [0.5]}}"#);
        let none = Output::Tensors(vec![tensor("y", &[0, 3], &[])]);
        assert_eq!(encoded(none), r#"{"predictions": []}"#);
        let scalar = Output::Tensors(vec![tensor("y", &[], &[1.0])]);
        assert_eq!(encoded(scalar), r#"{"predictions": {"y": 1.0}}"#);
    }

    #[test]
    fn a_table_is_a_list_of_records_and_json_is_what_it_is() {
        let column = Column { name: "y".into(), data: ColumnData::S64(vec![1, 2]), validity: None };
        let table = Output::Table(Table { columns: vec![column], rows: 2 });
        assert_eq!(encoded(table), r#"{"predictions": [{"y": 1}, {"y": 2}]}"#);
        assert_eq!(encoded(Output::Json(" {\"a\": 1} ".into())), r#"{"predictions": {"a": 1}}"#);
    }

    #[test]
    fn json_needs_no_header_and_other_types_are_refused() {
        let read = |content_type, body: &str| {
            let request = Request { content_type, body: body.as_bytes() };
            Kserve::default().decode(request, &Interface::default())
        };
        for header in [None, Some("application/json"), Some("APPLICATION/JSON; charset=utf-8")] {
            assert!(read(header, r#"{"instances": [[1, 2]], "signature_name": "s"}"#).is_ok(), "{header:?}");
        }
        let fault = read(Some("text/csv"), "1,2").unwrap_err();
        assert_eq!(fault.kind, FaultKind::UnsupportedMedia);
        let raw = Interface { raw_media_types: vec!["image/*".into()], ..Interface::default() };
        let request = Request { content_type: Some("image/png"), body: b"x" };
        let decoded = Kserve::default().decode(request, &raw).unwrap();
        assert!(matches!(decoded.call.input, Input::Blob(_)));
    }

    #[test]
    fn rows_without_names_are_the_columns_in_their_order() {
        let columns = r#"[{"type":"double","name":"a"},{"type":"long","name":"b"}]"#;
        let signature = crate::signature::Signature::from_mlmodel(Some(columns), None, None).unwrap();
        let interface = Interface { signature, ..Interface::default() };
        let read = |body: &str| {
            let request = Request { content_type: None, body: body.as_bytes() };
            Kserve::default().decode(request, &interface).map(|decoded| decoded.call.input)
        };
        let named = read(r#"{"instances": [{"b": 2, "a": 1.5}, {"b": 4, "a": 3.5}]}"#).unwrap();
        assert_eq!(read(r#"{"instances": [[1.5, 2], [3.5, 4]]}"#).unwrap(), named);
        let fault = read(r#"{"instances": [[1.5]]}"#).unwrap_err();
        assert!(fault.public.contains("missing inputs"), "{}", fault.public);
    }

    #[test]
    fn every_fault_is_an_error_of_its_status() {
        for kind in FaultKind::ALL {
            let answer = Kserve::default().refuse(&Fault::new(kind, "a \"b\""));
            assert_eq!(answer.status, kind.status());
            assert_eq!(answer.body, br#"{"error":"a \"b\""}"#);
        }
    }
}
