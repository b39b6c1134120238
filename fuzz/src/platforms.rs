//! The dialects of platforms: KServe's first protocol, and SageMaker's media types. What holds for MLflow's holds for them.

use mlhost_wire::dialect::kserve::Kserve;
use mlhost_wire::dialect::mlflow::Compat;
use mlhost_wire::dialect::sagemaker::SageMaker;
use mlhost_wire::dialect::{Decoded, Dialect, Request};
use mlhost_wire::fault::FaultKind;
use mlhost_wire::values::{Input, Output, Reply};

use super::interfaces::interface;
use super::mlflow::check;

const KSERVE_TYPES: [Option<&str>; 3] =
    [None, Some("application/json"), Some("application/cloudevents+json; charset=utf-8")];
const SAGEMAKER_TYPES: [Option<&str>; 8] = [
    Some("application/json"),
    Some("text/csv"),
    Some("text/csv; header=present"),
    Some("application/jsonlines"),
    Some("application/x-npy"),
    Some("application/x-parquet"),
    Some("image/png"),
    None,
];
const ACCEPTED: [Option<&str>; 6] = [
    None,
    Some("text/csv"),
    Some("application/jsonlines;q=0.5, text/plain"),
    Some("application/x-npy, */*;q=0.1"),
    Some("application/json;q=0, text/*"),
    Some(";q=,,;;=\"\", a/b"),
];

/// The first byte chooses the model and the mode, the second the media type.
pub(crate) fn kserve(data: &[u8]) {
    let [selector, kind, body @ ..] = data else { return };
    let dialect = Kserve { compat: Compat::ALL[usize::from(selector & 1)] };
    let content_type = KSERVE_TYPES[usize::from(*kind) % KSERVE_TYPES.len()];
    through(&dialect, Request { content_type, body }, *selector);
}

/// The same, and the second byte chooses what answers may be written in, too.
pub(crate) fn sagemaker(data: &[u8]) {
    let [selector, kind, body @ ..] = data else { return };
    let kind = usize::from(*kind);
    let accept = ACCEPTED[kind / SAGEMAKER_TYPES.len() % ACCEPTED.len()];
    let dialect = SageMaker { compat: Compat::ALL[usize::from(selector & 1)], accept };
    let content_type = SAGEMAKER_TYPES[kind % SAGEMAKER_TYPES.len()];
    through(&dialect, Request { content_type, body }, *selector);
}

fn through<D: Dialect>(dialect: &D, request: Request<'_>, selector: u8) {
    match dialect.decode(request, &interface(selector)) {
        Ok(Decoded { call, envelope }) => {
            check(&call);
            let output = match call.input {
                Input::Table(table) => Output::Table(table),
                Input::Tensors(tensors) => Output::Tensors(tensors),
                Input::Blob(blob) => Output::Blob(blob),
            };
            if let Err(fault) = dialect.encode(Reply { output }, envelope) {
                assert_eq!(fault.kind, FaultKind::GuestTrapped, "{fault:?}");
            }
        }
        Err(fault) => {
            let expected = [FaultKind::BadInput, FaultKind::TooLarge, FaultKind::UnsupportedMedia];
            assert!(expected.contains(&fault.kind) && !fault.public.is_empty(), "{fault:?}");
            super::mlflow::is_json(&dialect.refuse(&fault).body);
        }
    }
}
