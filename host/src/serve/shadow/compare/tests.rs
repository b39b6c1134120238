//! Answers that are the same and answers that are not, by what they are made of.

use mlhost_wire::values::Blob;

use super::*;

const TOLERANCE: f64 = 1e-5;

fn said(primary: &Output, shadow: &Output) -> Option<String> {
    let found = difference(primary, shadow, TOLERANCE);
    // Whether they differ does not depend on who is asked first.
    assert_eq!(found.is_some(), difference(shadow, primary, TOLERANCE).is_some(), "{found:?}");
    found.map(|difference| difference.to_string())
}

fn packed(values: &[&str]) -> Packed {
    values.iter().collect()
}

fn table(columns: Vec<(&str, ColumnData)>) -> Output {
    let rows = columns.first().map_or(0, |(_, data)| data.len());
    let column = |(name, data): (&str, ColumnData)| Column { name: name.to_owned(), data, validity: None };
    Output::Table(Table { columns: columns.into_iter().map(column).collect(), rows })
}

fn column(data: ColumnData) -> Output {
    table(vec![("c", data)])
}

fn masked(data: ColumnData, validity: &[u8]) -> Output {
    let rows = data.len();
    let column = Column { name: "c".to_owned(), data, validity: Some(validity.to_vec()) };
    Output::Table(Table { columns: vec![column], rows })
}

fn tensor(name: &str, shape: &[u32], elements: Elements) -> NamedTensor {
    NamedTensor { name: name.to_owned(), tensor: Tensor { shape: shape.to_vec(), elements } }
}

fn one(shape: &[u32], elements: Elements) -> Output {
    Output::Tensors(vec![tensor("t", shape, elements)])
}

fn json(text: &str) -> Output {
    Output::Json(text.to_owned())
}

#[test]
fn numbers_may_be_off_by_the_tolerance_and_no_more() {
    let of = |value: f64| column(ColumnData::F64(vec![1.0, value]));
    for (a, b) in [
        (1.0, 1.0),
        (1.0, 1.000_009),
        (-1e300, -1.000_009e300),
        (0.0, -0.0),
        (f64::NAN, -f64::NAN),
        (f64::INFINITY, f64::INFINITY),
        (f64::MAX, f64::MAX * 0.999_999),
    ] {
        assert_eq!(said(&of(a), &of(b)), None, "{a} {b}");
    }
    for (a, b) in [
        (1.0, 1.000_011),
        (1.0, -1.0),
        (0.0, 1e-300),
        (f64::NAN, 0.0),
        (f64::INFINITY, f64::NEG_INFINITY),
        (f64::INFINITY, f64::MAX),
        (f64::MAX, -f64::MAX),
    ] {
        assert_eq!(said(&of(a), &of(b)).as_deref(), Some("the value of `c` in row 1"), "{a} {b}");
    }
    assert!(difference(&of(1.0), &of(1.000_001), 0.0).is_some(), "a tolerance of 0 is none");
}

#[test]
fn every_column_is_compared_by_its_type() {
    let same = [
        (ColumnData::F32(vec![1.0, 2.0]), ColumnData::F32(vec![1.0, 2.000_001])),
        (
            ColumnData::Json(packed(&["{\"a\":1,\"b\":[2.0]}"])),
            ColumnData::Json(packed(&["{\"b\": [2], \"a\": 1}"])),
        ),
    ];
    for (a, b) in same {
        assert_eq!(said(&column(a.clone()), &column(b)), None, "{a:?}");
    }
    let differ = [
        (ColumnData::F32(vec![1.0]), ColumnData::F32(vec![1.1])),
        (ColumnData::S64(vec![i64::MAX]), ColumnData::S64(vec![i64::MAX - 1])),
        (ColumnData::S32(vec![1]), ColumnData::S32(vec![2])),
        (ColumnData::Boolean(vec![1]), ColumnData::Boolean(vec![0])),
        (ColumnData::Datetime(vec![1]), ColumnData::Datetime(vec![2])),
        (ColumnData::Text(packed(&["a"])), ColumnData::Text(packed(&["b"]))),
        (ColumnData::Binary(packed(&["a"])), ColumnData::Binary(packed(&["ab"]))),
        (ColumnData::Json(packed(&["[1]"])), ColumnData::Json(packed(&["[2]"]))),
    ];
    for (a, b) in differ {
        assert_eq!(said(&column(a.clone()), &column(a.clone())), None, "{a:?}");
        let found = said(&column(a.clone()), &column(b));
        assert_eq!(found.as_deref(), Some("the value of `c` in row 0"), "{a:?}");
    }
    let (float, double) = (ColumnData::F32(vec![1.0]), ColumnData::F64(vec![1.0]));
    assert_eq!(said(&column(float), &column(double)).as_deref(), Some("the type of `c`"));
}

