//! Faults in MLflow's error JSON.
//!
//! Called by [`super::Mlflow`]. Always JSON, where MLflow answers some faults with plain text or nothing.

use super::python;
use crate::dialect::Answer;
use crate::fault::{Fault, FaultKind};

/// How MLflow begins the message for names that a request lacks.
pub(super) const MISSING_INPUTS: &str = "Model is missing inputs ";
/// How MLflow begins the message for too few columns without names.
pub(super) const TOO_FEW_INPUTS: &str = "Model inference is missing inputs. ";
/// How MLflow begins the message for a tensor of another shape.
pub(super) const WRONG_SHAPE: &str = "Shape of input ";
/// How MLflow begins the message for parameters that do not fit.
pub(super) const INVALID_PARAMETERS: &str = "Invalid parameters found: ";

/// A fault to bytes.
pub(super) fn refuse(fault: &Fault) -> Answer {
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
    Answer { status: fault.kind.status(), content_type: Some("application/json".to_owned()), body }
}

/// MLflow's `error_code`, `sqlstate` and `error_class`; the last two are empty where MLflow has none.
fn codes(fault: &Fault) -> [&'static str; 3] {
    let enforced = [MISSING_INPUTS, TOO_FEW_INPUTS, WRONG_SHAPE];
    match fault.kind {
        // One kind of fault has two codes in MLflow, by where it is found; the message, which this dialect wrote,
        // tells them apart.
        FaultKind::BadInput if enforced.iter().any(|prefix| fault.public.starts_with(prefix)) => {
            ["INVALID_PARAMETER_VALUE", "KAM01", "SCHEMA_ENFORCEMENT_FAILED"]
        }
        FaultKind::BadInput if fault.public.starts_with(INVALID_PARAMETERS) => {
            ["INVALID_PARAMETER_VALUE", "KAM00", "INVALID_PARAMETER_VALUE"]
        }
        FaultKind::BadInput | FaultKind::GuestRejected => ["BAD_REQUEST", "KAM00", "INVALID_PARAMETER_VALUE"],
        FaultKind::UnsupportedMedia | FaultKind::TooLarge | FaultKind::MethodNotAllowed => {
            ["BAD_REQUEST", "", ""]
        }
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
            let answer = refuse(&Fault::new(kind, "a \"b\"\né"));
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
        assert_eq!(String::from_utf8(refuse(&fault).body).unwrap(), expected);
    }
}
