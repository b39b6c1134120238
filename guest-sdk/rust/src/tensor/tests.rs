//! Every constructor and view of a tensor, shape checks, and access by name.

use super::*;

#[test]
fn every_element_type_is_made_viewed_and_taken() {
    macro_rules! round_trips {
        ($($new:ident, $view:ident, $take:ident, $variant:ident, $values:expr, $name:literal;)*) => {$(
            let tensor = Tensor::$new([2], $values).unwrap();
            assert_eq!(tensor.$view().unwrap(), $values);
            assert_eq!(tensor.element_type(), ElementType::$variant);
            assert_eq!(tensor.element_type().to_string(), $name);
            assert_eq!(tensor.elements().len(), 2);
            assert_eq!(tensor.$take().unwrap(), $values);
            let text = Tensor::text([1], ["x"]).unwrap();
            let message = concat!("the tensor is of type str, not ", $name);
            assert_eq!(text.$view(), Err(Error::failed(message)));
            assert_eq!(text.$take(), Err(Error::failed(message)));
        )*};
    }
    round_trips! {
        boolean, as_boolean, into_boolean, Boolean, [0, 1], "bool";
        bf16, as_bf16, into_bf16, Bf16, [0, 0x3f80], "bfloat16";
        f16, as_f16, into_f16, F16, [0, 0x3c00], "float16";
        f32, as_f32, into_f32, F32, [0.5, -1.0], "float32";
        f64, as_f64, into_f64, F64, [0.5, -1.0], "float64";
        s8, as_s8, into_s8, S8, [-1, 1], "int8";
        s16, as_s16, into_s16, S16, [-1, 1], "int16";
        s32, as_s32, into_s32, S32, [-1, 1], "int32";
        s64, as_s64, into_s64, S64, [-1, 1], "int64";
        u8, as_u8, into_u8, U8, [0, 255], "uint8";
        u16, as_u16, into_u16, U16, [0, 1], "uint16";
        u32, as_u32, into_u32, U32, [0, 1], "uint32";
        u64, as_u64, into_u64, U64, [0, 1], "uint64";
    }
}

#[test]
fn text_is_read_back_and_broken_text_fails() {
    let tensor = Tensor::text([2, 1], vec!["a".to_owned(), "ä".to_owned()]).unwrap();
    assert_eq!(tensor.as_text().unwrap(), ["a", "ä"]);
    assert_eq!(tensor.element_type().to_string(), "str");
    let broken = Tensor::new([1], Elements::Text([[0xff]].iter().collect())).unwrap();
    assert!(!broken.as_text().unwrap_err().is_rejected());
    assert!(Tensor::f32([1], [1.0]).unwrap().as_text().is_err());
}

#[test]
fn a_shape_that_the_elements_do_not_fill_fails() {
    for (shape, elements) in [
        (&[2, 2][..], 3),
        (&[][..], 0),
        (&[usize::MAX, 2][..], 2),
        (&[0, 3][..], 1),
        (&[1][..], 0),
        (&[3, 0, usize::MAX][..], 0),
    ] {
        let made = Tensor::f32(shape, vec![0.0; elements]);
        let message = format!("{elements} elements do not fill a tensor of shape {shape:?}");
        assert_eq!(made, Err(Error::failed(message)));
    }
    for (shape, elements) in [(&[][..], 1), (&[0, 3][..], 0), (&[2, 1, 3][..], 6)] {
        assert_eq!(Tensor::f32(shape, vec![0.0; elements]).unwrap().shape(), shape);
    }
}

#[test]
fn named_tensors_are_found_taken_and_missed_by_name() {
    let scalar = |value: f32| Tensor::f32([], [value]).unwrap();
    let mut tensors: Tensors = [("a", scalar(1.0)), ("b", scalar(2.0))].into_iter().collect();
    assert_eq!((tensors.len(), tensors.is_empty()), (2, false));
    assert_eq!(tensors.get("b").unwrap(), &scalar(2.0));
    assert_eq!(tensors.get("c"), Err(Error::failed("tensor `c` is missing, there are `a`, `b`")));
    assert_eq!(tensors.take("a").unwrap(), scalar(1.0));
    assert_eq!(tensors.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b"]);
    assert_eq!(tensors.into_iter().next(), Some(("b".to_owned(), scalar(2.0))));
}

#[test]
fn only_a_set_of_one_has_a_single_tensor() {
    let scalar = Tensor::f32([], [1.0]).unwrap();
    assert_eq!(Tensors::from(scalar.clone()).into_single(), Ok(scalar.clone()));
    let two = Tensors::from([("a", scalar.clone()), ("b", scalar)]);
    assert_eq!(two.into_single(), Err(Error::failed("there must be one tensor, not 2")));
    assert_eq!(Tensors::default().into_single(), Err(Error::failed("there must be one tensor, not 0")));
}
