//! The Open Inference Protocol: bodies of JSON, with binary tensors behind it, and flat ones as `generate` takes them; and any
//! reply as its answer, whose binary tensors are read back as they were.

use arbitrary::Unstructured;
use mlhost_wire::dialect::v2::rest::{self, Envelope};
use mlhost_wire::dialect::v2::{ModelVersion, datatype, raw};
use mlhost_wire::dialect::{Decoded, Interface};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::{Output, Reply};

use super::interfaces::interface;
use super::mlflow::{check, echoed, is_json};

const MODEL: ModelVersion<'static> = ModelVersion { name: "m", version: "1" };

/// A body of JSON alone, read as a request and as a flat object.
pub(crate) fn json(data: &[u8]) {
    let Some((&selector, body)) = data.split_first() else { return };
    let interface = interface(selector);
    outcome(rest::decode(body, None, &interface), &interface);
    match rest::decode_flat(body, &interface) {
        Ok(decoded) => check(&decoded.call),
        Err(fault) => refused(&fault),
    }
}

/// JSON of as many bytes as the second and third byte say, and tensors behind it; 0 is a body without JSON.
pub(crate) fn binary(data: &[u8]) {
    let [selector, low, high, body @ ..] = data else { return };
    let interface = interface(*selector);
    let length = u16::from_le_bytes([*low, *high]).to_string();
    outcome(rest::decode(body, Some(&length), &interface), &interface);
}

/// A binary tensor of any type and shape; what is read is written as the same bytes.
pub(crate) fn tensor(data: &[u8]) {
    let [kind, rank, rest @ ..] = data else { return };
    let (_, element_type) = datatype::ALL[usize::from(*kind) % datatype::ALL.len()];
    let mut bytes = Unstructured::new(rest);
    let shape: arbitrary::Result<Vec<u32>> = (0..rank % 6)
        .map(|_| bytes.int_in_range(0..=7).map(|size: u32| if size == 7 { u32::MAX } else { size }))
        .collect();
    let Ok(shape) = shape else { return };
    let body = bytes.take_rest();
    match raw::decode("x", element_type, &shape, body) {
        Ok(elements) => {
            let mut written = Vec::new();
            raw::encode(&elements, &mut written);
            assert_eq!(raw::encoded_len(&elements), written.len());
            assert_eq!(written, body, "{elements:?}");
        }
        Err(fault) => refused(&fault),
    }
}

fn outcome(decoded: Result<Decoded<Envelope>, Fault>, interface: &Interface) {
    match decoded {
        Ok(Decoded { call, envelope }) => {
            check(&call);
            // What came in goes out again.
            answered(echoed(call.input), envelope, interface);
        }
        Err(fault) => refused(&fault),
    }
}

/// Writes a reply. Its JSON is as long as its header says, where it has binary tensors.
pub(crate) fn answered(output: Output, envelope: Envelope, interface: &Interface) {
    match rest::encode(Reply { output }, envelope, MODEL, interface) {
        Ok(answer) => {
            let header = answer.headers.iter().find(|(name, _)| *name == rest::HEADER_LENGTH);
            let length = header.map(|(_, length)| length.parse::<usize>().expect("a length"));
            let json = &answer.body[..length.unwrap_or(answer.body.len())];
            is_json(json);
        }
        // What is asked of outputs is the client's to say, and what they are the guest's.
        Err(fault) => {
            assert!(matches!(fault.kind, FaultKind::BadInput | FaultKind::GuestTrapped), "{fault:?}");
        }
    }
}

fn refused(fault: &Fault) {
    assert_eq!(fault.kind, FaultKind::BadInput, "{fault:?}");
    assert!(!fault.public.is_empty(), "{fault:?}");
    is_json(&rest::refuse(fault).body);
}
