//! What holds for every body and every reply, whoever made them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod signatures;

use mlhost_wire::dialect::mlflow::{Compat, Envelope, Mlflow};
use mlhost_wire::dialect::{Decoded, Dialect as _, Interface, Request};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::signature::Signature;
use mlhost_wire::values::{Call, Column, ColumnData, Input, Output, Packed, Reply, Table};
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::signatures::interfaces;

fn decode(body: &[u8], interface: &Interface) -> Result<Call, Fault> {
    decode_as(Mlflow::default(), "application/json", body, interface)
}

fn decode_as(mlflow: Mlflow, content_type: &str, body: &[u8], interface: &Interface) -> Result<Call, Fault> {
    let decoded = mlflow.decode(Request { content_type: Some(content_type), body }, interface);
    decoded.map(|Decoded { call, envelope }| {
        assert!(envelope == Envelope::Predictions || !matches!(call.input, Input::Tensors(_)));
        call
    })
}

const PARQUET: &str = "application/vnd.apache.parquet";

/// Files that pandas wrote, one of each kind.
fn parquet_files() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        include_bytes!("parquet/types.parquet").to_vec(),
        include_bytes!("parquet/types_none.parquet").to_vec(),
        include_bytes!("parquet/types_gzip.parquet").to_vec(),
        include_bytes!("parquet/types_lz4.parquet").to_vec(),
        include_bytes!("parquet/types_zstd.parquet").to_vec(),
        include_bytes!("parquet/types_plain.parquet").to_vec(),
        include_bytes!("parquet/types_v2.parquet").to_vec(),
        include_bytes!("parquet/more.parquet").to_vec(),
        include_bytes!("parquet/nested.parquet").to_vec(),
        include_bytes!("parquet/map.parquet").to_vec(),
        include_bytes!("parquet/index.parquet").to_vec(),
        include_bytes!("parquet/numbered.parquet").to_vec(),
        include_bytes!("parquet/empty.parquet").to_vec(),
    ])
}

/// Decodes for every interface: whatever comes, the outcome is a consistent call or a fault that says something.
fn decode_everywhere(body: &[u8]) -> Result<(), TestCaseError> {
    for compat in Compat::ALL {
        decode_everywhere_as(Mlflow { compat }, "application/json", body)?;
    }
    decode_everywhere_as(Mlflow::default(), PARQUET, body)?;
    decode_everywhere_as(Mlflow::default(), "text/csv", body)
}

fn decode_everywhere_as(mlflow: Mlflow, content_type: &str, body: &[u8]) -> Result<(), TestCaseError> {
    for interface in interfaces(&[]) {
        match decode_as(mlflow, content_type, body, &interface) {
            Ok(Call { input: Input::Table(table), .. }) => {
                prop_assert!(table.check().is_ok(), "{table:?}");
            }
            Ok(Call { input: Input::Tensors(tensors), .. }) => {
                for named in tensors {
                    prop_assert!(named.tensor.check(&named.name).is_ok(), "{named:?}");
                }
            }
            Ok(Call { input: Input::Blob(blob), .. }) => {
                prop_assert!(serde_json::from_slice::<std::collections::BTreeMap<String, &serde_json::value::RawValue>>(&blob.data).is_ok(), "{blob:?}");
            }
            Err(fault) => {
                prop_assert_eq!(fault.kind, FaultKind::BadInput);
                prop_assert!(!fault.public.is_empty());
                let answer = mlflow.refuse(&fault);
                prop_assert!(serde_json::from_slice::<Json>(&answer.body).is_ok());
            }
        }
    }
    Ok(())
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        (-3i64..3).prop_map(Json::from),
        "[a-c01 \\\\\"\u{e9}\u{1f600}]{0,3}".prop_map(Json::from),
        Just(json!("2021-01-01T00:00:00")),
        Just(json!("AQI=")),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("c".to_owned()),
        Just("0".to_owned()),
        Just("1".to_owned()),
        Just("columns".to_owned()),
        Just("data".to_owned()),
        Just("index".to_owned()),
    ]
}

fn nested() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((name(), inner), 0..4)
                .prop_map(|items| Json::Object(Map::from_iter(items))),
        ]
    })
}

fn form() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["dataframe_split", "dataframe_records", "instances", "inputs", "input"])
}

