//! MLflow's dialect: whatever a body holds, it becomes a consistent call or a fault that the client can be told; and what was
//! decoded can be answered.

use mlhost_wire::dialect::mlflow::{Compat, Envelope, Mlflow};
use mlhost_wire::dialect::{Decoded, Dialect as _, Request};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::{Call, Input, Output, Reply};

use super::interfaces::interface;

/// JSON in all forms, chat requests among them. The first byte chooses the model and how close to MLflow to be.
pub(crate) fn json(data: &[u8]) {
    decode("application/json", data);
}

/// CSV.
pub(crate) fn csv(data: &[u8]) {
    decode("text/csv", data);
}

/// Parquet.
pub(crate) fn parquet(data: &[u8]) {
    decode("application/vnd.apache.parquet", data);
}

fn decode(content_type: &str, data: &[u8]) {
    let Some((&selector, body)) = data.split_first() else { return };
    let mlflow = Mlflow { compat: Compat::ALL[usize::from(selector & 1)] };
    match mlflow.decode(Request { content_type: Some(content_type), body }, &interface(selector)) {
        Ok(Decoded { call, envelope }) => {
            check(&call);
            answer(mlflow, call, envelope);
        }
        Err(fault) => refused(mlflow, &fault),
    }
}

/// What a model answers that gives back what it was given.
pub(crate) fn echoed(input: Input) -> Output {
    match input {
        Input::Table(table) => Output::Table(table),
        Input::Tensors(tensors) => Output::Tensors(tensors),
        Input::Blob(blob) => Output::Blob(blob),
    }
}

/// A call's values hold together, whatever they were decoded from.
pub(crate) fn check(call: &Call) {
    match &call.input {
        Input::Table(table) => table.check().expect("a consistent table"),
        Input::Tensors(tensors) => {
            for named in tensors {
                named.tensor.check(&named.name).expect("a consistent tensor");
            }
        }
        Input::Blob(blob) => assert!(!blob.content_type.is_empty(), "{blob:?}"),
    }
}

/// What came in goes out again: a model that answers with its own input is answered for.
fn answer(mlflow: Mlflow, call: Call, envelope: Envelope) {
    let output = echoed(call.input);
    let json = !matches!(output, Output::Blob(_));
    match mlflow.encode(Reply { output }, envelope) {
        // MLflow itself writes NaN and infinities bare, and so does the strict mode.
        Ok(answer) if json && mlflow.compat == Compat::default() => is_json(&answer.body),
        Ok(_) => {}
        Err(fault) => assert_eq!(fault.kind, FaultKind::GuestTrapped, "{fault:?}"),
    }
}

/// A refusal says what is wrong, blames the body, and can be written.
fn refused(mlflow: Mlflow, fault: &Fault) {
    assert!(matches!(fault.kind, FaultKind::BadInput | FaultKind::TooLarge), "{fault:?}");
    assert!(!fault.public.is_empty(), "{fault:?}");
    let answer = mlflow.refuse(fault);
    assert_eq!(answer.status, fault.kind.status());
    if answer.content_type.as_deref() == Some("application/json") {
        is_json(&answer.body);
    }
}

/// Panics where `body` is no JSON.
pub(crate) fn is_json(body: &[u8]) {
    let parsed = serde_json::from_slice::<&serde_json::value::RawValue>(body);
    assert!(parsed.is_ok(), "{parsed:?}: {}", String::from_utf8_lossy(body));
}
