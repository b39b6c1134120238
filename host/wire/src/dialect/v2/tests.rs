//! What a request becomes for each kind of signature, and what a reply becomes. Called by nobody but the tests.

use super::*;
use crate::dialect::Interface;
use crate::signature::{ColumnSpec, ColumnType, ParamSpec, Schema, Signature, TensorSpec};
use crate::values::{
    Blob, Column, ColumnData, ElementType, Elements, Input, NamedTensor, Output, Packed, Reply, Table,
    Tensor, Value,
};

fn interface(inputs: Option<Schema>) -> Interface {
    Interface { signature: Signature { inputs, ..Signature::default() }, ..Interface::default() }
}

fn column(name: &str, column_type: ColumnType, required: bool) -> ColumnSpec {
    ColumnSpec { name: Some(name.into()), numbered: false, column_type, required }
}

fn columns(specs: &[(&str, ColumnType)]) -> Interface {
    let spec = |(name, column_type): &(&str, ColumnType)| column(name, column_type.clone(), true);
    interface(Some(Schema::Columns(specs.iter().map(spec).collect())))
}

fn request(inputs: Vec<InferTensor>) -> InferRequest {
    InferRequest { inputs, ..InferRequest::default() }
}

fn texts(values: &[&str]) -> Elements {
    Elements::Text(values.iter().collect())
}

fn table_of(inputs: Vec<InferTensor>, interface: &Interface) -> Table {
    match call(request(inputs), interface).unwrap().call.input {
        Input::Table(table) => table,
        other => panic!("{other:?}"),
    }
}

fn refusal(inputs: Vec<InferTensor>, interface: &Interface) -> String {
    let fault = call(request(inputs), interface).unwrap_err();
    assert_eq!(fault.kind, FaultKind::BadInput);
    fault.public
}

#[test]
fn each_column_of_a_table_is_a_tensor_of_its_rows_in_any_order() {
    let interface = columns(&[
        ("d", ColumnType::Double),
        ("l", ColumnType::Long),
        ("s", ColumnType::String),
        ("b", ColumnType::Binary),
        ("t", ColumnType::Datetime),
        ("o", ColumnType::Boolean),
        ("j", ColumnType::Array(Box::new(ColumnType::Long))),
    ]);
    let table = table_of(
        vec![
            InferTensor::new("j", vec![2], texts(&["[1]", "[]"])),
            InferTensor::new("o", vec![2], Elements::Boolean(vec![1, 0])),
            InferTensor::new("t", vec![2], texts(&["2021-01-01", "1970-01-01T00:00:00Z"])),
            InferTensor::new("b", vec![2], Elements::Text([&b"\xff"[..], b""].into_iter().collect())),
            InferTensor::new("s", vec![2, 1], texts(&["é", ""])),
            InferTensor::new("l", vec![2], Elements::U8(vec![1, 2])),
            InferTensor::new("d", vec![2, 1], Elements::S32(vec![-1, 2])),
        ],
        &interface,
    );
    table.check().unwrap();
    let data: Vec<_> =
        table.columns.iter().map(|column| (column.name.as_str(), column.data.clone())).collect();
    assert_eq!(
        data,
        [
            ("d", ColumnData::F64(vec![-1.0, 2.0])),
            ("l", ColumnData::S64(vec![1, 2])),
            ("s", ColumnData::Text(["é", ""].iter().collect())),
            ("b", ColumnData::Binary([&b"\xff"[..], b""].into_iter().collect())),
            ("t", ColumnData::Datetime(vec![1_609_459_200_000_000_000, 0])),
            ("o", ColumnData::Boolean(vec![1, 0])),
            ("j", ColumnData::Json(["[1]", "[]"].iter().collect())),
        ]
    );
}

#[test]
fn one_tensor_of_rows_and_columns_is_a_table_too() {
    let interface = columns(&[("a", ColumnType::Double), ("b", ColumnType::Long)]);
    let matrix = InferTensor::new("X", vec![2, 2], Elements::F64(vec![1.5, 2.0, 3.5, 4.0]));
    let table = table_of(vec![matrix], &interface);
    assert_eq!(table.rows, 2);
    assert_eq!(table.columns[0].data, ColumnData::F64(vec![1.5, 3.5]));
    assert_eq!(table.columns[1].data, ColumnData::S64(vec![2, 4]));
    let unnamed = Schema::Columns(vec![ColumnSpec { name: None, ..column("", ColumnType::Float, true) }]);
    let table = table_of(
        vec![InferTensor::new("X", vec![2, 1], Elements::F32(vec![1.0, 2.0]))],
        &self::interface(Some(unnamed)),
    );
    assert_eq!(table.columns[0].name, "0");
}

