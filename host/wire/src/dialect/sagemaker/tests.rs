//! Bodies and answers in each media type.

use super::*;
use crate::fault::FaultKind;
use crate::signature::Signature;
use crate::values::{Column, ColumnData, Elements, NamedTensor, Table, Tensor};

const COLUMNS: &str = r#"[{"type":"double","name":"a"},{"type":"string","name":"b"}]"#;
const TENSOR: &str = r#"[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,2]}}]"#;

fn interface(inputs: Option<&str>) -> Interface {
    let signature = Signature::from_mlmodel(inputs, None, None).unwrap();
    Interface { signature, raw_media_types: vec!["image/*".to_owned()] }
}

fn read(inputs: Option<&str>, content_type: &str, body: &str) -> Result<Input, String> {
    let request = Request { content_type: Some(content_type), body: body.as_bytes() };
    let decoded = SageMaker::default().decode(request, &interface(inputs));
    decoded.map(|decoded| decoded.call.input).map_err(|fault| fault.public)
}

fn written(accept: &str, output: Output) -> (String, String) {
    let dialect = SageMaker { accept: Some(accept), ..SageMaker::default() };
    let answer = dialect.encode(Reply { output }, Envelope::Predictions).unwrap();
    (answer.content_type.unwrap(), String::from_utf8_lossy(&answer.body).into_owned())
}

fn table() -> Output {
    let packed = ["x", "y, \"z\""].into_iter().collect();
    let columns = vec![
        Column { name: "n".into(), data: ColumnData::F64(vec![1.5, f64::NAN]), validity: None },
        Column { name: "t".into(), data: ColumnData::Text(packed), validity: None },
    ];
    Output::Table(Table { columns, rows: 2 })
}

fn tensor(name: &str, shape: &[u32], values: &[f32]) -> NamedTensor {
    let tensor = Tensor { shape: shape.to_vec(), elements: Elements::F32(values.to_vec()) };
    NamedTensor { name: name.to_owned(), tensor }
}

#[test]
fn csv_has_no_header_unless_it_says_so() {
    let headed = read(Some(COLUMNS), "text/csv; header=present", "b,a\nx,1\ny,2\n").unwrap();
    for content_type in ["text/csv", "Text/CSV; header=absent", "text/csv; charset=utf-8"] {
        assert_eq!(read(Some(COLUMNS), content_type, "1,x\n2,y\n").unwrap(), headed, "{content_type}");
        assert_eq!(read(Some(COLUMNS), content_type, "1,x\n2,y").unwrap(), headed, "{content_type}");
    }
    let wide = read(Some(COLUMNS), "text/csv", "1,x,2\n").unwrap_err();
    assert!(wide.contains("3 values, the model takes 2 columns"), "{wide}");
    let uneven = read(Some(COLUMNS), "text/csv", "1,x\n1,x,2\n").unwrap_err();
    assert!(uneven.contains("line 2, saw 3"), "{uneven}");
    let Input::Table(free) = read(None, "text/csv", "1,x\n2,y\n").unwrap() else { panic!("no table") };
    assert_eq!((free.rows, free.columns[1].name.as_str()), (2, "1"));
}

#[test]
fn csv_fills_a_tensor_of_numbers() {
    let expected = Input::Tensors(vec![tensor("", &[2, 2], &[1.0, 2.5, 3.0, 4.0])]);
    assert_eq!(read(Some(TENSOR), "text/csv", "1,2.5\n3,4\n").unwrap(), expected);
    for (body, text) in [
        ("1\n2\n3", "Shape of input"),
        ("1,2\n3\n", "Expected 2 fields in line 2, saw 1"),
        ("1,x\n", "could not convert"),
        ("", "No columns"),
    ] {
        let refused = read(Some(TENSOR), "text/csv", body).unwrap_err();
        assert!(refused.contains(text), "{body}: {refused}");
    }
    let flat = r#"[{"type":"tensor","tensor-spec":{"dtype":"int64","shape":[-1]}}]"#;
    let Input::Tensors(found) = read(Some(flat), "text/csv", "1\n2\n").unwrap() else { panic!("no tensor") };
    assert_eq!(found[0].tensor, Tensor { shape: vec![2], elements: Elements::S64(vec![1, 2]) });
}

