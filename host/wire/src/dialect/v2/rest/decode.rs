//! A request's JSON, and the binary tensors behind it, to an [`InferRequest`].
//!
//! Called by [`super::decode`]. Keys that the protocol does not have are passed over, as all servers do; an input's `data` is typed
//! once all of the input is known, whatever the order of its keys. Bare `NaN` and infinities, which Triton and Python write, are
//! read where the body is no JSON otherwise.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::data::{Read, Source};
use crate::dialect::mlflow::lenient::Rewritten;
use crate::dialect::v2::message::count;
use crate::dialect::v2::{
    InferRequest, InferTensor, Parameter, Parameters, RequestedOutput, bad_input, datatype, raw,
};
use crate::fault::Fault;

/// An object and nothing else: serde takes a list for a struct, too.
struct Object<T>(T);

#[derive(Deserialize)]
struct Request<'b> {
    id: Option<String>,
    parameters: Option<Parameters>,
    #[serde(borrow)]
    inputs: Vec<Object<InputTensor<'b>>>,
    outputs: Option<Vec<Object<OutputTensor>>>,
}

#[derive(Deserialize)]
struct InputTensor<'b> {
    name: String,
    shape: Vec<u32>,
    datatype: String,
    parameters: Option<Parameters>,
    #[serde(borrow)]
    data: Option<&'b RawValue>,
}

#[derive(Deserialize)]
struct OutputTensor {
    name: String,
    parameters: Option<Parameters>,
}

/// Parameters of Triton's shared memory, which is not shared with this server.
const SHARED_MEMORY: &str = "shared_memory_region";

/// The request in `json`; `binary` is what stands behind it, where a header says that there is such a thing.
pub(super) fn decode(json: &[u8], binary: Option<&[u8]>) -> Result<InferRequest, Fault> {
    let text = std::str::from_utf8(json).map_err(|error| {
        bad_input(format!("the request is not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    let error = match serde_json::from_str::<Object<Request<'_>>>(text) {
        Ok(Object(request)) => return assemble(request, binary, false),
        Err(error) => error,
    };
    // Only what is no JSON can have bare literals.
    if error.is_syntax()
        && let Some(rewritten) = Rewritten::new(text)
        && let Ok(Object(request)) = serde_json::from_str::<Object<Request<'_>>>(&rewritten.text)
    {
        return assemble(request, binary, true);
    }
    Err(bad_input(format!("the request's JSON: {error}")))
}

fn assemble(request: Request<'_>, binary: Option<&[u8]>, lenient: bool) -> Result<InferRequest, Fault> {
    let mut rest = binary;
    let mut inputs = Vec::with_capacity(request.inputs.len());
    for Object(input) in request.inputs {
        inputs.push(tensor(input, &mut rest, lenient)?);
    }
    if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
        let left = rest.len();
        return Err(bad_input(format!("{left} bytes are left behind the last binary input")));
    }
    let mut outputs = Vec::new();
    for Object(OutputTensor { name, parameters }) in request.outputs.unwrap_or_default() {
        let parameters = parameters.unwrap_or_default();
        if parameters.contains_key(SHARED_MEMORY) {
            return Err(shared_memory("output", &name));
        }
        super::truth(&parameters, "binary_data")?;
        outputs.push(RequestedOutput { name, parameters });
    }
    let parameters = request.parameters.unwrap_or_default();
    Ok(InferRequest { id: request.id, parameters, inputs, outputs })
}

fn tensor(input: InputTensor<'_>, rest: &mut Option<&[u8]>, lenient: bool) -> Result<InferTensor, Fault> {
    let InputTensor { name, shape, datatype, parameters, data } = input;
    let element_type = datatype::parse(&datatype).ok_or_else(|| {
        let names: Vec<_> = datatype::ALL.iter().map(|(name, _)| *name).collect();
        let datatype = datatype.escape_debug();
        bad_input(format!("input `{name}` is of datatype `{datatype}`; there are {}", names.join(", ")))
    })?;
    let mut parameters = parameters.unwrap_or_default();
    if parameters.contains_key(SHARED_MEMORY) {
        return Err(shared_memory("input", &name));
    }
    let size = match parameters.remove("binary_data_size") {
        None => None,
        Some(Parameter::Integer(size)) if size >= 0 => usize::try_from(size).ok(),
        Some(_) => {
            return Err(bad_input(format!("`binary_data_size` of input `{name}` is a number of bytes")));
        }
    };
    let mut tensor = InferTensor::new(name, shape, datatype::empty(element_type, 0));
    tensor.parameters = parameters;
    match (data, size) {
        (Some(data), None) => {
            let base64 = tensor.is_base64();
            let source = Source { name: &tensor.name, text: data.get(), base64, lenient };
            Read { elements: tensor.elements, validity: tensor.validity } = source.read(element_type)?;
            let (found, expected) = (tensor.elements.len(), count(&tensor.shape));
            if found as u64 != expected {
                return Err(bad_input(format!(
                    "`data` of input `{}` has {found} elements; its shape {:?} wants {expected}",
                    tensor.name, tensor.shape
                )));
            }
        }
        (None, Some(size)) => {
            let bytes = rest.ok_or_else(|| {
                bad_input(format!(
                    "input `{}` is binary, and no `Inference-Header-Content-Length` says where that begins",
                    tensor.name
                ))
            })?;
            let (own, others) = bytes.split_at_checked(size).ok_or_else(|| {
                let (name, left) = (&tensor.name, bytes.len());
                bad_input(format!("input `{name}` is said to have {size} bytes, and {left} are left"))
            })?;
            *rest = Some(others);
            tensor.elements = raw::decode(&tensor.name, element_type, &tensor.shape, own)?;
        }
        (Some(_), Some(_)) => {
            return Err(bad_input(format!("input `{}` has both `data` and `binary_data_size`", tensor.name)));
        }
        (None, None) => {
            return Err(bad_input(format!(
                "input `{}` has neither `data` nor `binary_data_size`",
                tensor.name
            )));
        }
    }
    Ok(tensor)
}

fn shared_memory(what: &str, name: &str) -> Fault {
    bad_input(format!(
        "{what} `{name}` is to be in shared memory, which this server has none of; send it in the body"
    ))
}

// === impl Object ===

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
            type Value = Object<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(OfMap(PhantomData))
    }
}

// === impl Parameter ===

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfScalar;

        impl Visitor<'_> for OfScalar {
            type Value = Parameter;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a truth value, a number or a text as a parameter")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Parameter, E> {
                Ok(Parameter::Boolean(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Parameter, E> {
                Ok(Parameter::Integer(value))
            }

            #[expect(clippy::cast_precision_loss, reason = "past i64 there is no parameter but a float")]
            fn visit_u64<E: Error>(self, value: u64) -> Result<Parameter, E> {
                Ok(i64::try_from(value).map_or(Parameter::Number(value as f64), Parameter::Integer))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Parameter, E> {
                Ok(Parameter::Number(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Parameter, E> {
                Ok(Parameter::Text(value.to_owned()))
            }
        }

        deserializer.deserialize_any(OfScalar)
    }
}
