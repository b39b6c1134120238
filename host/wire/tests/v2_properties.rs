//! What holds for every V2 body, whoever made it: it becomes a consistent call or is refused, and tensors come back as they were.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod signatures;

use mlhost_wire::dialect::v2::rest::{self, Envelope, HEADER_LENGTH};
use mlhost_wire::dialect::v2::{ModelVersion, datatype, raw};
use mlhost_wire::dialect::{Answer, Decoded, Interface};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::{Call, Elements, Input, NamedTensor, Output, Reply, Tensor};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::signatures::interfaces;

const MODEL: ModelVersion<'static> = ModelVersion { name: "m", version: "1" };

fn check(outcome: Result<Call, Fault>) -> Result<(), TestCaseError> {
    match outcome {
        Ok(Call { input: Input::Table(table), .. }) => prop_assert!(table.check().is_ok(), "{table:?}"),
        Ok(Call { input: Input::Tensors(tensors), .. }) => {
            for named in tensors {
                prop_assert!(named.tensor.check(&named.name).is_ok(), "{named:?}");
            }
        }
        Ok(Call { input: Input::Blob(_), .. }) => {}
        Err(fault) => {
            prop_assert_eq!(fault.kind, FaultKind::BadInput);
            prop_assert!(!fault.public.is_empty());
            prop_assert!(serde_json::from_slice::<Json>(&rest::refuse(&fault).body).is_ok());
        }
    }
    Ok(())
}

/// Decodes for every interface, as it is and as a flat object.
fn decode_everywhere(body: &[u8], header_length: Option<&str>) -> Result<(), TestCaseError> {
    for interface in interfaces(&["image/*"]) {
        check(rest::decode(body, header_length, &interface).map(|decoded| decoded.call))?;
        check(rest::decode_flat(body, &interface).map(|decoded| decoded.call))?;
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
        Just(json!("[1, 2]")),
        Just(json!({"x": 1})),
    ]
}

fn name() -> impl Strategy<Value = Json> {
    prop::sample::select(vec!["a", "b", "c", "x", "0", "1", "a.valid", "b.valid", ""]).prop_map(Json::from)
}

fn datatypes() -> impl Strategy<Value = Json> {
    prop::sample::select(datatype::ALL.map(|(name, _)| name).to_vec()).prop_map(Json::from)
}

fn data() -> impl Strategy<Value = Json> {
    prop_oneof![
        prop::collection::vec(scalar(), 0..5).prop_map(Json::from),
        prop::collection::vec(prop::collection::vec(scalar(), 0..3), 0..3).prop_map(|rows| json!(rows)),
        prop::collection::vec(-2i64..300, 0..5).prop_map(|values| json!(values)),
        prop::collection::vec("[ab]{0,2}", 0..5).prop_map(|values| json!(values)),
    ]
}

fn input() -> impl Strategy<Value = Json> {
    let shape = prop::collection::vec(-1i64..4, 0..3);
    let size = prop::option::weighted(0.3, -1i64..20);
    let media = prop::option::weighted(0.2, prop::sample::select(vec!["base64", "image/png"]));
    (name(), shape, datatypes(), prop::option::weighted(0.8, data()), size, media).prop_map(
        |(name, shape, datatype, data, size, media)| {
            let mut input = json!({"name": name, "shape": shape, "datatype": datatype});
            // Mostly a shape that fits.
            if let Some(data) = data {
                if shape.first().is_none_or(|size| *size != 3) {
                    input["shape"] = json!([data.as_array().map_or(1, Vec::len)]);
                }
                input["data"] = data;
            }
            if let Some(size) = size {
                input["parameters"]["binary_data_size"] = json!(size);
            }
            if let Some(media) = media {
                input["parameters"][if media == "base64" { "content_type" } else { "media_type" }] =
                    json!(media);
            }
            input
        },
    )
}

fn body() -> impl Strategy<Value = Json> {
    let outputs = prop::option::weighted(0.3, prop::collection::vec(name(), 0..3));
    let parameters = prop::option::weighted(
        0.3,
        prop::collection::vec(
            (prop::sample::select(vec!["p", "binary_data_output", "sequence_id", "q"]), scalar()),
            0..3,
        ),
    );
    (prop::collection::vec(input(), 0..4), outputs, parameters).prop_map(|(inputs, outputs, parameters)| {
        let mut body = json!({"inputs": inputs});
        if let Some(outputs) = outputs {
            body["outputs"] = outputs.into_iter().map(|name| json!({"name": name})).collect();
        }
        if let Some(parameters) = parameters {
            for (name, value) in parameters {
                body["parameters"][name] = value;
            }
        }
        body
    })
}