#[test]
fn a_line_is_a_row() {
    let expected = read(Some(COLUMNS), "text/csv", "1,x\n2,y\n").unwrap();
    for body in ["{\"b\": \"x\", \"a\": 1}\n\n{\"a\": 2, \"b\": \"y\"}\n", "[1, \"x\"]\r\n[2, \"y\"]"] {
        assert_eq!(read(Some(COLUMNS), "application/jsonlines", body).unwrap(), expected, "{body}");
    }
    assert!(matches!(read(None, "application/jsonlines", "{\"a\": 1}").unwrap(), Input::Table(_)));
    for (body, text) in [("[1,\n2]", "Line 1 is not JSON"), ("\n", "no line"), ("1 2", "Line 1 is not JSON")]
    {
        let refused = read(None, "application/jsonlines", body).unwrap_err();
        assert!(refused.contains(text), "{body}: {refused}");
    }
}

#[test]
fn raw_types_pass_and_others_are_refused() {
    assert!(matches!(read(None, "image/png", "x").unwrap(), Input::Blob(_)));
    let request = Request { content_type: Some("application/x-recordio-protobuf"), body: b"" };
    let fault = SageMaker::default().decode(request, &interface(None)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::UnsupportedMedia);
    assert!(fault.public.contains("application/jsonlines"), "{}", fault.public);
}

#[test]
fn the_answer_is_in_the_type_that_is_wanted_most() {
    let json = r#"{"predictions": [{"n": 1.5, "t": "x"}, {"n": null, "t": "y, \"z\""}]}"#;
    for accept in ["*/*", "", "image/png", "application/x-npy", "text/csv;q=0.1, application/json"] {
        assert_eq!(written(accept, table()), ("application/json".to_owned(), json.to_owned()), "{accept}");
    }
    let (content_type, body) = written("text/csv", table());
    assert_eq!(
        (content_type.as_str(), body.as_str()),
        ("text/csv; charset=utf-8", "1.5,x\n,\"y, \"\"z\"\"\"\n")
    );
    let (content_type, body) = written("application/jsonlines", table());
    assert_eq!(content_type, "application/jsonlines");
    assert_eq!(body, "{\"n\": 1.5, \"t\": \"x\"}\n{\"n\": null, \"t\": \"y, \\\"z\\\"\"}\n");
}

#[test]
fn tensors_have_a_row_a_line_too() {
    let two = || {
        Output::Tensors(vec![tensor("y", &[2], &[1.0, 2.0]), tensor("p", &[2, 2], &[0.5, 0.25, 1.0, 0.0])])
    };
    assert_eq!(written("text/csv", two()).1, "1.0,0.5,0.25\n2.0,1.0,0.0\n");
    assert_eq!(
        written("application/jsonlines", two()).1,
        "{\"y\": 1.0, \"p\": [0.5, 0.25]}\n{\"y\": 2.0, \"p\": [1.0, 0.0]}\n"
    );
    let one = || Output::Tensors(vec![tensor("y", &[2], &[1.0, 2.0])]);
    assert_eq!(written("text/csv", one()).1, "1.0\n2.0\n");
    let (content_type, body) = written("application/x-npy", one());
    assert!(content_type == "application/x-npy" && body.contains("'shape': (2,)"), "{body}");
    assert_eq!(written("application/x-npy", two()).0, "application/json");
    assert_eq!(
        written("text/csv", Output::Json("[1, [2, \"a\"], {\"k\": 1}]".into())).1,
        "1\n2,a\n\"{\"\"k\"\":1}\"\n"
    );
    assert_eq!(
        written("application/jsonlines", Output::Json("[1,\n {\"k\":\n 1}]".into())).1,
        "1\n{\"k\":  1}\n"
    );
}
