//! Faults in MLflow's error JSON.
//!
//! Called by [`super::Mlflow`]. Always JSON but in [`Compat::Strict`]: MLflow answers some faults with plain text.

use super::compat::Compat;
use super::media::NO_CONTENT_TYPE;
use super::python;
use crate::dialect::Answer;
use crate::fault::{Fault, FaultKind};

/// How MLflow begins the message for names that a request lacks.
pub(super) const MISSING_INPUTS: &str = "Model is missing inputs ";
/// How MLflow begins the message for too few columns without names.
pub(super) const TOO_FEW_INPUTS: &str = "Model inference is missing inputs. ";
/// How MLflow begins the message for a tensor of another shape.
pub(super) const WRONG_SHAPE: &str = "Shape of input ";
/// How MLflow begins the message for a column whose type does not go into the signature's without loss.
pub(super) const INCOMPATIBLE: &str = "Incompatible input types for column ";
/// How MLflow begins the message for a tensor of another type.
pub(super) const WRONG_TYPE: &str = "dtype of input ";
/// How MLflow begins the messages for columns of a table that make no tensor.
pub(super) const NO_TENSOR: &str = "The input pandas dataframe column ";
/// How the message begins for a chat body to a model of tensors, which lacks its inputs to MLflow.
pub(super) const NO_CHAT: &str = "Invalid input. The model takes tensors, ";
pub(super) const NO_ROWS: &str = "Input DataFrame is empty.";
/// How MLflow begins the message for parameters that are no object.
pub(super) const NO_DICTIONARY: &str = "Parameters must be a dictionary.";
/// How MLflow begins the message for a moment with a time zone.
pub(super) const ZONED: &str =
    "Please ensure that the input data of datetime column only contains timezone-naive datetime objects. ";
/// How MLflow begins the message for parameters that do not fit.
pub(super) const INVALID_PARAMETERS: &str = "Invalid parameters found: ";

/// A fault to bytes.
pub(super) fn refuse(fault: &Fault, compat: Compat) -> Answer {
    if compat.is_strict() && fault.kind == FaultKind::UnsupportedMedia {
        return plain(fault);
    }
    let [code, state, class] = codes(fault);
    let mut body = Vec::with_capacity(fault.public.len() + 128);
    body.extend_from_slice(b"{\"error_code\": ");
    python::push_text(&mut body, code);
    body.extend_from_slice(b", \"message\": ");
    python::push_text(&mut body, &fault.public);
    if !state.is_empty() {
        body.extend_from_slice(b", \"sqlstate\": ");
        python::push_text(&mut body, state);
        body.extend_from_slice(b", \"error_class\": ");
        python::push_text(&mut body, class);
    }
    body.push(b'}');
    Answer {
        status: fault.kind.status(),
        content_type: Some("application/json".to_owned()),
        headers: Vec::new(),
        body,
    }
}

/// A media type that is not served, as MLflow answers it; without any it fails itself.
fn plain(fault: &Fault) -> Answer {
    let missing = fault.public.starts_with(NO_CONTENT_TYPE);
    let (status, text) =
        if missing { (500, "Internal Server Error") } else { (fault.kind.status(), fault.public.as_str()) };
    Answer {
        status,
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        headers: Vec::new(),
        body: text.into(),
    }
}

/// MLflow's `error_code`, `sqlstate` and `error_class`; the last two are empty where MLflow has none.
fn codes(fault: &Fault) -> [&'static str; 3] {
    let enforced = [
        MISSING_INPUTS,
        TOO_FEW_INPUTS,
        WRONG_SHAPE,
        WRONG_TYPE,
        INCOMPATIBLE,
        ZONED,
        NO_TENSOR,
        NO_ROWS,
        NO_CHAT,
    ];
    match fault.kind {
        // One kind of fault has two codes in MLflow, by where it is found; the message, which this dialect wrote,
        // tells them apart.
        FaultKind::BadInput if enforced.iter().any(|prefix| fault.public.starts_with(prefix)) => {
            ["INVALID_PARAMETER_VALUE", "KAM01", "SCHEMA_ENFORCEMENT_FAILED"]
        }
        FaultKind::BadInput
            if fault.public.starts_with(INVALID_PARAMETERS) || fault.public.starts_with(NO_DICTIONARY) =>
        {
            ["INVALID_PARAMETER_VALUE", "KAM00", "INVALID_PARAMETER_VALUE"]
        }
        FaultKind::BadInput | FaultKind::GuestRejected => ["BAD_REQUEST", "KAM00", "INVALID_PARAMETER_VALUE"],
        FaultKind::UnsupportedMedia
        | FaultKind::TooLarge
        | FaultKind::TooSlow
        | FaultKind::MethodNotAllowed => ["BAD_REQUEST", "", ""],
        FaultKind::Unauthenticated => ["UNAUTHENTICATED", "", ""],
        FaultKind::Forbidden => ["PERMISSION_DENIED", "", ""],
        FaultKind::RateLimited => ["REQUEST_LIMIT_EXCEEDED", "", ""],
        FaultKind::Conflict => ["RESOURCE_ALREADY_EXISTS", "", ""],
        FaultKind::NoRoom => ["RESOURCE_EXHAUSTED", "", ""],
        FaultKind::NotFound => ["RESOURCE_DOES_NOT_EXIST", "", ""],
        FaultKind::NotReady | FaultKind::Overloaded => ["TEMPORARILY_UNAVAILABLE", "", ""],
        FaultKind::Deadline => ["DEADLINE_EXCEEDED", "", ""],
        FaultKind::GuestTrapped | FaultKind::GuestExhausted | FaultKind::Backend | FaultKind::Internal => {
            ["INTERNAL_ERROR", "", ""]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_json_with_its_status() {
        for kind in FaultKind::ALL {
            let answer = refuse(&Fault::new(kind, "a \"b\"\né"), Compat::Sane);
            assert_eq!(answer.status, kind.status());
            assert_eq!(answer.content_type.as_deref(), Some("application/json"));
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(body["message"], "a \"b\"\né");
            assert!(body["error_code"].as_str().is_some_and(|code| !code.is_empty()));
        }
    }

    #[test]
    fn the_body_is_spelled_as_mlflow_does() {
        let fault =
            Fault::new(FaultKind::BadInput, "Shape of input (1,) does not match expected shape (2,).");
        let expected = "{\"error_code\": \"INVALID_PARAMETER_VALUE\", \"message\": \"Shape of input (1,) does not \
                        match expected shape (2,).\", \"sqlstate\": \"KAM01\", \"error_class\": \
                        \"SCHEMA_ENFORCEMENT_FAILED\"}";
        assert_eq!(String::from_utf8(refuse(&fault, Compat::Strict).body).unwrap(), expected);
    }

    #[test]
    fn strict_answers_media_types_with_plain_text() {
        let fault = |public: &str| Fault::new(FaultKind::UnsupportedMedia, public);
        let answer = refuse(&fault("The scoring server only supports UTF-8"), Compat::Strict);
        assert_eq!(answer.content_type.as_deref(), Some("text/plain; charset=utf-8"));
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (415, &b"The scoring server only supports UTF-8"[..])
        );
        let missing = refuse(&fault(NO_CONTENT_TYPE), Compat::Strict);
        assert_eq!((missing.status, missing.body.as_slice()), (500, &b"Internal Server Error"[..]));
    }
}
