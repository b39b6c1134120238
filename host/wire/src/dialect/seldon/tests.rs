//! Messages in each form, and the answers to them.

use super::*;
use crate::signature::Signature;
use crate::values::{Column, ColumnData, Elements, NamedTensor, Output, Table, Tensor};

const COLUMNS: &str = r#"[{"type":"double","name":"a"},{"type":"double","name":"b"}]"#;

fn interface(inputs: Option<&str>, raw: &[&str]) -> Interface {
    let signature = Signature::from_mlmodel(inputs, None, None).unwrap();
    Interface { signature, raw_media_types: raw.iter().map(|kind| (*kind).to_owned()).collect() }
}

fn decode(interface: &Interface, body: &str) -> Result<Decoded<Envelope>, String> {
    let request = Request { content_type: None, body: body.as_bytes() };
    let dialect = Seldon { puid: "made-up", ..Seldon::default() };
    dialect.decode(request, interface).map_err(|fault| fault.public)
}

fn answered(body: &str, output: Output) -> String {
    let envelope = decode(&interface(None, &["application/octet-stream", "text/*"]), body).unwrap().envelope;
    let answer = Seldon::default().encode(Reply { output }, envelope).unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    text
}

fn tensor(name: &str, shape: &[u32], values: &[f32]) -> NamedTensor {
    let tensor = Tensor { shape: shape.to_vec(), elements: Elements::F32(values.to_vec()) };
    NamedTensor { name: name.to_owned(), tensor }
}