#[test]
fn a_number_that_would_become_another_is_refused_with_its_row() {
    for (column_type, elements, expected) in [
        (ColumnType::Integer, Elements::S64(vec![1, 1 << 31]), Some("row 1")),
        (ColumnType::Long, Elements::F64(vec![1.5]), Some("row 0")),
        (ColumnType::Long, Elements::F32(vec![f32::NAN]), Some("row 0")),
        (ColumnType::Long, Elements::U64(vec![u64::MAX]), Some("row 0")),
        (ColumnType::Boolean, Elements::S64(vec![1]), Some("INT64")),
        (ColumnType::String, Elements::F64(vec![1.0]), Some("FP64")),
        (ColumnType::Double, texts(&["1"]), Some("BYTES")),
        (ColumnType::Datetime, texts(&["x"]), Some("row 0")),
        (ColumnType::Datetime, texts(&[""]), Some("row 0")),
        (ColumnType::Any, texts(&["{"]), Some("row 0")),
        (ColumnType::String, Elements::Text([&b"\xff"[..]].into_iter().collect()), Some("UTF-8")),
        (ColumnType::Long, Elements::F64(vec![-3.0]), None),
        (ColumnType::Float, Elements::F64(vec![1e300]), None),
    ] {
        let rows = u32::try_from(elements.len()).unwrap();
        let tensor = InferTensor::new("x", vec![rows], elements);
        let found = call(request(vec![tensor.clone()]), &columns(&[("x", column_type)]));
        match (found, expected) {
            (Err(fault), Some(text)) => assert!(fault.public.contains(text), "{}", fault.public),
            (Ok(_), None) => {}
            (found, _) => panic!("{tensor:?}: {found:?}"),
        }
    }
}

#[test]
fn what_is_missing_is_said_by_null_or_by_a_tensor_of_truth_values() {
    let specs = vec![column("s", ColumnType::String, false), column("n", ColumnType::Long, false)];
    let interface = interface(Some(Schema::Columns(specs)));
    let null =
        InferTensor { validity: Some(vec![1, 0]), ..InferTensor::new("s", vec![2], texts(&["a", ""])) };
    let valid = InferTensor::new("n.valid", vec![2], Elements::Boolean(vec![0, 1]));
    let number = InferTensor::new("n", vec![2], Elements::S64(vec![0, 7]));
    let table = table_of(vec![null.clone(), number, valid.clone()], &interface);
    assert_eq!(table.columns[0].validity, Some(vec![1, 0]));
    assert_eq!(table.columns[1].validity, Some(vec![0, 1]));
    // A column that may be left out is.
    assert_eq!(table_of(vec![null.clone()], &interface).columns.len(), 1);
    assert!(refusal(vec![null.clone(), valid], &interface).contains("n.valid"));
    assert!(refusal(vec![null], &columns(&[("s", ColumnType::String)])).contains("row 1"));
}

#[test]
fn what_does_not_fit_is_named() {
    let interface = columns(&[("a", ColumnType::Double), ("b", ColumnType::Double)]);
    let tensor = |name: &str, shape: &[u32]| {
        let count = shape.iter().product::<u32>() as usize;
        InferTensor::new(name, shape.to_vec(), Elements::F64(vec![0.0; count]))
    };
    for (inputs, expected) in [
        (vec![tensor("a", &[1])], "needs input `b`"),
        (vec![tensor("a", &[1]), tensor("b", &[1]), tensor("c", &[1])], "no input `c`"),
        (vec![tensor("a", &[1]), tensor("b", &[2])], "input `b` has 2 rows"),
        (vec![tensor("a", &[2, 2]), tensor("b", &[4])], "shape [2, 2]"),
        (vec![tensor("a", &[1]), tensor("a", &[1])], "twice"),
        (vec![], "needs input `a`, `b`"),
        (vec![tensor("X", &[2, 3])], "no input `X`"),
        (vec![InferTensor::new("a", vec![3], Elements::F64(vec![0.0]))], "1 elements"),
    ] {
        let public = refusal(inputs, &interface);
        assert!(public.contains(expected), "{public}");
    }
}

