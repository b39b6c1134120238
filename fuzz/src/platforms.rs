//! The dialects of platforms: KServe's first protocol, SageMaker's media types, Vertex AI, Azure ML, Seldon. What holds for
//! MLflow's holds for them.

use mlhost_wire::dialect::azureml::AzureMl;
use mlhost_wire::dialect::kserve::Kserve;
use mlhost_wire::dialect::mlflow::Compat;
use mlhost_wire::dialect::sagemaker::SageMaker;
use mlhost_wire::dialect::seldon::Seldon;
use mlhost_wire::dialect::vertex::Vertex;
use mlhost_wire::dialect::{Answer, Decoded, Dialect, Interface, Request};
use mlhost_wire::fault::FaultKind;
use mlhost_wire::values::Reply;
use serde_json::Value;

use super::interfaces::interface;
use super::mlflow::{check, echoed};

const JSON: &str = "application/json";
const KSERVE_TYPES: [Option<&str>; 3] =
    [None, Some(JSON), Some("application/cloudevents+json; charset=utf-8")];
/// What MLflow's server takes, where the platform passes it on; Parquet has a target of its own.
const MLFLOW_TYPES: [Option<&str>; 4] =
    [None, Some(JSON), Some("text/csv; charset=utf-8"), Some("image/png")];
const SAGEMAKER_TYPES: [Option<&str>; 8] = [
    Some(JSON),
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
    let dialect = Kserve { compat: compat(*selector) };
    let content_type = KSERVE_TYPES[usize::from(*kind) % KSERVE_TYPES.len()];
    through(&dialect, Request { content_type, body }, &interface(*selector));
}

/// The same. An answer that has no media type of the model's own is a list: Vertex AI's front end reads it.
pub(crate) fn vertex(data: &[u8]) {
    let [selector, kind, body @ ..] = data else { return };
    let dialect = Vertex { compat: compat(*selector) };
    let request = Request { content_type: MLFLOW_TYPES[usize::from(*kind) % MLFLOW_TYPES.len()], body };
    let Some(answer) = through(&dialect, request, &interface(*selector)) else { return };
    if answer.content_type.as_deref() == Some(JSON) {
        let begins = answer.body.starts_with(b"{\"predictions\": [") && answer.body.ends_with(b"]}");
        assert!(begins, "{}", String::from_utf8_lossy(&answer.body));
    }
}

/// The same, in Azure ML's words.
pub(crate) fn azureml(data: &[u8]) {
    let [selector, kind, body @ ..] = data else { return };
    let dialect = AzureMl { compat: compat(*selector) };
    let content_type = MLFLOW_TYPES[usize::from(*kind) % MLFLOW_TYPES.len()];
    through(&dialect, Request { content_type, body }, &interface(*selector));
}

/// A `SeldonMessage`; the second byte says whether the model takes raw bytes, and text. Its answer can be read again.
pub(crate) fn seldon(data: &[u8]) {
    let [selector, raw, body @ ..] = data else { return };
    let mut interface = interface(*selector);
    for (bit, kind) in [(1, "text/plain"), (2, "application/octet-stream")] {
        if raw & bit != 0 {
            interface.raw_media_types.push(kind.to_owned());
        }
    }
    let dialect = Seldon { compat: compat(*selector), puid: "p" };
    let request = Request { content_type: Some(JSON), body };
    let Some(answer) = through(&dialect, request, &interface) else { return };
    if dialect.compat == Compat::default() {
        let message: Value = serde_json::from_slice(&answer.body).expect("a message");
        let forms = ["data", "jsonData", "strData", "binData"];
        let held = forms.iter().filter(|form| message.get(form).is_some()).count();
        assert!(held == 1 && message["meta"]["puid"].is_string(), "{message}");
    }
}

/// The same as for KServe, and the second byte chooses what answers may be written in, too.
pub(crate) fn sagemaker(data: &[u8]) {
    let [selector, kind, body @ ..] = data else { return };
    let kind = usize::from(*kind);
    let accept = ACCEPTED[kind / SAGEMAKER_TYPES.len() % ACCEPTED.len()];
    let dialect = SageMaker { compat: compat(*selector), accept };
    let content_type = SAGEMAKER_TYPES[kind % SAGEMAKER_TYPES.len()];
    through(&dialect, Request { content_type, body }, &interface(*selector));
}

fn compat(selector: u8) -> Compat {
    Compat::ALL[usize::from(selector & 1)]
}

/// What comes in goes out again: its answer, or `None` where it was refused or cannot be spelled.
fn through<D: Dialect>(dialect: &D, request: Request<'_>, interface: &Interface) -> Option<Answer> {
    match dialect.decode(request, interface) {
        Ok(Decoded { call, envelope }) => {
            check(&call);
            let output = echoed(call.input);
            match dialect.encode(Reply { output }, envelope) {
                Ok(answer) => Some(answer),
                Err(fault) => {
                    assert_eq!(fault.kind, FaultKind::GuestTrapped, "{fault:?}");
                    None
                }
            }
        }
        Err(fault) => {
            let expected = [FaultKind::BadInput, FaultKind::TooLarge, FaultKind::UnsupportedMedia];
            assert!(expected.contains(&fault.kind) && !fault.public.is_empty(), "{fault:?}");
            super::mlflow::is_json(&dialect.refuse(&fault).body);
            None
        }
    }
}