#[test]
fn columns_go_by_their_names_whatever_their_order() {
    let number = |value| ColumnData::S64(vec![value]);
    let primary = table(vec![("b", number(1)), ("a", number(2)), ("a", number(3))]);
    assert_eq!(said(&primary, &table(vec![("a", number(2)), ("b", number(1)), ("a", number(3))])), None);
    let shadow = table(vec![("a", number(0)), ("b", number(0)), ("a", number(3))]);
    assert_eq!(said(&primary, &shadow).as_deref(), Some("the value of `b` in row 0"), "its own first");
    let shadow = table(vec![("a", number(2)), ("b", number(1)), ("c", number(3))]);
    assert_eq!(said(&primary, &shadow).as_deref(), Some("the presence of `a`"));
    let shadow = table(vec![("a", number(2)), ("a", number(3))]);
    assert_eq!(said(&primary, &shadow).as_deref(), Some("the presence of `b`"));
    let longer = table(vec![("a", ColumnData::S64(vec![1, 2]))]);
    assert_eq!(said(&table(vec![("a", number(1))]), &longer).as_deref(), Some("the number of rows"));
}

#[test]
fn a_missing_value_is_the_same_as_a_missing_one_and_no_other() {
    let values = |value| ColumnData::F64(vec![1.0, value]);
    assert_eq!(said(&masked(values(f64::NAN), &[1, 0]), &masked(values(0.0), &[1, 0])), None);
    assert_eq!(said(&masked(values(2.0), &[1, 1]), &column(values(2.0))), None);
    let found = said(&masked(values(2.0), &[1, 0]), &column(values(2.0)));
    assert_eq!(found.as_deref(), Some("the value of `c` in row 1"));
}

#[test]
fn every_tensor_is_compared_by_its_type() {
    let half = |values: [f32; 2]| Elements::F16(values.map(|value| f16::from_f32(value).to_bits()).to_vec());
    let brain =
        |values: [f32; 2]| Elements::Bf16(values.map(|value| bf16::from_f32(value).to_bits()).to_vec());
    let differ = [
        (Elements::F64(vec![1.0, 2.0]), Elements::F64(vec![1.0, 2.1])),
        (Elements::F32(vec![1.0, 2.0]), Elements::F32(vec![1.0, 2.1])),
        (half([1.0, f32::NAN]), half([1.0, 2.0])),
        (brain([1.0, f32::NAN]), brain([1.0, 2.0])),
        (Elements::Boolean(vec![1, 1]), Elements::Boolean(vec![1, 0])),
        (Elements::S8(vec![1, 1]), Elements::S8(vec![1, 0])),
        (Elements::S16(vec![1, 1]), Elements::S16(vec![1, 0])),
        (Elements::S32(vec![1, 1]), Elements::S32(vec![1, 0])),
        (Elements::S64(vec![1, 1]), Elements::S64(vec![1, 0])),
        (Elements::U8(vec![1, 1]), Elements::U8(vec![1, 0])),
        (Elements::U16(vec![1, 1]), Elements::U16(vec![1, 0])),
        (Elements::U32(vec![1, 1]), Elements::U32(vec![1, 0])),
        (Elements::U64(vec![1, 1]), Elements::U64(vec![1, 0])),
        (Elements::Text(packed(&["a", "b"])), Elements::Text(packed(&["a", "c"]))),
    ];
    for (a, b) in differ {
        assert_eq!(said(&one(&[2], a.clone()), &one(&[2], a.clone())), None, "{a:?}");
        let found = said(&one(&[2], a.clone()), &one(&[2], b));
        assert_eq!(found.as_deref(), Some("the value of `t` in row 1"), "{a:?}");
    }
    let near = (Elements::F32(vec![1.0, 2.0]), Elements::F32(vec![1.0, 2.000_001]));
    assert_eq!(said(&one(&[2], near.0), &one(&[2], near.1)), None);
    let (byte, flag) = (Elements::U8(vec![1]), Elements::Boolean(vec![1]));
    assert_eq!(said(&one(&[1], byte), &one(&[1], flag)).as_deref(), Some("the type of `t`"));
}