#[test]
fn arrays_with_names_are_tables_and_those_without_go_by_position() {
    let interface = interface(Some(COLUMNS), &[]);
    let expected =
        decode(&interface, r#"{"data": {"names": ["b", "a"], "ndarray": [[2, 1], [4, 3]]}}"#).unwrap();
    let Input::Table(table) = &expected.call.input else { panic!("no table") };
    assert_eq!((&table.columns[0].data, table.rows), (&ColumnData::F64(vec![1.0, 3.0]), 2));
    for body in [
        r#"{"data": {"ndarray": [[1, 2], [3, 4]]}}"#,
        r#"{"data": {"names": [], "tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}}}"#,
        r#"{"data": {"names": ["a", "b"], "tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}}}"#,
        r#"{"jsonData": {"instances": [[1, 2], [3, 4]]}}"#,
        r#"{"jsonData": {"a": [1, 3], "b": [2, 4]}}"#,
    ] {
        assert_eq!(decode(&interface, body).unwrap().call, expected.call, "{body}");
    }
}

#[test]
fn a_tensor_keeps_its_shape() {
    let found = decode(
        &interface(None, &[]),
        r#"{"data": {"tensor": {"shape": [2, 1, 3], "values": [1, 2, 3, 4, 5, 6.5]}}}"#,
    );
    let Input::Tensors(tensors) = found.unwrap().call.input else { panic!("no tensors") };
    assert_eq!(tensors[0].tensor.shape, [2, 1, 3]);
}

#[test]
fn texts_and_bytes_go_to_models_that_take_them() {
    let raw = interface(None, &["text/plain", "application/octet-stream"]);
    let Input::Blob(blob) = decode(&raw, r#"{"strData": "hi"}"#).unwrap().call.input else {
        panic!("no text")
    };
    assert_eq!((blob.content_type.as_str(), blob.data.as_slice()), ("text/plain", &b"hi"[..]));
    let Input::Blob(blob) = decode(&raw, r#"{"binData": "AAE="}"#).unwrap().call.input else {
        panic!("no bytes")
    };
    assert_eq!(blob.data, [0, 1]);
    let texts = interface(Some(r#"[{"type":"string","name":"t"}]"#), &[]);
    let Input::Table(table) = decode(&texts, r#"{"strData": "hi"}"#).unwrap().call.input else {
        panic!("no table")
    };
    assert_eq!(table.columns[0].data, ColumnData::Text(["hi"].into_iter().collect()));
    assert!(decode(&texts, r#"{"binData": "AAE="}"#).unwrap_err().contains("no raw bytes"));
}

#[test]
fn what_is_no_message_is_refused() {
    let any = interface(None, &[]);
    for (body, text) in [
        ("{", "Invalid request data"),
        ("[]", "Invalid request data"),
        ("{}", "one of `data`"),
        (r#"{"strData": "a", "jsonData": 1}"#, "one of `data`"),
        (r#"{"data": {}}"#, "one of `ndarray`"),
        (r#"{"data": {"tftensor": {}}}"#, "tftensor"),
        (r#"{"data": {"tensor": {"shape": [2], "values": [1]}}}"#, "does not have 1 values"),
        (
            r#"{"data": {"tensor": {"shape": [4294967295, 4294967295, 4294967295], "values": [1]}}}"#,
            "does not have 1",
        ),
        (r#"{"data": {"ndarray": [[1], [2, 3]]}}"#, "inhomogeneous"),
        (r#"{"binData": "?"}"#, "no base64"),
        (r#"{"strData": "a", "meta": {"puid": 1}}"#, "`meta.puid`"),
    ] {
        let refused = decode(&any, body).unwrap_err();
        assert!(refused.contains(text), "{body}: {refused}");
    }
}

#[test]
fn an_answer_has_the_form_of_its_request() {
    let table = || {
        let column = |name: &str, values: &[f64]| Column {
            name: name.into(),
            data: ColumnData::F64(values.to_vec()),
            validity: None,
        };
        Output::Table(Table { columns: vec![column("p", &[0.5, 1.0]), column("q", &[0.25, 0.0])], rows: 2 })
    };
    let one = || Output::Tensors(vec![tensor("y", &[2, 1], &[1.0, 2.0])]);
    let two = || Output::Tensors(vec![tensor("y", &[1], &[1.0]), tensor("z", &[1], &[2.0])]);
    let ndarray = r#"{"data": {"ndarray": [[1]]}, "meta": {"puid": "p"}}"#;
    let flat = r#"{"data": {"tensor": {"shape": [1], "values": [1]}}}"#;
    let json = r#"{"jsonData": [1], "meta": {"tags": {"k": 1}, "other": 2}}"#;
    for (request, output, expected) in [
        (
            ndarray,
            table(),
            r#"{"data": {"names": ["p","q"], "ndarray": [[0.5, 0.25], [1.0, 0.0]]}, "meta": {"puid":"p"}}"#,
        ),
        (ndarray, one(), r#"{"data": {"names": [], "ndarray": [[1.0], [2.0]]}, "meta": {"puid":"p"}}"#),
        (
            flat,
            one(),
            r#"{"data": {"names": [], "tensor": {"shape": [2,1], "values": [1.0, 2.0]}}, "meta": {"puid":"made-up"}}"#,
        ),
        (ndarray, two(), r#"{"jsonData": {"y": [1.0], "z": [2.0]}, "meta": {"puid":"p"}}"#),
        (json, one(), r#"{"jsonData": {"y": [1.0, 2.0]}, "meta": {"puid":"made-up","tags":{"k":1}}}"#),
        (
            r#"{"strData": "a"}"#,
            Output::Json("\"b\"".into()),
            r#"{"strData": "b", "meta": {"puid":"made-up"}}"#,
        ),
        (
            r#"{"binData": "AA=="}"#,
            Output::Blob(Blob { content_type: "image/png".into(), data: vec![255, 0] }),
            r#"{"binData": "/wA=", "meta": {"puid":"made-up"}}"#,
        ),
        (
            ndarray,
            Output::Tensors(vec![tensor("y", &[], &[1.0])]),
            r#"{"data": {"names": [], "ndarray": [1.0]}, "meta": {"puid":"p"}}"#,
        ),
    ] {
        let expected = match request == json {
            true => expected.replace("[1.0, 2.0]", "[[1.0], [2.0]]"),
            false => expected.to_owned(),
        };
        assert_eq!(answered(request, output), expected, "{request}");
    }
}

#[test]
fn every_fault_is_a_status_of_seldons() {
    for kind in FaultKind::ALL {
        let answer = Seldon::default().refuse(&Fault::new(kind, "why"));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, &body["status"]["info"]), (kind.status(), &json!("why")));
        assert_eq!(body["status"]["status"], 1);
    }
}
