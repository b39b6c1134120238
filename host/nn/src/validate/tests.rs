//! Validation, without ONNX Runtime.

use mlhost_wire::values::{ElementType, Elements, Inconsistent, Packed};

use super::*;

fn port(name: &str, element_type: ElementType, shape: &[Option<u32>]) -> Port {
    Port { name: name.to_owned(), element_type, shape: shape.to_vec() }
}

/// `input`: float32 of shape (-1, 4).
fn iris() -> GraphInfo {
    GraphInfo {
        inputs: vec![port("input", ElementType::F32, &[None, Some(4)])],
        outputs: vec![
            port("label", ElementType::S64, &[None]),
            port("scores", ElementType::F32, &[None, None]),
        ],
    }
}

/// `sex`: text, `age`: float32, both of shape (-1, 1).
fn people() -> GraphInfo {
    let shape = [None, Some(1)];
    GraphInfo {
        inputs: vec![port("sex", ElementType::Text, &shape), port("age", ElementType::F32, &shape)],
        outputs: vec![],
    }
}

fn f32s(name: &str, shape: &[u32], count: usize) -> NamedTensor {
    let tensor = Tensor { shape: shape.to_vec(), elements: Elements::F32(vec![1.0; count]) };
    NamedTensor { name: name.to_owned(), tensor }
}

fn f64s(name: &str, shape: &[u32], count: usize) -> NamedTensor {
    let tensor = Tensor { shape: shape.to_vec(), elements: Elements::F64(vec![1.0; count]) };
    NamedTensor { name: name.to_owned(), tensor }
}

fn texts(name: &str, texts: &[&[u8]]) -> NamedTensor {
    let shape = vec![u32::try_from(texts.len()).unwrap(), 1];
    NamedTensor {
        name: name.to_owned(),
        tensor: Tensor { shape, elements: Elements::Text(texts.iter().collect()) },
    }
}

#[test]
fn tensors_come_back_in_the_graphs_order() {
    let given = vec![f32s("age", &[2, 1], 2), texts("sex", &[b"male", b"female"])];
    let bound = bind(&people(), given, 100).unwrap();
    let types: Vec<_> = bound.iter().map(|tensor| tensor.elements.element_type()).collect();
    assert_eq!(types, [ElementType::Text, ElementType::F32]);
}

#[test]
fn an_unnamed_tensor_belongs_to_the_only_input() {
    assert!(bind(&iris(), vec![f32s("", &[3, 4], 12)], 100).is_ok());
    assert!(matches!(
        bind(&people(), vec![f32s("", &[1, 1], 1)], 100),
        Err(NnError::InputNotFound { input, .. }) if input.is_empty()
    ));
}

#[test]
fn a_free_axis_takes_any_size_and_none_at_all() {
    for rows in [0, 1, 7] {
        assert!(bind(&iris(), vec![f32s("input", &[rows, 4], rows as usize * 4)], 100).is_ok(), "{rows}");
    }
}

#[test]
fn an_input_without_a_shape_takes_every_shape() {
    let info = GraphInfo { inputs: vec![port("x", ElementType::F32, &[])], outputs: vec![] };
    for shape in [&[][..], &[1], &[1, 1, 1]] {
        assert!(bind(&info, vec![f32s("x", shape, 1)], 100).is_ok(), "{shape:?}");
    }
}

#[test]
fn every_refusal_says_what_was_expected_and_what_was_found() {
    let broken = Packed { offsets: vec![0, 9], data: b"x".to_vec() };
    let broken = Tensor { shape: vec![1, 1], elements: Elements::Text(broken) };
    let refusals = [
        (iris(), vec![], "input `input` is missing; it takes float32 of shape (-1, 4)"),
        (
            iris(),
            vec![f64s("input", &[1, 3], 3)],
            "input `input` takes float32 of shape (-1, 4), found float64 of shape (1, 3)",
        ),
        (
            iris(),
            vec![f32s("input", &[1, 3], 3)],
            "input `input` takes float32 of shape (-1, 4), found float32 of shape (1, 3)",
        ),
        (
            iris(),
            vec![f32s("input", &[4], 4)],
            "input `input` takes float32 of shape (-1, 4), found float32 of shape (4,)",
        ),
        (iris(), vec![f32s("x", &[1, 4], 4)], "there is no input `x`; the inputs are `input`"),
        (people(), vec![f32s("", &[1, 1], 1)], "there is no input ``; the inputs are `sex`, `age`"),
        (
            iris(),
            vec![f32s("input", &[1, 4], 4), f32s("", &[1, 4], 4)],
            "`input` is named twice; name each input and output once",
        ),
        (iris(), vec![f32s("input", &[2, 4], 4)], "tensor `input` has 4 elements, its shape [2, 4] wants 8"),
        (
            people(),
            vec![NamedTensor { name: "sex".into(), tensor: broken }, f32s("age", &[1, 1], 1)],
            "the packed offsets of `sex` do not ascend from 0 to 1",
        ),
        (people(), vec![texts("sex", &[b"\xff"]), f32s("age", &[1, 1], 1)], "value 0 of `sex` is not UTF-8"),
        (
            iris(),
            vec![f32s("input", &[26, 4], 104)],
            "the inputs have 104 elements, at most 100 are allowed; send fewer rows",
        ),
    ];
    for (info, given, message) in refusals {
        assert_eq!(bind(&info, given, 100).unwrap_err().to_string(), message);
    }
}

#[test]
fn elements_are_counted_over_all_inputs() {
    let given = || vec![texts("sex", &[b"a", b"b", b"c"]), f32s("age", &[3, 1], 3)];
    assert!(bind(&people(), given(), 6).is_ok());
    assert_eq!(bind(&people(), given(), 5), Err(NnError::TooLarge { found: 6, limit: 5 }));
}

#[test]
fn a_huge_shape_without_elements_is_too_large() {
    let info = GraphInfo { inputs: vec![port("x", ElementType::F32, &[None, None, None])], outputs: vec![] };
    let given = vec![f32s("x", &[u32::MAX, u32::MAX, 0], 0)];
    assert!(matches!(bind(&info, given, 1 << 24), Err(NnError::TooLarge { .. })));
    let overflowing = vec![f32s("x", &[u32::MAX, u32::MAX, u32::MAX], 0)];
    assert!(matches!(
        bind(&info, overflowing, u64::MAX),
        Err(NnError::Inconsistent(Inconsistent::Elements { .. }))
    ));
}

#[test]
fn outputs_come_in_the_order_asked_for() {
    let asked = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        select(&iris(), &names).map_err(|error| error.to_string())
    };
    assert_eq!(asked(&[]), Ok(vec![0, 1]));
    assert_eq!(asked(&["scores", "label"]), Ok(vec![1, 0]));
    assert_eq!(asked(&["scores"]), Ok(vec![1]));
    assert_eq!(
        asked(&["probabilities"]),
        Err("there is no output `probabilities`; the outputs are `label`, `scores`".to_owned())
    );
    assert_eq!(
        asked(&["label", "label"]),
        Err("`label` is named twice; name each input and output once".to_owned())
    );
}
