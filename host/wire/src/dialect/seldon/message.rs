//! A request's `SeldonMessage`, and what it holds in the words of MLflow.
//!
//! Called by [`super::Seldon`]. Values are read where they belong, once the model's signature is known; here they are texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Form, bad_input};
use crate::fault::Fault;

/// numpy's limit.
const MAX_RANK: usize = 64;

/// The message as it came.
#[derive(Deserialize)]
pub(super) struct Message<'b> {
    #[serde(borrow)]
    data: Option<DefaultData<'b>>,
    #[serde(borrow, rename = "jsonData")]
    json_data: Option<&'b RawValue>,
    #[serde(rename = "strData")]
    str_data: Option<String>,
    #[serde(rename = "binData")]
    bin_data: Option<String>,
    meta: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct DefaultData<'b> {
    names: Option<Vec<String>>,
    #[serde(borrow)]
    ndarray: Option<&'b RawValue>,
    #[serde(borrow)]
    tensor: Option<FlatTensor<'b>>,
    #[serde(borrow)]
    tftensor: Option<&'b RawValue>,
}

#[derive(Deserialize)]
struct FlatTensor<'b> {
    shape: Vec<u32>,
    #[serde(borrow)]
    values: Vec<&'b RawValue>,
}

/// What a message holds.
pub(super) enum Data {
    /// A JSON body in one of MLflow's forms, and the form that the array came in.
    Array {
        text: String,
        form: Form,
    },
    /// A JSON body in one of MLflow's forms.
    Json(String),
    Text(String),
    Binary(Vec<u8>),
}

// === impl Message ===

impl<'b> Message<'b> {
    pub(super) fn read(body: &'b [u8]) -> Result<Self, Fault> {
        serde_json::from_slice(body).map_err(|error| bad_input(format!("Invalid request data: {error}")))
    }

    /// The answer's `meta`: the request's `puid` or the one given, its tags and its path.
    pub(super) fn meta(&self, puid: &str) -> Result<String, Fault> {
        let mut meta = Map::new();
        let given = self.meta.as_ref();
        let own = given.and_then(|given| given.get("puid")).filter(|puid| !puid.is_null());
        if own.is_some_and(|own| !own.is_string()) {
            return Err(bad_input("`meta.puid` is to be a text"));
        }
        let own = own.cloned().filter(|own| own != "");
        meta.insert("puid".to_owned(), own.unwrap_or_else(|| Value::from(puid)));
        for key in ["tags", "requestPath"] {
            if let Some(value) = given.and_then(|given| given.get(key)) {
                meta.insert(key.to_owned(), value.clone());
            }
        }
        Ok(Value::Object(meta).to_string())
    }

    /// The one form of data that there is to be.
    pub(super) fn data(self) -> Result<Data, Fault> {
        match (self.data, self.json_data, self.str_data, self.bin_data) {
            (Some(data), None, None, None) => data.array(),
            (None, Some(json), None, None) => Ok(Data::Json(of_json(json.get()))),
            (None, None, Some(text), None) => Ok(Data::Text(text)),
            (None, None, None, Some(text)) => {
                let bytes = STANDARD.decode(text.trim());
                bytes.map(Data::Binary).map_err(|error| bad_input(format!("`binData` is no base64: {error}")))
            }
            _ => Err(bad_input("a message holds one of `data`, `jsonData`, `strData` and `binData`")),
        }
    }
}

/// `jsonData` in one of MLflow's forms: as it is where it is one, else as `inputs`.
fn of_json(json: &str) -> String {
    const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];
    let keys = serde_json::from_str::<std::collections::HashMap<String, &RawValue>>(json);
    match keys {
        Ok(keys) if FORMS.iter().any(|form| keys.contains_key(*form)) => json.to_owned(),
        _ => format!("{{\"inputs\": {json}}}"),
    }
}

// === impl DefaultData ===

impl DefaultData<'_> {
    fn array(self) -> Result<Data, Fault> {
        let (array, form) = match (self.ndarray, self.tensor, self.tftensor) {
            (Some(array), None, None) => (array.get().to_owned(), Form::Ndarray),
            (None, Some(tensor), None) => (tensor.nested()?, Form::Tensor),
            (None, None, Some(_)) => {
                return Err(bad_input("`tftensor` is not read here: send `tensor` or `ndarray`"));
            }
            _ => return Err(bad_input("`data` holds one of `ndarray` and `tensor`")),
        };
        let names = self.names.filter(|names| !names.is_empty());
        let text = match names {
            // Names only mean something to a table, whose rows are lists.
            Some(names) if is_rows(&array) => {
                let names = Value::from(names);
                format!("{{\"dataframe_split\": {{\"columns\": {names}, \"data\": {array}}}}}")
            }
            _ => format!("{{\"inputs\": {array}}}"),
        };
        Ok(Data::Array { text, form })
    }
}

/// Whether a JSON text is a list of lists of plain values.
fn is_rows(array: &str) -> bool {
    let rows = serde_json::from_str::<Vec<Vec<&RawValue>>>(array).unwrap_or_default();
    rows.first().is_some_and(|row| row.iter().all(|cell| !cell.get().starts_with(['[', '{'])))
}

// === impl FlatTensor ===

impl FlatTensor<'_> {
    /// The values as nested lists.
    fn nested(&self) -> Result<String, Fault> {
        let expected =
            self.shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size as usize));
        if expected != Some(self.values.len()) || self.shape.len() > MAX_RANK {
            let (shape, found) = (&self.shape, self.values.len());
            return Err(bad_input(format!("a tensor of shape {shape:?} does not have {found} values")));
        }
        if self.values.is_empty() {
            // The sizes of lists without values cannot be told from the lists; only the first is needed.
            return Ok("[]".to_owned());
        }
        let mut text = String::with_capacity(self.values.len() * 4);
        for (index, value) in self.values.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            let mut size = 1;
            for axis in self.shape.iter().rev() {
                size *= *axis as usize;
                if index.is_multiple_of(size) {
                    text.push('[');
                }
            }
            text.push_str(value.get());
            let mut size = 1;
            for axis in self.shape.iter().rev() {
                size *= *axis as usize;
                if (index + 1).is_multiple_of(size) {
                    text.push(']');
                }
            }
        }
        Ok(text)
    }
}