#[test]
fn tensors_are_taken_by_name_type_and_shape() {
    let spec = |name: &str| TensorSpec {
        name: Some(name.into()),
        element_type: ElementType::F32,
        shape: vec![None, Some(2)],
    };
    let interface = interface(Some(Schema::Tensors(vec![spec("x"), spec("y")])));
    let tensor = |name: &str| InferTensor::new(name, vec![1, 2], Elements::F32(vec![1.0, 2.0]));
    let decoded = call(request(vec![tensor("y"), tensor("x")]), &interface).unwrap();
    let Input::Tensors(tensors) = decoded.call.input else { panic!("no tensors") };
    assert_eq!(tensors.iter().map(|tensor| tensor.name.as_str()).collect::<Vec<_>>(), ["x", "y"]);
    let double = InferTensor::new("x", vec![1, 2], Elements::F64(vec![1.0, 2.0]));
    assert!(refusal(vec![double, tensor("y")], &interface).contains("FP64"));
    let shaped = InferTensor::new("x", vec![2], Elements::F32(vec![1.0, 2.0]));
    assert!(refusal(vec![shaped, tensor("y")], &interface).contains("[-1, 2]"));
    assert!(refusal(vec![tensor("x")], &interface).contains("needs input `y`"));

    let unnamed = TensorSpec { name: None, ..spec("") };
    let interface = self::interface(Some(Schema::Tensors(vec![unnamed])));
    let decoded = call(request(vec![tensor("whatever")]), &interface).unwrap();
    let Input::Tensors(tensors) = decoded.call.input else { panic!("no tensors") };
    assert_eq!(tensors[0].name, "");
}

#[test]
fn a_model_without_a_signature_takes_what_comes() {
    let mut interface = interface(None);
    interface.raw_media_types = vec!["image/*".into()];
    let tensor = InferTensor::new("t", vec![], texts(&["a"]));
    let decoded = call(request(vec![tensor.clone()]), &interface).unwrap();
    assert!(matches!(decoded.call.input, Input::Tensors(_)));
    let mut image = InferTensor::new("i", vec![1], Elements::Text([&b"\xff\xd8"[..]].into_iter().collect()));
    assert!(call(request(vec![image.clone()]), &interface).is_err());
    image.parameters.insert("media_type".into(), Parameter::Text("image/jpeg".into()));
    let decoded = call(request(vec![image]), &interface).unwrap();
    let Input::Blob(blob) = decoded.call.input else { panic!("no bytes") };
    assert_eq!((blob.content_type.as_str(), &blob.data[..]), ("image/jpeg", &b"\xff\xd8"[..]));
}