/// A body near enough to a right one to get far.
fn body() -> impl Strategy<Value = String> {
    let cells =
        || prop::collection::vec(prop_oneof![8 => scalar(), 1 => nested()], 0..4).prop_map(Json::from);
    let rows = move || prop::collection::vec(cells(), 0..4).prop_map(Json::from);
    let record = || {
        prop::collection::vec((name(), prop_oneof![8 => scalar(), 1 => nested()]), 0..4)
            .prop_map(|items| Json::Object(Map::from_iter(items)))
    };
    let value = prop_oneof![
        (prop::collection::vec(name(), 0..4), rows())
            .prop_map(|(columns, data)| json!({"columns": columns, "data": data})),
        rows().prop_map(|data| json!({ "data": data })),
        prop::collection::vec(prop_oneof![4 => record(), 1 => cells(), 1 => nested()], 0..4)
            .prop_map(Json::from),
        rows(),
        nested(),
    ];
    let params = prop_oneof![Just(None), nested().prop_map(Some)];
    (form(), value, params).prop_map(|(form, value, params)| match params {
        None => format!("{{\"{form}\": {value}}}"),
        Some(params) => format!("{{\"params\": {params}, \"{form}\": {value}}}"),
    })
}

/// Columns of every type that records can carry, `rows` values each.
fn column_data(rows: usize) -> impl Strategy<Value = (ColumnData, &'static str)> {
    let texts = || prop::collection::vec("[a-z\"\\\\\u{e9}\u{1f600}\n]{0,4}", rows);
    prop_oneof![
        prop::collection::vec(any::<f64>().prop_map(finite), rows)
            .prop_map(|it| (ColumnData::F64(it), "double")),
        prop::collection::vec(any::<f32>().prop_map(|it| finite(it.into()) as f32), rows)
            .prop_map(|it| (ColumnData::F32(it), "float")),
        prop::collection::vec(any::<i64>(), rows).prop_map(|it| (ColumnData::S64(it), "long")),
        prop::collection::vec(any::<i32>(), rows).prop_map(|it| (ColumnData::S32(it), "integer")),
        prop::collection::vec(0u8..2, rows).prop_map(|it| (ColumnData::Boolean(it), "boolean")),
        prop::collection::vec(any::<i64>(), rows).prop_map(|it| (ColumnData::Datetime(it), "datetime")),
        texts().prop_map(|it| (ColumnData::Text(it.iter().collect()), "string")),
        texts().prop_map(|it| (ColumnData::Binary(it.iter().collect()), "binary")),
    ]
}

/// JSON has no other floats.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.5 }
}

fn table() -> impl Strategy<Value = (Table, Interface)> {
    (0usize..5).prop_flat_map(|rows| {
        prop::collection::vec(column_data(rows), 1..5).prop_map(move |columns| {
            let mut specs = Vec::new();
            let columns = columns.into_iter().enumerate().map(|(position, (data, column_type))| {
                let name = format!("column \"{position}\"");
                specs.push(json!({"name": name, "type": column_type, "required": true}));
                Column { name, data, validity: None }
            });
            let table = Table { columns: columns.collect(), rows };
            let signature = Signature::from_mlmodel(Some(&Json::from(specs).to_string()), None, None);
            (table, Interface { signature: signature.expect("a signature"), raw_media_types: Vec::new() })
        })
    })
}

