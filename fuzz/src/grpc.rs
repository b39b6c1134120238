//! gRPC's requests for an inference: whatever bytes are there, they become a consistent call or a fault of the client's, and what
//! came in is answered with a message that is read as it was written.

use bytes::Bytes;
use mlhost_proto::{Message as _, ModelInferResponse};
use mlhost_wire::dialect::Decoded;
use mlhost_wire::dialect::v2::{self, ModelVersion};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::Reply;

use super::interfaces::interface;
use super::mlflow::{check, echoed};

// The host's own files, compiled by themselves: the package they belong to brings a server.
#[path = "../../host/src/serve/protocol/grpc/parse.rs"]
mod parse;
#[path = "../../host/src/serve/protocol/grpc/tensors.rs"]
mod tensors;

const MODEL: ModelVersion<'static> = ModelVersion { name: "m", version: "1" };

/// The first byte chooses the model.
pub(crate) fn infer(data: &[u8]) {
    let Some((&selector, body)) = data.split_first() else { return };
    let interface = interface(selector);
    let read = parse::infer(Bytes::copy_from_slice(body)).and_then(tensors::request);
    let (request, raw) = match read {
        Ok(read) => read,
        Err(fault) => return refused(&fault),
    };
    match v2::call(request, &interface) {
        Ok(Decoded { call, envelope }) => {
            check(&call);
            let output = echoed(call.input);
            match v2::response(Reply { output }, envelope, MODEL, &interface) {
                Ok(response) => {
                    let message = tensors::response(response, raw);
                    let bytes = message.encode_to_vec();
                    let again = ModelInferResponse::decode(&*bytes).expect("what was written");
                    // Not compared as values: NaN is not itself.
                    assert_eq!(again.encode_to_vec().len(), bytes.len());
                }
                // What is asked of outputs is the client's to say, and what they are the guest's.
                Err(fault) => {
                    assert!(matches!(fault.kind, FaultKind::BadInput | FaultKind::GuestTrapped), "{fault:?}");
                }
            }
        }
        Err(fault) => refused(&fault),
    }
}

fn refused(fault: &Fault) {
    assert!(matches!(fault.kind, FaultKind::BadInput) && !fault.public.is_empty(), "{fault:?}");
}
