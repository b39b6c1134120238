//! Casting and reshaping without a graph; a real graph behind the pass-through is tested end to end.

use mlhost_wire::values::{Elements, Packed};

use super::*;

fn column(name: &str, data: ColumnData) -> Column {
    Column { name: name.into(), data, validity: None }
}

fn port(element_type: ElementType, rank: usize) -> Port {
    Port { name: "input".into(), element_type, shape: vec![None; rank] }
}

#[test]
fn columns_become_one_tensor_row_by_row() {
    let a = column("a", ColumnData::F64(vec![1.0, 2.0]));
    let b = column("b", ColumnData::S64(vec![10, 20]));
    let tensor = stack(&port(ElementType::F32, 2), &[&a, &b], 2).unwrap();
    assert_eq!(tensor.tensor.shape, [2, 2]);
    assert_eq!(tensor.tensor.elements, Elements::F32(vec![1.0, 10.0, 2.0, 20.0]));
}

#[test]
fn a_port_with_one_axis_gets_a_column_without_a_second() {
    let a = column("a", ColumnData::S32(vec![1, 2]));
    assert_eq!(stack(&port(ElementType::S64, 1), &[&a], 2).unwrap().tensor.shape, [2]);
    assert_eq!(stack(&port(ElementType::S64, 2), &[&a], 2).unwrap().tensor.shape, [2, 1]);
}

#[test]
fn a_number_that_would_become_another_is_refused_with_its_place() {
    let a = column("a", ColumnData::F64(vec![1.0, 1.5]));
    let error = stack(&port(ElementType::S64, 2), &[&a], 2).unwrap_err().to_string();
    assert_eq!(error, "row 1 of column `a` (double) cannot be cast to int64 for the graph's input `input`");
    let b = column("b", ColumnData::S64(vec![300]));
    assert!(stack(&port(ElementType::U8, 2), &[&b], 1).is_err());
    let c = column("c", ColumnData::Text(["x"].iter().collect()));
    assert!(stack(&port(ElementType::F32, 2), &[&c], 1).is_err());
}

#[test]
fn a_missing_float_is_nan_and_a_missing_text_is_refused() {
    let mut number = column("n", ColumnData::F64(vec![f64::NAN]));
    number.validity = Some(vec![0]);
    assert!(stack(&port(ElementType::F32, 2), &[&number], 1).is_ok());
    let mut text = column("t", ColumnData::Text(Packed { offsets: vec![0, 0], data: vec![] }));
    text.validity = Some(vec![0]);
    let error = stack(&port(ElementType::Text, 2), &[&text], 1).unwrap_err().to_string();
    assert_eq!(error, "row 0 of column `t` has no value");
}

#[test]
fn a_classifiers_two_outputs_become_one_table() {
    let tensor = |name: &str, shape: &[u32], elements| NamedTensor {
        name: name.into(),
        tensor: Tensor { shape: shape.to_vec(), elements },
    };
    let outputs = vec![
        tensor("label", &[2], Elements::S64(vec![0, 2])),
        tensor("probabilities", &[2, 2], Elements::F32(vec![0.25, 0.75, 1.0, 0.0])),
    ];
    let Output::Table(table) = rows::table_of(outputs.clone(), 2) else { panic!("a table was expected") };
    assert_eq!(table.columns[0].data, ColumnData::S64(vec![0, 2]));
    let lists: Packed = ["[0.25, 0.75]", "[1.0, 0.0]"].iter().collect();
    assert_eq!(table.columns[1].data, ColumnData::Json(lists));
    assert_eq!(rows::table_of(outputs.clone(), 3), Output::Tensors(outputs));
}

#[test]
fn outputs_of_one_length_are_flattened_as_mlflow_does() {
    let tensor = |name: &str, shape: &[u32], elements| NamedTensor {
        name: name.into(),
        tensor: Tensor { shape: shape.to_vec(), elements },
    };
    let softmax = vec![tensor("p", &[2, 2], Elements::F32(vec![0.25, 0.75, 1.0, 0.0]))];
    let Output::Table(table) = rows::table_of(softmax, 2) else { panic!("a table was expected") };
    assert_eq!(table.rows, 4);
    assert_eq!(table.columns[0].data, ColumnData::F32(vec![0.25, 0.75, 1.0, 0.0]));
    let counts = vec![tensor("n", &[1, 1, 2], Elements::U64(vec![u64::MAX, 0]))];
    let Output::Table(table) = rows::table_of(counts, 1) else { panic!("a table was expected") };
    assert_eq!(table.columns[0].data, ColumnData::Json(["18446744073709551615", "0"].iter().collect()));
    let nothing =
        vec![tensor("label", &[0], Elements::S64(vec![])), tensor("p", &[0, 3], Elements::F32(vec![]))];
    let Output::Table(table) = rows::table_of(nothing, 0) else { panic!("a table was expected") };
    assert_eq!((table.rows, table.columns.len()), (0, 2));
}

#[test]
fn maps_become_objects_and_their_keys_no_column() {
    let tensor = |name: &str, shape: &[u32], elements| NamedTensor {
        name: name.into(),
        tensor: Tensor { shape: shape.to_vec(), elements },
    };
    let outputs = |keys| {
        vec![
            tensor("label", &[2], Elements::S64(vec![0, 2])),
            tensor("p", &[2, 2], Elements::F32(vec![0.25, 0.75, 1.0, 0.0])),
            tensor("p.keys", &[2], keys),
        ]
    };
    for (keys, first) in [
        (Elements::S64(vec![0, 7]), r#"{"0": 0.25, "7": 0.75}"#),
        (Elements::Text(["a\"", "b"].iter().collect()), r#"{"a\"": 0.25, "b": 0.75}"#),
    ] {
        let Output::Table(table) = rows::table_of(outputs(keys), 2) else { panic!("a table was expected") };
        let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["label", "p"]);
        let ColumnData::Json(objects) = &table.columns[1].data else { panic!("objects were expected") };
        assert_eq!(objects.get(0), Some(first.as_bytes()));
    }
}