/// The records that mlhost answers for a table.
fn records(table: &Table) -> Json {
    let answer = Mlflow::default()
        .encode(Reply { output: Output::Table(table.clone()) }, Envelope::Predictions)
        .expect("an answer");
    let mut answer: Json = serde_json::from_slice(&answer.body).expect("an answer is JSON");
    answer["predictions"].take()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_everywhere(&bytes)?;
    }

    /// Bytes of the file are changed anywhere, among them those of its metadata, whose length comes at the end.
    #[test]
    fn a_damaged_parquet_file_is_decoded_consistently_or_refused(
        body in parquet_files(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut body = body;
        let length = body.len();
        let metadata = length - 8 - u32::from_le_bytes(*body[length - 8..].first_chunk().unwrap()) as usize;
        for (at, byte, anywhere) in changes {
            // The schema in what pandas adds for Arrow is most of the metadata, and nobody reads it.
            let at = if anywhere { at.index(length - 8) } else { metadata + at.index((length - 8 - metadata).min(900)) };
            body[at] = byte;
        }
        decode_everywhere_as(Mlflow::default(), PARQUET, &body)?;
        if let Some(cut) = cut {
            body.drain(cut.index(length - 8)..length - 8);
            decode_everywhere_as(Mlflow::default(), PARQUET, &body)?;
        }
    }

    #[test]
    fn whatever_looks_like_csv_is_decoded_consistently_or_refused(
        body in "([abc01,\"\r\n .-]|NA|true|1e5|2021-01-01|\u{feff}|\u{e9}){0,40}",
    ) {
        decode_everywhere_as(Mlflow::default(), "text/csv", body.as_bytes())?;
    }

    #[test]
    fn whatever_looks_like_a_request_is_decoded_consistently_or_refused(body in body()) {
        decode_everywhere(body.as_bytes())?;
    }

    #[test]
    fn a_damaged_request_is_decoded_consistently_or_refused(
        body in body(), at in any::<prop::sample::Index>(), byte in prop::sample::select(b"[]{},:\"-0eNIn\\\xff".to_vec()),
    ) {
        let mut body = body.into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        decode_everywhere(&body)?;
        body.truncate(at);
        decode_everywhere(&body)?;
    }

    #[test]
    fn an_answered_table_is_read_back_as_it_was((table, interface) in table()) {
        let body = json!({ "dataframe_records": records(&table) }).to_string();
        let call = decode(body.as_bytes(), &interface);
        // Records without a row name no columns, which are then missing.
        if table.rows > 0 {
            prop_assert_eq!(call.map(|call| call.input), Ok(Input::Table(table)));
        }
    }

    #[test]
    fn split_and_records_mean_the_same_in_any_order_of_keys((table, interface) in table(), seed in any::<usize>()) {
        prop_assume!(table.rows > 0);
        let records = records(&table);
        let mut names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let width = names.len();
        names.rotate_left(seed % width);
        let row = |record: &Json| names.iter().map(|name| record[name].clone()).collect::<Json>();
        let data: Json = records.as_array().expect("records").iter().map(row).collect();
        let names = json!(names);
        let wanted = decode(json!({ "dataframe_records": records }).to_string().as_bytes(), &interface);
        prop_assert!(wanted.is_ok(), "{wanted:?}");
        for body in [
            format!(r#"{{"dataframe_split": {{"columns": {names}, "data": {data}}}}}"#),
            format!(r#"{{"dataframe_split": {{"data": {data}, "columns": {names}}}}}"#),
        ] {
            prop_assert_eq!(&decode(body.as_bytes(), &interface), &wanted, "{}", body);
        }
    }

    #[test]
    fn a_broken_reply_is_a_fault_and_never_a_panic(
        offsets in prop::collection::vec(0u32..8, 0..5),
        data in prop::collection::vec(any::<u8>(), 0..8),
        rows in 0usize..5,
        kind in 0..3,
    ) {
        let packed = Packed { offsets, data };
        let data = match kind {
            0 => ColumnData::Text(packed),
            1 => ColumnData::Binary(packed),
            _ => ColumnData::Json(packed),
        };
        let table = Table { columns: vec![Column { name: "a".to_owned(), data, validity: None }], rows };
        match Mlflow::default().encode(Reply { output: Output::Table(table) }, Envelope::Predictions) {
            Ok(answer) => prop_assert!(serde_json::from_slice::<Json>(&answer.body).is_ok()),
            Err(fault) => prop_assert_eq!(fault.kind, FaultKind::GuestTrapped),
        }
    }
}

/// Cases that were thought of when the code was read.
#[test]
fn rows_of_different_kinds_are_refused() {
    for body in [
        r#"{"instances": [{"a": "x"}, []]}"#,
        r#"{"instances": [[], {"a": "x"}]}"#,
        r#"{"instances": [[], ["x"]]}"#,
        r#"{"inputs": ["x", {"a": "y"}]}"#,
        r#"{"inputs": [{"a": 1}, 2]}"#,
        r#"{"dataframe_split": {"columns": [], "data": [[], [1]]}}"#,
        r#"{"dataframe_split": {"data": [[1], {"0": 2}]}}"#,
    ] {
        decode_everywhere(body.as_bytes()).unwrap();
    }
}

#[test]
fn a_text_stays_one_beside_bare_literals() {
    let inputs = r#"[{"name":"a","type":"string"},{"name":"b","type":"double"},{"name":"c","type":"any"}]"#;
    let signature = Signature::from_mlmodel(Some(inputs), None, None).unwrap();
    let interface = Interface { signature, raw_media_types: Vec::new() };
    let body = br#"{"dataframe_split": {"columns": ["a", "b", "c"], "data": [["Infinity", -Infinity, [Infinity, NaN]]]}}"#;
    let Input::Table(table) = decode(body, &interface).unwrap().input else { panic!("a table") };
    assert_eq!(table.columns[0].data, ColumnData::Text(["Infinity"].iter().collect()));
    assert_eq!(table.columns[1].data, ColumnData::F64(vec![f64::NEG_INFINITY]));
    assert_eq!(table.columns[2].data, ColumnData::Json(["[null, null]"].iter().collect()));
    let chat = br#"{"input": "Infinity", "x": [-Infinity]}"#;
    let Input::Blob(blob) = decode(chat, &Interface::default()).unwrap().input else { panic!("a body") };
    assert_eq!(String::from_utf8(blob.data).unwrap(), r#"{"input": "Infinity", "x": [null]}"#);
}
