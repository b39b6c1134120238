//! Bodies to calls and replies to bodies: JSON, binary tensors, flat objects. Called by nobody but the tests.

use super::*;
use crate::dialect::Answer;
use crate::dialect::v2::{ModelVersion, response};
use crate::fault::FaultKind;
use crate::signature::{Schema, Signature, TensorSpec};
use crate::values::{Blob, Elements, Input, NamedTensor, Output, Reply, Tensor};

const MODEL: ModelVersion<'static> = ModelVersion { name: "m", version: "1" };

fn interface(element_type: ElementType, shape: &[Option<u32>]) -> Interface {
    let spec = TensorSpec { name: Some("x".into()), element_type, shape: shape.to_vec() };
    let signature = Signature { inputs: Some(Schema::Tensors(vec![spec])), ..Signature::default() };
    Interface { signature, ..Interface::default() }
}

fn tensors(decoded: Decoded<Envelope>) -> Vec<NamedTensor> {
    match decoded.call.input {
        Input::Tensors(tensors) => tensors,
        other => panic!("{other:?}"),
    }
}

fn read(datatype: &str, data: &str) -> Result<Elements, Fault> {
    let count = if data == "[]" { 0 } else { data.matches(',').count() + 1 };
    let body =
        format!(r#"{{"inputs":[{{"name":"x","shape":[{count}],"datatype":"{datatype}","data":{data}}}]}}"#);
    let decoded = decode(body.as_bytes(), None, &Interface::default())?;
    Ok(tensors(decoded).remove(0).tensor.elements)
}

#[test]
fn every_datatype_is_read_from_json() {
    for (datatype, data, expected) in [
        ("BOOL", "[true, false]", Elements::Boolean(vec![1, 0])),
        ("UINT8", "[0, 255]", Elements::U8(vec![0, 255])),
        ("UINT16", "[65535]", Elements::U16(vec![65535])),
        ("UINT32", "[4294967295]", Elements::U32(vec![u32::MAX])),
        ("UINT64", "[18446744073709551615]", Elements::U64(vec![u64::MAX])),
        ("INT8", "[-128, 127]", Elements::S8(vec![-128, 127])),
        ("INT16", "[-32768]", Elements::S16(vec![i16::MIN])),
        ("INT32", "[[2147483647], [-1]]", Elements::S32(vec![i32::MAX, -1])),
        ("INT64", "[9223372036854775807]", Elements::S64(vec![i64::MAX])),
        ("FP16", "[1.5, -2]", Elements::F16(vec![0x3e00, 0xc000])),
        ("BF16", "[1.5]", Elements::Bf16(vec![0x3fc0])),
        ("FP32", "[0.1, 1e-45, 1e39]", Elements::F32(vec![0.1, f32::from_bits(1), f32::INFINITY])),
        ("FP32", "[Infinity, -Infinity]", Elements::F32(vec![f32::INFINITY, f32::NEG_INFINITY])),
        ("FP64", "[0.1, 18446744073709551615]", Elements::F64(vec![0.1, 18_446_744_073_709_551_615.0])),
        ("BYTES", r#"["a", "\u00e9"]"#, Elements::Text(["a", "é"].iter().collect())),
        ("FP32", "[]", Elements::F32(vec![])),
    ] {
        assert_eq!(read(datatype, data).unwrap(), expected, "{datatype} {data}");
    }
    for nan in ["[NaN]", "[null]"] {
        let Elements::F32(values) = read("FP32", nan).unwrap() else { panic!("no floats") };
        assert!(values[0].is_nan());
    }
}

#[test]
fn what_is_no_value_of_its_datatype_is_refused_with_its_place() {
    for (datatype, data) in [
        ("BOOL", "[true, 1]"),
        ("BOOL", "[true, \"true\"]"),
        ("UINT8", "[0, 256]"),
        ("UINT8", "[0, -1]"),
        ("INT8", "[0, 128]"),
        ("INT32", "[0, 2147483648]"),
        ("INT32", "[0, 1.5]"),
        ("INT32", "[0, \"1\"]"),
        ("INT64", "[0, 9223372036854775808]"),
        ("INT64", "[0, null]"),
        ("FP32", "[0, \"a\"]"),
        ("FP32", "[0, true]"),
        ("FP16", "[0, {}]"),
        ("BYTES", "[\"\", 1]"),
        ("BYTES", "[\"\", Infinity]"),
    ] {
        let fault = read(datatype, data).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadInput);
        assert!(
            fault.public.contains("element 1") || data.contains("{}"),
            "{datatype} {data}: {}",
            fault.public
        );
        assert!(fault.public.contains("`x`"), "{}", fault.public);
    }
}

#[test]
fn bodies_that_are_no_request_are_refused() {
    let input = r#""name":"x","shape":[1],"datatype":"FP32""#;
    for (body, expected) in [
        (String::new(), "JSON"),
        ("not json".into(), "JSON"),
        ("[1]".into(), "an object"),
        (r#"["id", {}, [], []]"#.into(), "an object"),
        ("{}".into(), "missing field `inputs`"),
        (r#"{"inputs":[["x",[1],"FP32",null,[1]]]}"#.into(), "an object"),
        (format!(r#"{{"id":7,"inputs":[{{{input},"data":[1]}}]}}"#), "a string"),
        (format!(r#"{{"inputs":[{{{input}}}]}}"#), "neither"),
        (format!(r#"{{"inputs":[{{{input},"data":[1],"parameters":{{"binary_data_size":4}}}}]}}"#), "both"),
        (format!(r#"{{"inputs":[{{{input},"parameters":{{"binary_data_size":4}}}}]}}"#), "says where"),
        (
            format!(r#"{{"inputs":[{{{input},"parameters":{{"shared_memory_region":"r"}}}}]}}"#),
            "shared memory",
        ),
        (format!(r#"{{"inputs":[{{{input},"data":[1,2]}}]}}"#), "2 elements"),
        (format!(r#"{{"inputs":[{{{input},"data":[1]}}],"parameters":{{"a":[1]}}}}"#), "parameter"),
        (
            format!(r#"{{"inputs":[{{{input},"data":[1]}}],"parameters":{{"binary_data_output":1}}}}"#),
            "true or false",
        ),
        (r#"{"inputs":[{"name":"x","shape":[1],"datatype":"ZZ","data":[1]}]}"#.into(), "`ZZ`"),
        (r#"{"inputs":[{"name":"x","shape":[-1],"datatype":"FP32","data":[1]}]}"#.into(), "u32"),
        (
            format!(r#"{{"inputs":[{{{input},"data":{}1{}}}]}}"#, "[".repeat(500), "]".repeat(500)),
            "recursion",
        ),
    ] {
        let fault = decode(body.as_bytes(), None, &Interface::default()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadInput);
        assert!(fault.public.contains(expected), "{body}: {}", fault.public);
    }
    assert!(decode(b"\xff", None, &Interface::default()).is_err());
}

fn binary(json: &str, tail: &[u8]) -> (Vec<u8>, String) {
    ([json.as_bytes(), tail].concat(), json.len().to_string())
}

#[test]
fn binary_inputs_stand_behind_the_json_in_order() {
    let json = r#"{"inputs":[
        {"name":"a","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}},
        {"name":"j","shape":[1],"datatype":"INT8","data":[7]},
        {"name":"b","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":10}}]}"#;
    let (body, length) = binary(json, b"\0>\0\xc0\x02\0\0\0ab\0\0\0\0");
    let found = tensors(decode(&body, Some(&length), &Interface::default()).unwrap());
    let found: Vec<_> = found.into_iter().map(|it| (it.name, it.tensor.elements)).collect();
    assert_eq!(
        found,
        [
            ("a".to_owned(), Elements::F16(vec![0x3e00, 0xc000])),
            ("j".to_owned(), Elements::S8(vec![7])),
            ("b".to_owned(), Elements::Text(["ab", ""].iter().collect())),
        ]
    );
    let mut long = body.clone();
    long.push(0);
    for (body, length, expected) in [
        (&body[..body.len() - 1], length.as_str(), "9 are left"),
        (&long, &length, "1 bytes are left"),
        (&body, "99999", "the body has"),
        (&body, "-1", "the body has"),
        (&body, "x", "the body has"),
        (&body, "3", "JSON"),
        (&body, "99999999999999999999999", "the body has"),
    ] {
        let fault = decode(body, Some(length), &Interface::default()).unwrap_err();
        assert!(fault.public.contains(expected), "{length}: {}", fault.public);
    }
}

#[test]
fn a_body_without_json_is_the_only_input_and_its_answer_is_binary() {
    let decoded = decode(&[0; 32], Some("0"), &interface(ElementType::F32, &[None, Some(4)])).unwrap();
    assert!(decoded.envelope.binary);
    assert_eq!(tensors(decoded)[0].tensor.shape, [2, 4]);
    let decoded = decode(b"any \xc3\xa9", Some("0"), &interface(ElementType::Text, &[None])).unwrap();
    assert_eq!(tensors(decoded)[0].tensor.elements, Elements::Text(["any é"].iter().collect()));
    for (body, interface) in [
        (&[0; 12][..], interface(ElementType::F32, &[None, Some(4)])),
        (&[0; 15], interface(ElementType::F32, &[None, Some(4)])),
        (&[0; 16], interface(ElementType::F32, &[None, None])),
        (&[0; 16], interface(ElementType::F32, &[None, Some(0)])),
        (&[0; 16], Interface::default()),
    ] {
        assert_eq!(decode(body, Some("0"), &interface).unwrap_err().kind, FaultKind::BadInput);
    }
}

fn reply() -> Reply {
    let tensor = |name: &str, elements: Elements| NamedTensor {
        name: name.into(),
        tensor: Tensor { shape: vec![u32::try_from(elements.len()).unwrap()], elements },
    };
    Reply {
        output: Output::Tensors(vec![
            tensor("f", Elements::F32(vec![0.1, f32::NAN])),
            tensor("t", Elements::Text(["a\"", "é"].iter().collect())),
        ]),
    }
}

fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

#[test]
fn an_answer_is_json_and_binary_where_asked() {
    let answer = encode(reply(), Envelope::default(), MODEL, &Interface::default()).unwrap();
    assert_eq!(
        text(&answer),
        "{\"model_name\":\"m\",\"model_version\":\"1\",\"outputs\":[\
         {\"name\":\"f\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[0.1,null]},\
         {\"name\":\"t\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"a\\\"\",\"é\"]}]}"
    );
    let body =
        br#"{"id":"7","inputs":[],"outputs":[{"name":"t"},{"name":"f","parameters":{"binary_data":true}}]}"#;
    let envelope = decode(body, None, &Interface::default()).unwrap().envelope;
    let answer = encode(reply(), envelope, MODEL, &Interface::default()).unwrap();
    let length: usize = answer.headers[0].1.parse().unwrap();
    assert_eq!(answer.headers[0].0, HEADER_LENGTH);
    assert_eq!(answer.content_type.as_deref(), Some("application/octet-stream"));
    let (json, tail) = answer.body.split_at(length);
    let json: serde_json::Value = serde_json::from_slice(json).unwrap();
    assert_eq!((json["id"].as_str(), json["outputs"][0]["name"].as_str()), (Some("7"), Some("t")));
    assert_eq!(json["outputs"][1]["parameters"]["binary_data_size"], 8);
    assert_eq!(tail, [0.1f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat());
}

#[test]
fn bytes_that_are_no_text_are_base64_both_ways() {
    let body = br#"{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["/9g="],
        "parameters":{"content_type":"base64","media_type":"image/jpeg"}}]}"#;
    let interface = Interface { raw_media_types: vec!["image/jpeg".into()], ..Interface::default() };
    let decoded = decode(body, None, &interface).unwrap();
    let Input::Blob(blob) = decoded.call.input else { panic!("no bytes") };
    assert_eq!(blob, Blob { content_type: "image/jpeg".into(), data: vec![0xff, 0xd8] });
    let reply = Reply { output: Output::Blob(blob) };
    let answer = encode(reply, Envelope::default(), MODEL, &interface).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["outputs"][0]["data"][0], "/9g=");
    assert_eq!(json["outputs"][0]["parameters"]["content_type"], "base64");
    assert_eq!(json["outputs"][0]["parameters"]["media_type"], "image/jpeg");
}

#[test]
fn a_flat_object_is_inputs_and_parameters() {
    let decoded = decode_flat(
        br#"{"x": [1, 2, 3, 4], "k": 5, "id": "7"}"#,
        &interface(ElementType::F32, &[None, Some(4)]),
    )
    .unwrap();
    let Input::Tensors(found) = decoded.call.input else { panic!("no tensors") };
    assert_eq!(
        found[0].tensor,
        Tensor { shape: vec![1, 4], elements: Elements::F32(vec![1.0, 2.0, 3.0, 4.0]) }
    );
    assert_eq!(decoded.envelope.id.as_deref(), Some("7"));
    let nested =
        decode_flat(br#"{"x": [[1, 2], [3, 4]]}"#, &interface(ElementType::F32, &[None, Some(2)])).unwrap();
    let Input::Tensors(found) = nested.call.input else { panic!("no tensors") };
    assert_eq!(found[0].tensor.shape, [2, 2]);
    let free = decode_flat(br#"{"prompt": "a", "parameters": {"top_k": 1}}"#, &Interface::default()).unwrap();
    let Input::Tensors(found) = free.call.input else { panic!("no tensors") };
    assert_eq!((found[0].name.as_str(), &found[0].tensor.shape[..]), ("prompt", &[1][..]));
    for wrong in [&b"[]"[..], b"{", b"\xff", br#"{"x": [[1], [2, 3]]}"#, br#"{"x": "a"}"#, br#"{"y": [1]}"#] {
        let fault = decode_flat(wrong, &interface(ElementType::F32, &[None, Some(2)])).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadInput);
    }

    let wanted = Wanted { id: Some("7".into()), ..Wanted::default() };
    let answer = response(reply(), wanted, MODEL, &Interface::default()).unwrap();
    let flat: serde_json::Value = serde_json::from_slice(&encode_flat(&answer)).unwrap();
    assert_eq!(
        flat,
        serde_json::json!({"id": "7", "model_name": "m", "model_version": "1", "f": [0.1, null], "t": ["a\"", "é"]})
    );
}

#[test]
fn a_fault_is_an_object_with_its_text() {
    let answer = refuse(&Fault::new(FaultKind::NotFound, "no \"x\""));
    assert_eq!((answer.status, text(&answer)), (404, r#"{"error":"no \"x\""}"#));
}
