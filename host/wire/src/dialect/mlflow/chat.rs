//! Bodies in the form of chat, completion and embedding services: `messages`, `prompt` or `input` at the top level.
//!
//! Called by [`super::decode`] for a body with such a key, whatever else it has. A model without a signature gets the
//! body as it is, as JSON; what the signature calls parameters becomes parameters. The answer is not put under
//! `predictions`.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::context::{Context, Form, bad_input};
use super::frame::{Frame, Plan};
use super::lenient::without_infinities;
use super::params;
use super::python;
use super::refuse::NO_CHAT;
use super::table::{Columns, Row, Rows, Shape};
use crate::fault::Fault;
use crate::signature::{Schema, Signature};
use crate::values::{Blob, Call, Input};

/// The keys that make a body one of these, as `mlflow/pyfunc/utils/serving_data_parser.py` has them.
pub(super) const KEYS: [&str; 3] = ["messages", "prompt", "input"];

/// A top-level object's entries, each key once; the value given last counts.
struct Entries<'t>(Vec<(String, &'t RawValue)>);

/// Reads a body, an object, for the columns of a signature.
struct Body<'c, 'x> {
    context: &'x Context<'x>,
    signature: &'c Signature,
    /// Whether the body is one row, and not columns.
    record: bool,
}

/// Whether `text` is an object with one of [`KEYS`].
pub(super) fn is_chat(text: &str) -> bool {
    entries(text).is_some_and(|entries| entries.0.iter().any(|(key, _)| KEYS.contains(&key.as_str())))
}

/// Reads a body for which [`is_chat`] holds.
pub(super) fn decode(context: &Context<'_>, signature: &Signature) -> Result<Call, Fault> {
    let text = context.text();
    let Some(Entries(entries)) = entries(text) else {
        return Err(bad_input("Invalid input. Not an object."));
    };
    let is_param = |key: &str| signature.params.iter().any(|param| param.name == key);
    let (params, data): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| is_param(key));
    let params = params::enforce(Some(&object(&params)), &signature.params)?;
    let data = object(&data);
    let input = match &signature.inputs {
        None => Input::Blob(Blob {
            content_type: "application/json".to_owned(),
            data: without_infinities(&data).into_owned().into_bytes(),
        }),
        Some(Schema::Tensors(_)) => {
            return Err(bad_input(format!(
                "{NO_CHAT}and `messages`, `prompt` and `input` are forms of chat, completion and embedding models; send \
                 `inputs`"
            )));
        }
        Some(Schema::Columns(columns)) => {
            // A single list or object of such a column is one cell, so that the body is one row.
            let record = columns.iter().any(|column| column.column_type.is_nested());
            columns_of(&data, context, Body { context, signature, record })?
        }
    };
    Ok(Call { input, params })
}

fn entries(text: &str) -> Option<Entries<'_>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let entries = deserializer.deserialize_map(Entries(Vec::new())).ok()?;
    deserializer.end().ok().map(|()| entries)
}

fn object(entries: &[(String, &RawValue)]) -> String {
    let mut out =
        Vec::with_capacity(entries.iter().map(|(key, value)| key.len() + value.get().len() + 8).sum());
    out.push(b'{');
    for (position, (key, value)) in entries.iter().enumerate() {
        if position > 0 {
            out.extend_from_slice(b", ");
        }
        python::push_text(&mut out, key);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.get().as_bytes());
    }
    out.push(b'}');
    // Made of texts.
    String::from_utf8(out).unwrap_or_default()
}

fn columns_of(data: &str, context: &Context<'_>, body: Body<'_, '_>) -> Result<Input, Fault> {
    context.form.set(Form::Inputs);
    let mut deserializer = serde_json::Deserializer::from_str(data);
    let read = body.deserialize(&mut deserializer);
    // The text was parsed before, so that only a value can be wrong.
    read.map_err(|error| context.take_fault().unwrap_or_else(|| context.syntax(data, &error)))
}

// === impl Entries ===

