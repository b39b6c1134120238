//! Every element type through ONNX Runtime and back, bit for bit, and the types that are refused.

mod support;

use mlhost_nn::NnError;
use mlhost_wire::values::{ElementType, Elements, NamedTensor, Tensor};

use support::onnx::{graph, identity, initializer, input, model, node, output, zip_map};
use support::{made, named, request, text};

// `TensorProto.DataType` of `onnx.proto`.
const FLOAT: u64 = 1;
const BOOL: u64 = 9;
const FLOAT8E4M3FN: u64 = 17;

/// Two rows of two, with each type's extremes, and its number in `onnx.proto`.
fn samples() -> Vec<(u64, Elements)> {
    vec![
        (FLOAT, Elements::F32(vec![f32::MIN, -0.0, f32::INFINITY, 1e-45])),
        (2, Elements::U8(vec![0, 1, 128, u8::MAX])),
        (3, Elements::S8(vec![i8::MIN, -1, 0, i8::MAX])),
        (4, Elements::U16(vec![0, 1, 1 << 15, u16::MAX])),
        (5, Elements::S16(vec![i16::MIN, -1, 0, i16::MAX])),
        (6, Elements::S32(vec![i32::MIN, -1, 0, i32::MAX])),
        (7, Elements::S64(vec![i64::MIN, -1, 0, i64::MAX])),
        (8, text(&["", "a\0b", "äöü", "a text longer than what is kept in place"])),
        (BOOL, Elements::Boolean(vec![0, 1, 1, 0])),
        (10, Elements::F16(vec![0x0001, 0x3c00, 0x7c00, 0xfbff])),
        (11, Elements::F64(vec![f64::MIN, -0.0, f64::INFINITY, 5e-324])),
        (12, Elements::U32(vec![0, 1, 1 << 31, u32::MAX])),
        (13, Elements::U64(vec![0, 1, 1 << 63, u64::MAX])),
        (16, Elements::Bf16(vec![0x0001, 0x3f80, 0x7f80, 0xff7f])),
    ]
}

#[tokio::test]
async fn every_element_type_survives_the_way_through() {
    let mut seen = Vec::new();
    for (number, elements) in samples() {
        let element_type = elements.element_type();
        let graph = made(&identity(number)).unwrap_or_else(|error| panic!("{element_type}: {error}"));
        let ports = [&graph.info().inputs[0], &graph.info().outputs[0]];
        for port in ports {
            assert_eq!((port.element_type, port.shape.as_slice()), (element_type, &[None, Some(2)][..]));
        }
        let given = named("input", &[2, 2], elements.clone());
        let answer = graph.compute(request(vec![given], &[])).await;
        assert_eq!(answer, Ok(vec![named("output", &[2, 2], elements)]), "{element_type}");
        let empty = empty(element_type);
        let given = NamedTensor { name: String::new(), tensor: empty.clone() };
        let answer = graph.compute(request(vec![given], &[])).await;
        let expected = NamedTensor { name: "output".into(), tensor: empty };
        assert_eq!(answer, Ok(vec![expected]), "no {element_type}");
        seen.push(element_type);
    }
    seen.sort_by_key(|element_type| element_type.numpy_name());
    seen.dedup();
    assert_eq!(seen.len(), 14, "a type without a sample");
}

/// Exhaustive, so that a new element type cannot be forgotten above.
fn empty(element_type: ElementType) -> Tensor {
    let elements = match element_type {
        ElementType::Boolean => Elements::Boolean(vec![]),
        ElementType::Bf16 => Elements::Bf16(vec![]),
        ElementType::F16 => Elements::F16(vec![]),
        ElementType::F32 => Elements::F32(vec![]),
        ElementType::F64 => Elements::F64(vec![]),
        ElementType::S8 => Elements::S8(vec![]),
        ElementType::S16 => Elements::S16(vec![]),
        ElementType::S32 => Elements::S32(vec![]),
        ElementType::S64 => Elements::S64(vec![]),
        ElementType::U8 => Elements::U8(vec![]),
        ElementType::U16 => Elements::U16(vec![]),
        ElementType::U32 => Elements::U32(vec![]),
        ElementType::U64 => Elements::U64(vec![]),
        ElementType::Text => text(&[]),
    };
    Tensor { shape: vec![0, 2], elements }
}

#[tokio::test]
async fn a_byte_that_is_neither_0_nor_1_is_true() {
    let graph = made(&identity(BOOL)).unwrap();
    let given = named("", &[1, 2], Elements::Boolean(vec![0, 255]));
    let found = graph.compute(request(vec![given], &[])).await;
    assert_eq!(found, Ok(vec![named("output", &[1, 2], Elements::Boolean(vec![0, 1]))]));
}

#[tokio::test]
async fn a_models_own_odd_booleans_come_out_as_0_and_1() {
    let constant = model(&graph(&[
        node("Identity", &["odd"], &["output"], None),
        initializer("odd", BOOL, &[3], &[0, 1, 7]),
        output("output", BOOL, &[Some(3)]),
    ]));
    let found = made(&constant).unwrap().compute(request(vec![], &[])).await;
    assert_eq!(found, Ok(vec![named("output", &[3], Elements::Boolean(vec![0, 1, 1]))]));
}

#[tokio::test]
async fn maps_with_texts_for_keys_are_a_matrix_and_its_keys() {
    let graph = made(&zip_map(&["red", "green", "blue"])).unwrap();
    let given = named("", &[2, 3], Elements::F32(vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6]));
    // ONNX Runtime's maps are sorted by key.
    let values = vec![0.3, 0.2, 0.1, 0.6, 0.5, 0.4];
    let expected = vec![
        named("maps", &[2, 3], Elements::F32(values)),
        named("maps.keys", &[3], text(&["blue", "green", "red"])),
    ];
    assert_eq!(graph.compute(request(vec![given], &[])).await, Ok(expected));
}

#[tokio::test]
async fn a_scalar_has_an_empty_shape() {
    let scalar = model(&graph(&[
        node("Identity", &["input"], &["output"], None),
        input("input", FLOAT, &[]),
        output("output", FLOAT, &[]),
    ]));
    let given = named("", &[], Elements::F32(vec![2.5]));
    let found = made(&scalar).unwrap().compute(request(vec![given], &[])).await;
    assert_eq!(found, Ok(vec![named("output", &[], Elements::F32(vec![2.5]))]));
}

#[test]
fn a_graph_with_an_element_type_that_wire_lacks_does_not_load() {
    let Err(NnError::Load { message, .. }) = made(&identity(FLOAT8E4M3FN)).map(|_| ()) else {
        panic!("it loaded");
    };
    assert_eq!(message, "input `input` is a Tensor<f8_e4m3fn>(n, 2), which mlhost cannot give");
}
