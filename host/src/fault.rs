//! The one place where errors become what the client sees.
//!
//! Called by `serve::handler` for every failed request. Each match is exhaustive on purpose: a new error does not
//! compile until somebody has decided what a client may know of it. Public texts never hold a guest's or the host's
//! internals; those are [`Fault::detail`], for the log.

use mlhost_nn::NnError;
use mlhost_sandbox::SandboxError;
use mlhost_wire::fault::{Fault, FaultKind};

use crate::app::PredictError;
use crate::passthrough::PassthroughError;

/// What the client is told when the model's code or graph is at fault.
const MODEL_FAILED: &str = "the model failed on this request";

/// What the client is told when mlhost or its set-up is at fault.
const SERVER_FAILED: &str = "the server failed on this request";

/// Any prediction's error.
#[must_use]
pub fn of_prediction(error: PredictError) -> Fault {
    match error {
        PredictError::Sandbox(error) => of_sandbox(error),
        PredictError::Passthrough(error) => of_passthrough(error),
    }
}

fn of_sandbox(error: SandboxError) -> Fault {
    let detail = error.to_string();
    match error {
        SandboxError::Rejected(message) => Fault::new(FaultKind::GuestRejected, message),
        SandboxError::Failed(_) | SandboxError::Trapped { .. } | SandboxError::Answer(_) => {
            Fault::new(FaultKind::GuestTrapped, MODEL_FAILED).with_detail(detail)
        }
        SandboxError::Exhausted { budget, .. } => {
            let public = format!("the model used up the {budget} that one request may have");
            Fault::new(FaultKind::GuestExhausted, public).with_detail(detail)
        }
        SandboxError::Deadline => deadline(),
        SandboxError::Overloaded(_) => overloaded().with_detail(detail),
        SandboxError::Graph(error) => of_graph(&error),
        // Found out before the server listens; a request cannot meet them.
        SandboxError::Engine(_)
        | SandboxError::Compile(_)
        | SandboxError::CodeCache { .. }
        | SandboxError::Import { .. }
        | SandboxError::Export(_)
        | SandboxError::Grant { .. }
        | SandboxError::LoadContext(_) => Fault::new(FaultKind::Internal, SERVER_FAILED).with_detail(detail),
    }
}

/// A graph's error that ended a guest's call: the caller did not choose these inputs, the guest did.
fn of_graph(error: &NnError) -> Fault {
    let detail = error.to_string();
    match error {
        NnError::QueueFull => overloaded(),
        NnError::Deadline => deadline(),
        NnError::Stopped => Fault::new(FaultKind::NotReady, "the model is being unloaded; try again later"),
        NnError::Runtime { .. } => Fault::new(FaultKind::Backend, MODEL_FAILED).with_detail(detail),
        NnError::GraphNotFound { .. }
        | NnError::InputNotFound { .. }
        | NnError::InputMissing { .. }
        | NnError::OutputNotFound { .. }
        | NnError::Duplicate { .. }
        | NnError::ElementType { .. }
        | NnError::Shape { .. }
        | NnError::Inconsistent(_)
        | NnError::TooLarge { .. } => Fault::new(FaultKind::GuestTrapped, MODEL_FAILED).with_detail(detail),
        NnError::RuntimeLoad { .. } | NnError::RuntimeNotLoaded | NnError::Load { .. } => {
            Fault::new(FaultKind::Internal, SERVER_FAILED).with_detail(detail)
        }
    }
}

/// Without a guest the caller's tensors meet the graph directly: what does not fit is the caller's to mend.
fn of_passthrough(error: PassthroughError) -> Fault {
    match error {
        PassthroughError::Input(message) => Fault::new(FaultKind::BadInput, message),
        PassthroughError::Graph(error) => {
            let message = error.to_string();
            match error {
                NnError::InputNotFound { .. }
                | NnError::InputMissing { .. }
                | NnError::Duplicate { .. }
                | NnError::ElementType { .. }
                | NnError::Shape { .. }
                | NnError::Inconsistent(_) => Fault::new(FaultKind::BadInput, message),
                NnError::TooLarge { .. } => Fault::new(FaultKind::TooLarge, message),
                NnError::GraphNotFound { .. }
                | NnError::OutputNotFound { .. }
                | NnError::QueueFull
                | NnError::Deadline
                | NnError::Runtime { .. }
                | NnError::Stopped
                | NnError::RuntimeLoad { .. }
                | NnError::RuntimeNotLoaded
                | NnError::Load { .. } => of_graph(&error),
            }
        }
    }
}

/// The request's time is up.
#[must_use]
pub fn deadline() -> Fault {
    Fault::new(FaultKind::Deadline, "the request took longer than it may")
}

/// There is no room for another request.
#[must_use]
pub fn overloaded() -> Fault {
    Fault::new(FaultKind::Overloaded, "the server has no room for another request; try again later")
}

/// The server is about to stop; asked for by whoever wants to know whether to send it requests.
#[must_use]
pub fn draining() -> Fault {
    Fault::new(FaultKind::NotReady, "the server is about to stop and wants no more requests")
}

/// A defect of mlhost itself.
#[must_use]
pub fn internal(detail: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Internal, SERVER_FAILED).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use mlhost_sandbox::{Budget, TrapKind};

    use super::*;

    #[test]
    fn a_guests_internals_stay_in_the_log() {
        let secret = "wasm backtrace: 0x17 - model.wasm!secret_function";
        for error in [
            SandboxError::Trapped { kind: TrapKind::Other, detail: secret.into() },
            SandboxError::Failed(secret.into()),
            SandboxError::Exhausted { budget: Budget::Memory, detail: secret.into() },
            SandboxError::Overloaded(secret.into()),
            SandboxError::Compile(secret.into()),
            SandboxError::Graph(NnError::Runtime { graph: "g".into(), message: secret.into() }),
        ] {
            let fault = of_prediction(PredictError::Sandbox(error));
            assert!(!fault.public.contains("secret_function"), "{fault:?}");
            assert!(fault.detail.contains("secret_function"), "{fault:?}");
        }
    }

    #[test]
    fn the_same_graph_error_is_the_callers_without_a_guest_and_the_models_with_one() {
        let error = NnError::InputMissing { input: "x".into(), expected: "float32".into() };
        let without = of_prediction(PredictError::Passthrough(PassthroughError::Graph(error.clone())));
        let with = of_prediction(PredictError::Sandbox(SandboxError::Graph(error)));
        assert_eq!((without.kind, with.kind), (FaultKind::BadInput, FaultKind::GuestTrapped));
    }

    #[test]
    fn what_a_guest_says_to_its_caller_reaches_the_caller() {
        let fault = of_prediction(PredictError::Sandbox(SandboxError::Rejected("age is negative".into())));
        assert_eq!(fault, Fault::new(FaultKind::GuestRejected, "age is negative"));
    }
}