#[test]
fn a_tensors_row_is_along_its_first_axis() {
    let of = |shape: &[u32], last: i64| one(shape, Elements::S64(vec![0, 0, 0, 0, 0, last]));
    assert_eq!(said(&of(&[2, 3], 0), &of(&[2, 3], 1)).as_deref(), Some("the value of `t` in row 1"));
    assert_eq!(said(&of(&[6], 0), &of(&[6], 1)).as_deref(), Some("the value of `t` in row 5"));
    assert_eq!(said(&of(&[2, 3], 0), &of(&[3, 2], 0)).as_deref(), Some("the shape of `t`"));
    let scalar = |value| one(&[], Elements::S64(vec![value]));
    assert_eq!(said(&scalar(0), &scalar(1)).as_deref(), Some("the value of `t`"));
    assert_eq!(said(&one(&[0, 3], Elements::S64(vec![])), &one(&[0, 3], Elements::S64(vec![]))), None);
}

#[test]
fn tensors_go_by_their_names_whatever_their_order() {
    let of = |name: &str, value| tensor(name, &[1], Elements::S64(vec![value]));
    let primary = Output::Tensors(vec![of("label", 1), of("score", 2)]);
    assert_eq!(said(&primary, &Output::Tensors(vec![of("score", 2), of("label", 1)])), None);
    let shadow = Output::Tensors(vec![of("score", 3), of("label", 1)]);
    assert_eq!(said(&primary, &shadow).as_deref(), Some("the value of `score` in row 0"));
    let shadow = Output::Tensors(vec![of("label", 1)]);
    assert_eq!(said(&primary, &shadow).as_deref(), Some("the presence of `score`"));
}

#[test]
fn json_is_compared_by_what_it_means() {
    for (a, b) in [
        ("{\"a\": 1, \"b\": [0.1, null]}", "{\"b\":[0.1000000001,null],\"a\":1.0}"),
        ("[1e400", "[1e400"),
        ("\"\\u0061\"", "\"a\""),
        ("18446744073709551615", "18446744073709551615 "),
    ] {
        assert_eq!(said(&json(a), &json(b)), None, "{a} {b}");
    }
    for (a, b) in [
        ("[1]", "[1, 2]"),
        ("{\"a\": 1}", "{\"b\": 1}"),
        ("{\"a\": 1}", "{\"a\": 1, \"b\": 1}"),
        ("[1]", "[\"1\"]"),
        ("18446744073709551615", "18446744073709551614"),
        ("0.1", "0.2"),
        ("[1", "[1 "),
        ("null", "false"),
    ] {
        assert_eq!(said(&json(a), &json(b)).as_deref(), Some("the JSON"), "{a} {b}");
    }
}

#[test]
fn bytes_are_the_same_or_not() {
    let blob = |content_type: &str, data: &[u8]| {
        Output::Blob(Blob { content_type: content_type.to_owned(), data: data.to_vec() })
    };
    assert_eq!(said(&blob("a/b", b"x"), &blob("a/b", b"x")), None);
    assert_eq!(said(&blob("a/b", b"x"), &blob("a/b", b"y")).as_deref(), Some("the bytes"));
    assert_eq!(said(&blob("a/b", b"x"), &blob("a/c", b"x")).as_deref(), Some("the media type"));
    let found = said(&blob("application/json", b"[]"), &json("[]"));
    assert_eq!(found.as_deref(), Some("the kind of answer"));
}

#[test]
fn a_difference_says_no_value_and_no_line_of_its_own() {
    let of = |value: &str| table(vec![("a\nb", ColumnData::Text(packed(&[value])))]);
    let found = said(&of("secret-1"), &of("secret-2")).unwrap();
    assert_eq!(found, "the value of `a\\nb` in row 0");
}
