//! Faults as Python's exceptions, which `mlhost/errors.py` defines.
//!
//! Called for everything that fails. The match is exhaustive on purpose: a new kind of fault does not compile until somebody
//! has said which exception it is.

use mlhost_wire::fault::{Fault, FaultKind};
use pyo3::prelude::*;

/// Where the exceptions are.
const MODULE: &str = "mlhost.errors";

/// A fault of a call. Whoever calls in process runs the model, too: what a server would tell its log alone stands in the message.
pub(crate) fn of_fault(py: Python<'_>, fault: &Fault) -> PyErr {
    let mut message = fault.public.clone();
    if !fault.detail.is_empty() {
        message = format!("{message}\n{}", fault.detail);
    }
    raised(py, class(fault.kind), message, fault.kind.name())
}

/// A model that does not load.
pub(crate) fn of_loading(py: Python<'_>, error: &anyhow::Error) -> PyErr {
    let mut message = error.to_string();
    for cause in error.chain().skip(1) {
        message = format!("{message}\ncaused by: {cause}");
    }
    raised(py, "LoadError", message, "load")
}

/// A model that another process loaded.
pub(crate) fn forked(py: Python<'_>, name: &str) -> PyErr {
    let message = format!(
        "model `{name}` was loaded before this process was forked, and its threads stayed with the parent\n\
         hint: load it in the process that calls it, or have processes started by `spawn`"
    );
    raised(py, "ForkedError", message, "forked")
}

fn class(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::BadInput | FaultKind::UnsupportedMedia | FaultKind::TooLarge => "InputError",
        FaultKind::GuestRejected => "RejectedError",
        FaultKind::GuestTrapped | FaultKind::Backend => "ModelError",
        FaultKind::GuestExhausted => "ExhaustedError",
        FaultKind::Deadline | FaultKind::TooSlow => "DeadlineError",
        FaultKind::Overloaded | FaultKind::RateLimited | FaultKind::NoRoom | FaultKind::NotReady => {
            "OverloadedError"
        }
        FaultKind::Internal => "InternalError",
        // Only a server says these.
        FaultKind::Unauthenticated
        | FaultKind::Forbidden
        | FaultKind::Conflict
        | FaultKind::NotFound
        | FaultKind::MethodNotAllowed => "Error",
    }
}

fn raised(py: Python<'_>, class: &str, message: String, kind: &str) -> PyErr {
    let made = py.import(MODULE).and_then(|module| module.getattr(class)?.call1((message, kind)));
    made.map_or_else(|error| error, PyErr::from_value)
}