impl<'de> Visitor<'de> for Entries<'de> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut places = std::collections::HashMap::new();
        let mut entries = self.0;
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value()?;
            match places.get(&key) {
                Some(place) => entries[*place] = (key, value),
                None => {
                    places.insert(key.clone(), entries.len());
                    entries.push((key, value));
                }
            }
        }
        Ok(Self(entries))
    }
}

// === impl Body ===

impl<'de> DeserializeSeed<'de> for Body<'_, '_> {
    type Value = Input;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Input, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_, '_> {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Input, A::Error> {
        let Self { context, signature, record } = self;
        let mut frame = Frame::new(Plan::new(signature, true), context);
        let rows = if record {
            let mut rows = Rows { frame: &mut frame, shape: Shape::Record, targets: Vec::new(), rows: 0 };
            Row(&mut rows).visit_map(map)?;
            1
        } else {
            Columns(&mut frame).visit_map(map)?
        };
        frame.finish(rows, true).map_err(|fault| context.refuse(fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{ColumnData, Param, Value};

    fn read(body: &str, inputs: Option<&str>) -> Result<Call, Fault> {
        let params = r#"[{"name":"temperature","type":"double","default":1.0,"shape":null}]"#;
        let signature = Signature::from_mlmodel(inputs, None, Some(params)).unwrap();
        assert!(is_chat(body));
        decode(&Context::new(body, None, super::super::compat::Compat::Sane), &signature)
    }

    #[test]
    fn the_body_is_the_input_but_for_its_parameters() {
        let call = read(r#"{"input":[1], "temperature":2, "k": {"x" :1}, "input":"é"}"#, None).unwrap();
        let Input::Blob(blob) = call.input else { panic!("{:?}", call.input) };
        assert_eq!(blob.content_type, "application/json");
        assert_eq!(String::from_utf8(blob.data).unwrap(), r#"{"input": "é", "k": {"x" :1}}"#);
        assert_eq!(call.params, [Param { name: "temperature".into(), value: Value::Number(2.0) }]);
        let fault = read(r#"{"prompt":"x","temperature":"hot"}"#, None).unwrap_err();
        assert!(fault.public.starts_with("Invalid parameters found"), "{}", fault.public);
    }

    #[test]
    fn a_signature_makes_a_table_of_it() {
        let messages = r#"[{"name":"messages","type":"array","items":{"type":"object","properties":
            {"role":{"type":"string"},"content":{"type":"string"}}}},{"name":"n","type":"long","required":false}]"#;
        let body = r#"{"messages":[{"role":"user","content":"hi"}],"n":3,"extra":1}"#;
        let Input::Table(table) = read(body, Some(messages)).unwrap().input else { panic!() };
        assert_eq!((table.rows, table.columns.len()), (1, 2));
        assert_eq!(table.columns[1].data, ColumnData::S64(vec![3]));
        let fault = read(r#"{"prompt":"x"}"#, Some(messages)).unwrap_err();
        assert!(fault.public.starts_with("Model is missing inputs ['messages']."), "{}", fault.public);

        let texts = r#"[{"type":"string"}]"#;
        let Input::Table(table) = read(r#"{"input":["x","y"]}"#, Some(texts)).unwrap().input else {
            panic!()
        };
        assert_eq!((table.rows, &table.columns[0].data), (2, &ColumnData::Text(["x", "y"].iter().collect())));
        let tensor = r#"[{"name":"input","type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1]}}]"#;
        assert!(read(r#"{"input":[1]}"#, Some(tensor)).unwrap_err().public.contains("send `inputs`"));
    }

    #[test]
    fn only_objects_with_such_a_key_are_chat() {
        for (body, expected) in [
            (r#"{"messages":1}"#, true),
            (r#"{"inputs":1}"#, false),
            (r#"{"inputs":{"input":1}}"#, false),
            (r#"["input"]"#, false),
            (r#"{"input":1"#, false),
        ] {
            assert_eq!(is_chat(body), expected, "{body}");
        }
    }
}
