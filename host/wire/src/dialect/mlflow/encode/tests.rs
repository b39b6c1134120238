//! What answers look like, byte for byte.

use super::*;

fn body(output: Output) -> String {
    String::from_utf8(encode(Reply { output }, Envelope::Predictions, Compat::Sane).unwrap().body).unwrap()
}

fn refused(output: Output) -> Fault {
    let fault = encode(Reply { output }, Envelope::Predictions, Compat::Sane).unwrap_err();
    assert_eq!(fault.kind, FaultKind::GuestTrapped);
    fault
}

fn column(name: &str, data: ColumnData, validity: Option<Vec<u8>>) -> Column {
    Column { name: name.into(), data, validity }
}

fn tensor(name: &str, shape: &[u32], elements: Elements) -> NamedTensor {
    NamedTensor { name: name.into(), tensor: Tensor { shape: shape.to_vec(), elements } }
}

#[test]
fn a_table_is_a_list_of_records() {
    let columns = vec![
        column("a\"", ColumnData::F32(vec![3.1, f32::NAN]), None),
        column("t", ColumnData::Datetime(vec![0, 1_612_269_296_789_000_000]), Some(vec![0, 1])),
        column("s", ColumnData::Text(["é", ""].iter().collect()), Some(vec![1, 0])),
        column("b", ColumnData::Binary([[0u8, 1, 2]; 2].iter().collect()), None),
        column("j", ColumnData::Json(["{\"x\":1}", " [] "].iter().collect()), None),
        column("f", ColumnData::Boolean(vec![1, 0]), None),
    ];
    let expected = concat!(
        r#"{"predictions": [{"a\"": 3.0999999046325684, "t": null, "s": "\u00e9", "b": "AAEC\n", "j": {"x":1}, "#,
        r#""f": true}, {"a\"": null, "t": "2021-02-02T12:34:56.789000", "s": null, "b": "AAEC\n", "j": [], "#,
        r#""f": false}]}"#
    );
    assert_eq!(body(Output::Table(Table { columns, rows: 2 })), expected);
}

