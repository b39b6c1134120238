//! From bytes to a message, once it is known that the message is not many times as large as they are.
//!
//! Called by `protocol::grpc`. An empty tensor takes two bytes on the wire and some hundreds in memory, an empty value of
//! `BYTES` two and thirty-two: what repeats without bound is counted before anything is made of it.

use bytes::Bytes;
use mlhost_proto::{Message, ModelInferRequest};
use mlhost_wire::fault::{Fault, FaultKind};

/// The most inputs, outputs, parameters and raw contents of a request, each.
const MOST_ENTRIES: u32 = 16 << 10;

/// The most values in lists of bytes; as raw bytes there may be as many as fit the message.
const MOST_VALUES: u32 = 1 << 20;

/// What may repeat in a message, by field number, and the message it is.
struct Repeated {
    field: u64,
    most: u32,
    within: Option<&'static [Repeated]>,
}

/// `inference.InferTensorContents`.
const CONTENTS: [Repeated; 1] = [Repeated { field: 8, most: MOST_VALUES, within: None }];

/// `inference.ModelInferRequest.InferInputTensor`.
const INPUT: [Repeated; 2] = [
    Repeated { field: 4, most: MOST_ENTRIES, within: None },
    Repeated { field: 5, most: MOST_ENTRIES, within: Some(&CONTENTS) },
];

/// `inference.ModelInferRequest`.
const REQUEST: [Repeated; 4] = [
    Repeated { field: 4, most: MOST_ENTRIES, within: None },
    Repeated { field: 5, most: MOST_ENTRIES, within: Some(&INPUT) },
    Repeated { field: 6, most: MOST_ENTRIES, within: None },
    Repeated { field: 7, most: MOST_ENTRIES, within: None },
];

/// Any message whose fields cannot repeat, or are small when they do.
///
/// # Errors
///
/// Where the bytes are no such message.
pub(super) fn message<M: Message + Default>(bytes: Bytes) -> Result<M, Fault> {
    M::decode(bytes).map_err(|error| bad_input(format!("the message cannot be read: {error}")))
}

/// A request for an inference.
///
/// # Errors
///
/// The same, and where something repeats too often.
pub(super) fn infer(bytes: Bytes) -> Result<ModelInferRequest, Fault> {
    bound(&bytes, &REQUEST)?;
    message(bytes)
}

#[cold]
fn bad_input(public: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadInput, public)
}

/// What is malformed passes here: reading the message says so with more words.
fn bound(bytes: &[u8], repeated: &[Repeated]) -> Result<(), Fault> {
    count(bytes, repeated, &mut 0)
}

fn count(mut bytes: &[u8], repeated: &[Repeated], values: &mut u32) -> Result<(), Fault> {
    let mut counts = [0u32; REQUEST.len()];
    while let Some(key) = varint(&mut bytes) {
        let (field, wire_type) = (key >> 3, key & 7);
        let length = match wire_type {
            0 => {
                if varint(&mut bytes).is_none() {
                    return Ok(());
                }
                continue;
            }
            1 => 8,
            2 => match varint(&mut bytes).and_then(|length| usize::try_from(length).ok()) {
                Some(length) => length,
                None => return Ok(()),
            },
            5 => 4,
            _ => return Ok(()),
        };
        let Some((content, rest)) = bytes.split_at_checked(length) else { return Ok(()) };
        bytes = rest;
        let Some(position) = repeated.iter().position(|repeated| repeated.field == field) else { continue };
        let known = &repeated[position];
        // All lists of a request together.
        let counted = if known.most == MOST_VALUES { &mut *values } else { &mut counts[position] };
        *counted += 1;
        if *counted > known.most {
            let most = known.most;
            return Err(if most == MOST_VALUES {
                bad_input(format!("there are more than {most} bytes_contents; send raw_input_contents"))
            } else {
                bad_input(format!("there are more than {most} inputs, outputs, parameters or raw contents"))
            });
        }
        if let Some(within) = known.within {
            count(content, within, values)?;
        }
    }
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use mlhost_proto::InferTensorContents;
    use mlhost_proto::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};

    use super::*;

    fn refusal(message: &ModelInferRequest) -> String {
        let fault = infer(message.encode_to_vec().into()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadInput);
        fault.public
    }

    #[test]
    fn what_takes_much_more_memory_than_bytes_is_counted_before_it_is_read() {
        let none = ModelInferRequest::default;
        let most = MOST_ENTRIES as usize;
        let inputs = |count| ModelInferRequest { inputs: vec![InferInputTensor::default(); count], ..none() };
        assert_eq!(infer(inputs(most).encode_to_vec().into()).unwrap(), inputs(most));
        assert!(refusal(&inputs(most + 1)).contains("16384"));
        let outputs = vec![InferRequestedOutputTensor::default(); most + 1];
        assert!(refusal(&ModelInferRequest { outputs, ..none() }).contains("16384"));
        let raw_input_contents = vec![Bytes::new(); most + 1];
        assert!(refusal(&ModelInferRequest { raw_input_contents, ..none() }).contains("16384"));
        // Of several tensors together.
        let values = vec![Bytes::new(); MOST_VALUES as usize / 2 + 1];
        let contents = Some(InferTensorContents { bytes_contents: values, ..InferTensorContents::default() });
        let input = InferInputTensor { contents, ..InferInputTensor::default() };
        let one = ModelInferRequest { inputs: vec![input.clone()], ..none() };
        assert_eq!(infer(one.encode_to_vec().into()).unwrap(), one);
        let two = ModelInferRequest { inputs: vec![input.clone(), input], ..none() };
        assert!(refusal(&two).contains("raw_input_contents"));
    }

    #[test]
    fn bytes_that_are_no_message_are_refused_and_nothing_more() {
        let whole = ModelInferRequest {
            model_name: "m".into(),
            inputs: vec![InferInputTensor { name: "x".into(), shape: vec![1, -1], ..Default::default() }],
            ..ModelInferRequest::default()
        };
        let bytes = whole.encode_to_vec();
        for cut in 0..bytes.len() {
            for flip in [0, 1, 0x80, 0xff] {
                let mut broken = bytes[..=cut].to_vec();
                broken[cut] ^= flip;
                // Either is fine; a panic is not.
                let _ = infer(broken.into());
            }
        }
        assert!(infer(Bytes::from_static(b"\x0b")).is_err());
        assert!(infer(Bytes::from_static(&[0xff; 12])).is_err());
    }
}