#[test]
fn parameters_are_the_models_and_sequences_are_refused() {
    let spec = |name: &str, column_type, list| ParamSpec {
        name: name.into(),
        column_type,
        default: if list { serde_json::json!([]) } else { serde_json::Value::Null },
        list,
    };
    let mut interface = interface(None);
    interface.signature.params = vec![
        spec("k", ColumnType::Long, false),
        spec("p", ColumnType::Double, false),
        spec("stop", ColumnType::String, true),
    ];
    let with = |parameters: &[(&str, Parameter)]| InferRequest {
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        ..InferRequest::default()
    };
    let decoded = call(
        with(&[
            ("k", Parameter::Integer(3)),
            ("p", Parameter::Number(0.5)),
            ("stop", Parameter::Text(r#"["a"]"#.into())),
            ("binary_data_output", Parameter::Boolean(true)),
            ("sequence_id", Parameter::Integer(0)),
        ]),
        &interface,
    )
    .unwrap();
    let values: Vec<Value> = decoded.call.params.into_iter().map(|param| param.value).collect();
    assert_eq!(values, [Value::Integer(3), Value::Number(0.5), Value::Json(r#"["a"]"#.into())]);
    for wrong in [
        ("k", Parameter::Text("3".into())),
        ("stop", Parameter::Text("a".into())),
        ("sequence_id", Parameter::Integer(7)),
        ("sequence_start", Parameter::Boolean(true)),
    ] {
        let fault = call(with(std::slice::from_ref(&wrong)), &interface).unwrap_err();
        assert!(fault.public.contains(wrong.0), "{}", fault.public);
    }
}

const MODEL: ModelVersion<'static> = ModelVersion { name: "m", version: "1" };

fn answered(output: Output, wanted: Wanted) -> Result<InferResponse, Fault> {
    response(Reply { output }, wanted, MODEL, &Interface::default())
}

fn wanted(names: &[&str]) -> Wanted {
    let output = |name: &&str| RequestedOutput { name: (*name).to_owned(), ..RequestedOutput::default() };
    Wanted { id: Some("7".into()), outputs: names.iter().map(output).collect() }
}

#[test]
fn a_table_is_one_output_a_column() {
    let column = |name: &str, data, validity| Column { name: name.into(), data, validity };
    let output = || {
        Output::Table(Table {
            rows: 2,
            columns: vec![
                column("f", ColumnData::F64(vec![f64::NAN, 1.0]), Some(vec![0, 1])),
                column("n", ColumnData::S64(vec![0, 5]), Some(vec![0, 1])),
                column("t", ColumnData::Datetime(vec![0, 1_000]), None),
                column("b", ColumnData::Binary([&b"\xff"[..], b""].into_iter().collect()), None),
            ],
        })
    };
    let response = answered(output(), Wanted::default()).unwrap();
    let names: Vec<_> = response.outputs.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["f", "n", "n.valid", "t", "b"]);
    assert_eq!(response.outputs[2].elements, Elements::Boolean(vec![0, 1]));
    assert_eq!(response.outputs[3].elements, texts(&["1970-01-01T00:00:00", "1970-01-01T00:00:00.000001"]));
    assert!(response.outputs[4].is_base64());
    assert_eq!((response.id, response.model_name.as_str()), (None, "m"));

    let response = answered(output(), wanted(&["b", "n"])).unwrap();
    let names: Vec<_> = response.outputs.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["b", "n", "n.valid"]);
    assert_eq!(response.id.as_deref(), Some("7"));
    assert_eq!(answered(output(), wanted(&["zz"])).unwrap_err().kind, FaultKind::BadInput);
}

#[test]
fn every_other_answer_is_a_tensor_too() {
    let tensor = |name: &str| NamedTensor {
        name: name.into(),
        tensor: Tensor { shape: vec![1], elements: Elements::F32(vec![1.0]) },
    };
    let response = answered(Output::Tensors(vec![tensor(""), tensor("y")]), Wanted::default()).unwrap();
    let names: Vec<_> = response.outputs.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["output0", "y"]);
    let response = answered(Output::Json("{\"a\": 1}".into()), Wanted::default()).unwrap();
    assert_eq!(response.outputs, [InferTensor::new("output0", vec![1], texts(&["{\"a\": 1}"]))]);
    let blob = Blob { content_type: "image/png".into(), data: vec![255] };
    let response = answered(Output::Blob(blob), Wanted::default()).unwrap();
    assert!(response.outputs[0].is_base64());
    assert_eq!(response.outputs[0].parameters["media_type"], Parameter::Text("image/png".into()));
}

#[test]
fn an_answer_that_contradicts_itself_is_the_models_fault() {
    let tensor = |name: &str, shape: Vec<u32>| NamedTensor {
        name: name.into(),
        tensor: Tensor { shape, elements: Elements::F32(vec![1.0]) },
    };
    let broken = Packed { offsets: vec![1, 0], data: vec![] };
    for output in [
        Output::Tensors(vec![tensor("x", vec![2])]),
        Output::Tensors(vec![tensor("x", vec![1]), tensor("x", vec![1])]),
        Output::Tensors(vec![tensor("x", vec![1; 65])]),
        Output::Json("{".into()),
        Output::Table(Table {
            rows: 1,
            columns: vec![Column { name: "c".into(), data: ColumnData::Binary(broken), validity: None }],
        }),
    ] {
        assert_eq!(answered(output, Wanted::default()).unwrap_err().kind, FaultKind::GuestTrapped);
    }
}

#[test]
fn metadata_is_the_signature() {
    let mut interface = columns(&[("a", ColumnType::Double), ("s", ColumnType::Datetime)]);
    interface.signature.outputs = Some(Schema::Tensors(vec![TensorSpec {
        name: None,
        element_type: ElementType::F32,
        shape: vec![None, Some(3)],
    }]));
    let metadata = ModelMetadata::new("m", vec!["1".into()], "mlhost", &interface);
    let flat = |tensors: &[TensorMetadata]| {
        let one = |it: &TensorMetadata| (it.name.clone(), datatype::name(it.element_type), it.shape.clone());
        tensors.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(flat(&metadata.inputs), [("a".into(), "FP64", vec![-1]), ("s".into(), "BYTES", vec![-1])]);
    assert_eq!(flat(&metadata.outputs), [("output0".into(), "FP32", vec![-1, 3])]);
}

#[test]
fn a_shape_of_negative_sizes_is_refused() {
    assert_eq!(shape("x", [1, 4]), Ok(vec![1, 4]));
    assert!(shape("x", [-1, 4]).is_err());
    assert!(shape("x", [1 << 32]).is_err());
}