#[test]
fn tensors_are_nested_lists() {
    let x = tensor("x", &[2], Elements::S64(vec![1, -2]));
    let y = tensor("y", &[1, 1], Elements::F64(vec![0.5]));
    assert_eq!(body(Output::Tensors(vec![x.clone(), y])), r#"{"predictions": {"x": [1, -2], "y": [[0.5]]}}"#);
    assert_eq!(body(Output::Tensors(vec![x])), r#"{"predictions": {"x": [1, -2]}}"#);
    for (shape, elements, expected) in [
        (&[][..], Elements::Boolean(vec![1]), "true"),
        (&[2, 0][..], Elements::U8(vec![]), "[[], []]"),
        (&[1, 2, 1][..], Elements::U64(vec![u64::MAX, 0]), "[[[18446744073709551615], [0]]]"),
        (&[1][..], Elements::Text(["a"].iter().collect()), "[\"a\"]"),
        (&[2][..], Elements::F16(vec![0x3c00, 0x7c00]), "[1.0, null]"),
    ] {
        assert_eq!(
            body(Output::Tensors(vec![tensor("", shape, elements)])),
            format!("{{\"predictions\": {expected}}}")
        );
    }
    assert_eq!(body(Output::Tensors(vec![])), "{\"predictions\": {}}");
}

#[test]
fn json_goes_out_as_it_came() {
    assert_eq!(body(Output::Json(" [1,  \"é\"]\n".into())), "{\"predictions\": [1,  \"é\"]}");
    for text in ["", "{", "[1,]", "NaN", "1 2", "\"\u{1}\""] {
        refused(Output::Json(text.into()));
    }
}

#[test]
fn an_answer_to_a_chat_stands_by_itself() {
    let answer = |output| encode(Reply { output }, Envelope::Bare, Compat::Sane).unwrap().body;
    assert_eq!(answer(Output::Json("{\"choices\": []}".into())), b"{\"choices\": []}");
    let table = Table { columns: vec![column("a", ColumnData::S64(vec![1]), None)], rows: 1 };
    assert_eq!(answer(Output::Table(table)), b"[{\"a\": 1}]");
    assert_eq!(answer(Output::Tensors(vec![tensor("", &[1], Elements::S64(vec![1]))])), b"[1]");
}

#[test]
fn strict_answers_have_what_json_has_not() {
    let values = vec![1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let columns = vec![
        column("a", ColumnData::F64(values), Some(vec![0, 1, 1, 1])),
        column("t", ColumnData::Datetime(vec![0; 4]), Some(vec![0, 1, 0, 1])),
        column("s", ColumnData::Text(["a"; 4].iter().collect()), Some(vec![0, 1, 1, 1])),
        column("b", ColumnData::Boolean(vec![1; 4]), Some(vec![0, 1, 1, 1])),
    ];
    let output = Output::Table(Table { columns, rows: 4 });
    let answer = encode(Reply { output }, Envelope::Predictions, Compat::Strict).unwrap();
    let epoch = "1970-01-01T00:00:00";
    let expected = format!(
        "{{\"predictions\": [{{\"a\": NaN, \"t\": \"NaT\", \"s\": NaN, \"b\": null}}, \
         {{\"a\": NaN, \"t\": \"{epoch}\", \"s\": \"a\", \"b\": true}}, \
         {{\"a\": Infinity, \"t\": \"NaT\", \"s\": \"a\", \"b\": true}}, \
         {{\"a\": -Infinity, \"t\": \"{epoch}\", \"s\": \"a\", \"b\": true}}]}}"
    );
    assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
}

#[test]
fn raw_bytes_need_a_valid_media_type() {
    let blob =
        |content_type: &str| Output::Blob(Blob { content_type: content_type.into(), data: vec![1, 2] });
    let answer =
        encode(Reply { output: blob("image/png; q=1") }, Envelope::Predictions, Compat::Sane).unwrap();
    assert_eq!((answer.content_type.as_deref(), answer.body), (Some("image/png; q=1"), vec![1, 2]));
    for content_type in ["", "png", "image/", "/png", "image/png\r\nx: y", "image/é", " image/png", "a b/c"]
    {
        refused(blob(content_type));
    }
}

#[test]
fn answers_that_contradict_themselves_are_the_guests_fault() {
    let short = column("a", ColumnData::F64(vec![1.0]), None);
    let fault = refused(Output::Table(Table { columns: vec![short], rows: 2 }));
    assert!(fault.detail.contains("column `a` has 1 values"), "{}", fault.detail);
    let broken = column("a", ColumnData::Json(["{"].iter().collect()), None);
    refused(Output::Table(Table { columns: vec![broken], rows: 1 }));
    refused(Output::Tensors(vec![tensor("x", &[3], Elements::F32(vec![1.0]))]));
    let nameless = tensor("", &[1], Elements::F32(vec![1.0]));
    refused(Output::Tensors(vec![nameless.clone(), nameless]));
}

#[test]
fn empty_shapes_do_not_make_huge_answers() {
    refused(Output::Tensors(vec![tensor("x", &[u32::MAX, 0], Elements::F32(vec![]))]));
    refused(Output::Tensors(vec![tensor("x", &[1; 1000], Elements::F32(vec![1.0]))]));
    assert_eq!(
        body(Output::Tensors(vec![tensor("", &[0, u32::MAX], Elements::F32(vec![]))])),
        "{\"predictions\": []}"
    );
    assert_eq!(body(Output::Table(Table { columns: vec![], rows: usize::MAX })), "{\"predictions\": []}");
}

#[test]
fn long_names_cannot_make_a_huge_answer() {
    let name = "n".repeat(1 << 20);
    let columns = |rows| vec![column(&name, ColumnData::Boolean(vec![1; rows]), None)];
    assert!(body(Output::Table(Table { columns: columns(2), rows: 2 })).len() > 2 << 20);
    refused(Output::Table(Table { columns: columns(257), rows: 257 }));
}
