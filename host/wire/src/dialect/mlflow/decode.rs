//! The body of a request to `/invocations`, read into a call.
//!
//! Called by [`super::Mlflow`]. One pass over the body in the usual case; a body with bare `NaN` or `Infinity` is
//! read again without them. Of top-level keys given twice the later one counts, others than MLflow's are ignored.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Envelope;
use super::chat;
use super::compat::Compat;
use super::context::{Context, Form, bad_input};
use super::forms::FormValue;
use super::lenient::Rewritten;
use super::params;
use super::scalar::{Scalar, forward_scalars};
use crate::dialect::Decoded;
use crate::fault::Fault;
use crate::signature::Signature;
use crate::values::{Call, Input};

/// What other protocols call MLflow's keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::dialect) struct Words {
    /// Another key of the parameters; of two that are given the later counts.
    pub(in crate::dialect) params: Option<&'static str>,
    /// A key whose value is what Azure ML calls `input_data`: `dataframe_split` where it is an object with `data`, else
    /// `inputs`; its answer has no envelope.
    pub(in crate::dialect) input_data: Option<&'static str>,
    /// Whether rows without names are for the signature's columns in their order.
    pub(in crate::dialect) by_position: bool,
    /// Whether a parameter such as `2.0` is the integer: to protobuf, and so to Vertex AI, all numbers are floats.
    pub(in crate::dialect) floats_only: bool,
}

enum Failure {
    /// The text is no JSON; it may be once bare literals are replaced.
    Syntax(Fault),
    Fault(Fault),
}

/// The whole body.
#[derive(Clone, Copy)]
struct Body<'c, 'x> {
    context: &'x Context<'x>,
    signature: &'c Signature,
    words: Words,
}

/// What a body holds.
#[derive(Default)]
struct Parts<'de> {
    input: Option<Input>,
    /// The forms found, in the order of [`Form::ALL`].
    forms: [bool; 4],
    /// Whether one of the keys of [`chat`] was found: then the forms mean nothing.
    chat: bool,
    /// Whether the answer stands by itself.
    bare: bool,
    params: Option<&'de RawValue>,
}

#[derive(Clone, Copy)]
enum Key {
    Form(Form),
    Params,
    InputData,
    Chat,
    Other,
}

struct KeySeed(Words);

/// What tells a table from a tensor in `input_data`.
#[derive(serde::Deserialize)]
struct Split {
    #[serde(rename = "data")]
    _data: IgnoredAny,
}

/// Reads a JSON body.
pub(super) fn decode(
    body: &[u8],
    signature: &Signature,
    compat: Compat,
    words: Words,
) -> Result<Decoded<Envelope>, Fault> {
    let body = std::str::from_utf8(body).map_err(|error| {
        let offset = error.valid_up_to();
        bad_input(format!(
            "Invalid input. Ensure that input is a valid JSON formatted string. Error: 'not UTF-8 at byte {offset}'"
        ))
    })?;
    let by_position = words.by_position;
    let context = Context::new(body, None, compat).by_position(by_position);
    let fault = match read(&context, signature, words) {
        Ok(decoded) => return Ok(decoded),
        Err(Failure::Fault(fault)) => return Err(fault),
        Err(Failure::Syntax(fault)) => fault,
    };
    let Some(rewritten) = Rewritten::new(body) else { return Err(fault) };
    let context = Context::new(body, Some(&rewritten), compat).by_position(by_position);
    read(&context, signature, words).map_err(|failure| match failure {
        Failure::Fault(fault) | Failure::Syntax(fault) => fault,
    })
}

