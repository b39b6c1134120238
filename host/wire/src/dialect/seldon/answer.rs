//! An answer as a `SeldonMessage`, in the form of its request where its values allow it.
//!
//! Called by [`super::Seldon`]. Tables are arrays with names; several tensors have no other form than `jsonData`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Envelope, Form};
use crate::dialect::Answer;
use crate::dialect::mlflow::{Compat, Layout, push_values};
use crate::fault::{Fault, FaultKind};
use crate::values::{ElementType, Output, Tensor};

/// An answer to bytes.
pub(super) fn encode(output: &Output, envelope: &Envelope, compat: Compat) -> Result<Answer, Fault> {
    let mut body = Vec::new();
    match (output, envelope.form) {
        (Output::Blob(blob), _) => {
            body.extend_from_slice(b"{\"binData\": \"");
            body.extend_from_slice(STANDARD.encode(&blob.data).as_bytes());
            body.push(b'"');
        }
        (_, Form::Json) => field(&mut body, "jsonData", output, compat)?,
        (Output::Json(text), _) => field(&mut body, key_of(text), output, Compat::Sane)?,
        (Output::Table(table), _) => {
            let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            ndarray(&mut body, &names, output, compat)?;
        }
        (Output::Tensors(tensors), form) => match tensors.as_slice() {
            [only] => {
                only.tensor.check(&only.name).map_err(|error| broken(error.to_string()))?;
                match form {
                    Form::Tensor if is_number(&only.tensor) => tensor(&mut body, &only.tensor, compat)?,
                    _ => ndarray(&mut body, &[], output, compat)?,
                }
            }
            _ => field(&mut body, "jsonData", output, compat)?,
        },
    }
    body.extend_from_slice(b", \"meta\": ");
    body.extend_from_slice(envelope.meta.as_bytes());
    body.push(b'}');
    Ok(Answer::json(200, body))
}

/// A guest's JSON: a text is `strData`, all else `jsonData`.
fn key_of(text: &str) -> &'static str {
    if text.trim_start().starts_with('"') { "strData" } else { "jsonData" }
}

fn field(body: &mut Vec<u8>, key: &str, output: &Output, compat: Compat) -> Result<(), Fault> {
    body.extend_from_slice(format!("{{\"{key}\": ").as_bytes());
    push_values(body, output, Layout::Named, compat)
}

fn ndarray(body: &mut Vec<u8>, names: &[&str], output: &Output, compat: Compat) -> Result<(), Fault> {
    let names = serde_json::json!(names);
    body.extend_from_slice(format!("{{\"data\": {{\"names\": {names}, \"ndarray\": ").as_bytes());
    let begin = body.len();
    push_values(body, output, Layout::Lists, compat)?;
    // A scalar has no row; in an array it is one.
    if body.get(begin) != Some(&b'[') {
        let value = body.split_off(begin);
        let value =
            serde_json::from_slice(&value).map(only_value).map_err(|error| broken(error.to_string()))?;
        body.extend_from_slice(format!("[{value}]").as_bytes());
    }
    body.push(b'}');
    Ok(())
}

/// The value of an object with one.
fn only_value(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(object) => {
            object.into_iter().next().map(|(_, value)| value).unwrap_or_default()
        }
        other => other,
    }
}

fn tensor(body: &mut Vec<u8>, tensor: &Tensor, compat: Compat) -> Result<(), Fault> {
    let shape = serde_json::json!(tensor.shape);
    body.extend_from_slice(
        format!("{{\"data\": {{\"names\": [], \"tensor\": {{\"shape\": {shape}, \"values\": ").as_bytes(),
    );
    let count = u32::try_from(tensor.elements.len()).map_err(|_| broken("2^32 values or more".to_owned()))?;
    let flat = Tensor { shape: vec![count], elements: tensor.elements.clone() };
    let flat = crate::values::NamedTensor { name: String::new(), tensor: flat };
    push_values(body, &Output::Tensors(vec![flat]), Layout::Named, compat)?;
    body.extend_from_slice(b"}}");
    Ok(())
}

fn is_number(tensor: &Tensor) -> bool {
    !matches!(tensor.elements.element_type(), ElementType::Text | ElementType::Boolean)
}

/// A guest's answer that cannot be spelled. The client learns no more than that.
fn broken(detail: String) -> Fault {
    Fault::new(FaultKind::GuestTrapped, "the model's answer is not valid").with_detail(detail)
}