/// Any elements, with as many as `shape` wants.
fn tensor() -> impl Strategy<Value = Tensor> {
    let kinds = prop::sample::select(datatype::ALL.map(|(_, element_type)| element_type).to_vec());
    (prop::collection::vec(0u32..4, 0..3), kinds).prop_flat_map(|(shape, element_type)| {
        let count = shape.iter().product::<u32>() as usize;
        let texts = prop::collection::vec("[a\u{e9}\\\\\"\\x00]{0,3}", count);
        let bytes = prop::collection::vec(any::<u8>(), count * datatype::size(element_type).unwrap_or(0));
        (bytes, texts).prop_map(move |(mut bytes, texts)| {
            let elements = match datatype::size(element_type) {
                None => Elements::Text(texts.iter().collect()),
                Some(_) => {
                    if element_type == mlhost_wire::values::ElementType::Boolean {
                        bytes.iter_mut().for_each(|byte| *byte &= 1);
                    }
                    raw::decode("", element_type, &shape, &bytes).unwrap()
                }
            };
            Tensor { shape: shape.clone(), elements }
        })
    })
}

fn named(tensors: Vec<Tensor>) -> Vec<NamedTensor> {
    let name = |(position, tensor)| NamedTensor { name: format!("t{position}"), tensor };
    tensors.into_iter().enumerate().map(name).collect()
}

/// The tensors as bits, so that NaN is equal to itself.
fn bits(tensors: &[NamedTensor]) -> Vec<(String, Vec<u32>, &'static str, Vec<u8>)> {
    let one = |named: &NamedTensor| {
        let mut bytes = Vec::new();
        raw::encode(&named.tensor.elements, &mut bytes);
        let datatype = datatype::name(named.tensor.elements.element_type());
        (named.name.clone(), named.tensor.shape.clone(), datatype, bytes)
    };
    tensors.iter().map(one).collect()
}

/// An answer's body, which reads as a request's once `outputs` are `inputs`.
fn asked_again(answer: &Answer) -> (Vec<u8>, Option<String>) {
    let length = answer.headers.iter().find(|(name, _)| *name == HEADER_LENGTH);
    let at = length.map_or(answer.body.len(), |(_, length)| length.parse().unwrap());
    let mut json: Json = serde_json::from_slice(&answer.body[..at]).unwrap();
    json["inputs"] = json["outputs"].take();
    json.as_object_mut().unwrap().remove("outputs");
    let mut body = json.to_string().into_bytes();
    let header = length.map(|_| body.len().to_string());
    body.extend_from_slice(&answer.body[at..]);
    (body, header)
}

proptest! {
    #[test]
    fn arbitrary_bytes_and_headers_never_panic(
        body in prop::collection::vec(any::<u8>(), 0..64),
        length in prop::option::of(prop_oneof!["[-0-9 a]{0,22}", (0usize..64).prop_map(|it| it.to_string())]),
    ) {
        decode_everywhere(&body, length.as_deref())?;
    }

    #[test]
    fn whatever_looks_like_a_request_is_decoded_consistently_or_refused(
        body in body(),
        tail in prop::collection::vec(0u8..3, 0..24),
    ) {
        let mut bytes = body.to_string().into_bytes();
        decode_everywhere(&bytes, None)?;
        let length = bytes.len().to_string();
        bytes.extend_from_slice(&tail);
        decode_everywhere(&bytes, Some(&length))?;
        decode_everywhere(&bytes, Some("0"))?;
    }

    #[test]
    fn a_damaged_request_is_decoded_consistently_or_refused(
        body in body(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = body.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        decode_everywhere(&bytes, None)?;
        bytes.truncate(cut.index(bytes.len()));
        decode_everywhere(&bytes, None)?;
    }

    #[test]
    fn binary_tensors_come_back_bit_by_bit(tensors in prop::collection::vec(tensor(), 0..4)) {
        let tensors = named(tensors);
        let wanted = bits(&tensors);
        let reply = Reply { output: Output::Tensors(tensors) };
        let answer = rest::encode(reply, Envelope { binary: true, ..Envelope::default() }, MODEL, &Interface::default());
        let (body, header) = asked_again(&answer.unwrap());
        let Decoded { call, .. } = rest::decode(&body, header.as_deref(), &Interface::default()).unwrap();
        let Input::Tensors(found) = call.input else { panic!("no tensors") };
        prop_assert_eq!(bits(&found), wanted);
    }

    #[test]
    fn tensors_of_finite_numbers_come_back_from_json_as_they_were(tensor in tensor()) {
        let finite = match &tensor.elements {
            Elements::F32(values) => values.iter().all(|value| value.is_finite()),
            Elements::F64(values) => values.iter().all(|value| value.is_finite()),
            Elements::F16(values) => values.iter().all(|bits| bits & 0x7c00 != 0x7c00),
            Elements::Bf16(values) => values.iter().all(|bits| bits & 0x7f80 != 0x7f80),
            _ => true,
        };
        prop_assume!(finite);
        let tensors = named(vec![tensor]);
        let wanted = bits(&tensors);
        let reply = Reply { output: Output::Tensors(tensors) };
        let answer = rest::encode(reply, Envelope::default(), MODEL, &Interface::default()).unwrap();
        let (body, header) = asked_again(&answer);
        let Decoded { call, .. } = rest::decode(&body, header.as_deref(), &Interface::default()).unwrap();
        let Input::Tensors(found) = call.input else { panic!("no tensors") };
        prop_assert_eq!(bits(&found), wanted);
    }
}