fn read(context: &Context<'_>, signature: &Signature, words: Words) -> Result<Decoded<Envelope>, Failure> {
    let mut deserializer = serde_json::Deserializer::from_str(context.text());
    let outcome = Body { context, signature, words }
        .deserialize(&mut deserializer)
        .and_then(|parts| deserializer.end().map(|()| parts));
    let chat = || {
        let call = chat::decode(context, signature).map_err(Failure::Fault)?;
        Ok(Decoded { call, envelope: Envelope::Bare })
    };
    let parts = match (outcome, context.take_fault()) {
        (Ok(parts), _) if parts.chat => return chat(),
        (Ok(parts), _) => parts,
        // A form of another key that stands before the one of a chat.
        (Err(_), Some(_)) if chat::is_chat(context.text()) => return chat(),
        (Err(_), Some(fault)) => return Err(Failure::Fault(fault)),
        (Err(error), None) => return Err(Failure::Syntax(context.syntax(context.text(), &error))),
    };
    let (given, bare) = (parts.params, parts.bare);
    let input = parts.input().map_err(Failure::Fault)?;
    let whole = given.filter(|_| words.floats_only).map(|given| params::whole(given.get()));
    let given = whole.as_deref().or(given.map(RawValue::get));
    let params = params::enforce(given, &signature.params).map_err(Failure::Fault)?;
    let envelope = if bare { Envelope::Bare } else { Envelope::Predictions };
    Ok(Decoded { call: Call { input, params }, envelope })
}

// === impl Parts ===

impl Parts<'_> {
    fn input(self) -> Result<Input, Fault> {
        match (self.forms.iter().filter(|found| **found).count(), self.input) {
            (1, Some(input)) => Ok(input),
            _ => {
                let found = Form::ALL.into_iter().zip(self.forms).filter(|(_, found)| *found);
                let found: Vec<String> = found.map(|(form, _)| format!("'{}'", form.key())).collect();
                Err(bad_input(format!(
                    "{FIELDS} Received dictionary with input fields: [{}].",
                    found.join(", ")
                )))
            }
        }
    }
}

const FIELDS: &str = "The input must be a JSON dictionary with exactly one of the input fields \
                      {'dataframe_split', 'dataframe_records', 'instances', 'inputs'}.";

// === impl Body ===

impl Body<'_, '_> {
    fn received<T, E: Error>(self, what: &str) -> Result<T, E> {
        Err(self.context.refuse(bad_input(format!("Invalid input. {FIELDS} Received {what}."))))
    }

    fn scalar<T, E: Error>(self, scalar: Scalar<'_>) -> Result<T, E> {
        self.received(scalar.kind())
    }
}

impl<'de> DeserializeSeed<'de> for Body<'_, '_> {
    type Value = Parts<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parts<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Body<'_, '_> {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    forward_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Parts<'de>, A::Error> {
        // To its end, so that what is no JSON at all is called so.
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.received("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
        let Self { context, signature, words } = self;
        let mut parts = Parts::default();
        while let Some(key) = map.next_key_seed(KeySeed(words))? {
            match key {
                Key::Form(_) if parts.chat => {
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Form(form) => {
                    parts.forms[form as usize] = true;
                    if parts.forms.iter().filter(|found| **found).count() > 1 {
                        // Refused in the end, when all of them are known.
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    context.form.set(form);
                    parts.input = Some(map.next_value_seed(FormValue { context, signature })?);
                }
                Key::Params => parts.params = map.next_value()?,
                Key::InputData => {
                    let value: &RawValue = map.next_value()?;
                    let split =
                        value.get().starts_with('{') && serde_json::from_str::<Split>(value.get()).is_ok();
                    let form = if split { Form::Split } else { Form::Inputs };
                    (parts.forms[form as usize], parts.bare) = (true, true);
                    context.form.set(form);
                    let mut value_of = serde_json::Deserializer::from_str(value.get());
                    let read = FormValue { context, signature }.deserialize(&mut value_of);
                    parts.input = Some(read.map_err(A::Error::custom)?);
                }
                Key::Chat => {
                    parts.chat = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(parts)
    }
}

// === impl KeySeed ===

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        Ok(match key {
            "dataframe_split" => Key::Form(Form::Split),
            "dataframe_records" => Key::Form(Form::Records),
            "instances" => Key::Form(Form::Instances),
            "inputs" => Key::Form(Form::Inputs),
            "params" => Key::Params,
            key if self.0.params == Some(key) => Key::Params,
            key if self.0.input_data == Some(key) => Key::InputData,
            key if chat::KEYS.contains(&key) => Key::Chat,
            _ => Key::Other,
        })
    }
}
