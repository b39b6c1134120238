//! From a request to a call: its tensors against what the model takes, its parameters against the model's.
//!
//! Called by REST and gRPC alike. A signature of tensors takes each by name, type and shape; one of columns takes each column as a
//! tensor of shape `[rows]` or `[rows, 1]`, or all of them as one of `[rows, columns]`; a model without a signature takes what
//! comes. What fits nothing is refused and never left out unseen.

use serde_json::Value as Json;

use super::column::{self, valid_name};
use super::message::{InferRequest, InferTensor, Parameter, Parameters, RequestedOutput, count};
use super::metadata::{column_name, unnamed_input};
use super::{bad_input, datatype};
use crate::dialect::mlflow::params;
use crate::dialect::{Decoded, Interface};
use crate::fault::Fault;
use crate::signature::{ColumnSpec, ParamSpec, Schema, TensorSpec};
use crate::values::{Blob, Call, Elements, Input, NamedTensor, Packed, Param, Table, Tensor};

/// What of a request its answer is put into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// The request's id.
    pub id: Option<String>,
    /// The outputs asked for; empty for all.
    pub outputs: Vec<RequestedOutput>,
}

/// The parameter that names the media type of raw bytes.
pub(super) const MEDIA_TYPE: &str = "media_type";

/// Parameters that say which of a sequence's requests this is. There are no sequences here, and answering as if there were would
/// mix up a client's state.
const SEQUENCE: [&str; 3] = ["sequence_id", "sequence_start", "sequence_end"];

/// What `request` asks of a model with this interface.
///
/// # Errors
///
/// [`crate::fault::FaultKind::BadInput`] names the input or parameter that does not fit.
pub fn call(request: InferRequest, interface: &Interface) -> Result<Decoded<Wanted>, Fault> {
    let InferRequest { id, parameters, inputs, outputs } = request;
    for (position, tensor) in inputs.iter().enumerate() {
        if inputs[..position].iter().any(|other| other.name == tensor.name) {
            return Err(bad_input(format!("input `{}` is there twice", tensor.name)));
        }
        let (found, expected) = (tensor.elements.len(), count(&tensor.shape));
        if found as u64 != expected {
            let (name, shape) = (&tensor.name, &tensor.shape);
            return Err(bad_input(format!(
                "input `{name}` has {found} elements; its shape {shape:?} wants {expected}"
            )));
        }
    }
    for (position, output) in outputs.iter().enumerate() {
        if outputs[..position].iter().any(|other| other.name == output.name) {
            return Err(bad_input(format!("output `{}` is asked for twice", output.name)));
        }
    }
    let params = enforce(&parameters, &interface.signature.params)?;
    let input = match &interface.signature.inputs {
        Some(Schema::Columns(specs)) => Input::Table(table(specs, inputs)?),
        Some(Schema::Tensors(specs)) => Input::Tensors(tensors(specs, inputs)?),
        None => free(inputs, interface)?,
    };
    Ok(Decoded { call: Call { input, params }, envelope: Wanted { id, outputs } })
}

/// The model's parameters. A list, which the protocol has no parameter for, comes as its JSON text.
fn enforce(given: &Parameters, specs: &[ParamSpec]) -> Result<Vec<Param>, Fault> {
    let own = |name: &str| specs.iter().any(|spec| spec.name == name);
    for name in SEQUENCE.into_iter().filter(|name| !own(name)) {
        let set = match given.get(name) {
            None | Some(Parameter::Boolean(false) | Parameter::Integer(0)) => false,
            Some(Parameter::Text(text)) => !text.is_empty(),
            Some(_) => true,
        };
        if set {
            let public =
                format!("parameter `{name}`: there are no sequences here, each request stands alone");
            return Err(bad_input(public));
        }
    }
    let mut map = serde_json::Map::new();
    for spec in specs {
        let Some(value) = given.get(&spec.name) else { continue };
        let json = match value {
            Parameter::Boolean(value) => Json::Bool(*value),
            Parameter::Integer(value) => Json::from(*value),
            Parameter::Number(value) => Json::from(*value),
            Parameter::Text(text) if spec.list || spec.column_type.is_nested() => serde_json::from_str(text)
                .map_err(|error| {
                    bad_input(format!("parameter `{}` is to be a JSON text: {error}", spec.name))
                })?,
            Parameter::Text(text) => Json::from(text.as_str()),
        };
        map.insert(spec.name.clone(), json);
    }
    params::enforce(Some(&Json::Object(map).to_string()), specs)
}

/// What comes, where the model does not say what it takes.
fn free(mut inputs: Vec<InferTensor>, interface: &Interface) -> Result<Input, Fault> {
    if let [only] = inputs.as_mut_slice()
        && let Some(Parameter::Text(media_type)) = only.parameters.get(MEDIA_TYPE)
        && interface.raw_media_types.iter().any(|taken| takes(taken, media_type))
        && let Elements::Text(values) = &only.elements
        && values.len() == 1
    {
        let data = values.data.clone();
        return Ok(Input::Blob(Blob { content_type: media_type.clone(), data }));
    }
    Ok(Input::Tensors(inputs.into_iter().map(|tensor| named(None, tensor)).collect::<Result<_, _>>()?))
}

/// Whether `taken`, such as `image/*`, covers `media_type`.
fn takes(taken: &str, media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match taken.strip_suffix('*') {
        Some(kind) => essence.starts_with(kind),
        None => essence == taken,
    }
}

fn tensors(specs: &[TensorSpec], mut inputs: Vec<InferTensor>) -> Result<Vec<NamedTensor>, Fault> {
    let name =
        |position: usize, spec: &TensorSpec| spec.name.clone().unwrap_or_else(|| unnamed_input(position));
    // A tensor without a name is whatever the client calls it.
    if let ([TensorSpec { name: None, .. }], [only]) = (specs, inputs.as_mut_slice()) {
        only.name = unnamed_input(0);
    }
    let names: Vec<String> = specs.iter().enumerate().map(|(position, spec)| name(position, spec)).collect();
    refuse_unexpected(&inputs, &names, |_| false)?;
    let mut fitted = Vec::with_capacity(specs.len());
    for (spec, name) in specs.iter().zip(&names) {
        let Some(position) = inputs.iter().position(|tensor| tensor.name == *name) else {
            return Err(missing(&[name]));
        };
        let tensor = inputs.swap_remove(position);
        if tensor.element_type() != spec.element_type {
            let (found, wanted) = (datatype::name(tensor.element_type()), datatype::name(spec.element_type));
            return Err(bad_input(format!("input `{name}` is {found}, and the model takes {wanted}")));
        }
        // A graph whose port declares no shape takes any: its axes are not known.
        let fits = spec.shape.len() == tensor.shape.len()
            && spec.shape.iter().zip(&tensor.shape).all(|(axis, size)| axis.is_none_or(|axis| axis == *size));
        if !fits && !spec.shape.is_empty() {
            let wanted: Vec<i64> = spec.shape.iter().map(|axis| axis.map_or(-1, i64::from)).collect();
            return Err(bad_input(format!(
                "input `{name}` has shape {:?}, and the model takes {wanted:?}",
                tensor.shape
            )));
        }
        fitted.push(named(spec.name.clone(), InferTensor { name: name.clone(), ..tensor })?);
    }
    // The names are the model's own again: an unnamed tensor has none.
    for (tensor, spec) in fitted.iter_mut().zip(specs) {
        tensor.name = spec.name.clone().unwrap_or_default();
    }
    Ok(fitted)
}

/// A tensor as wire has it: `BYTES` are texts, and only floats can be missing.
fn named(name: Option<String>, tensor: InferTensor) -> Result<NamedTensor, Fault> {
    let InferTensor { name: given, shape, elements, validity, .. } = tensor;
    if let Elements::Text(values) = &elements {
        column::utf8(&given, values)?;
    }
    let float =
        matches!(elements, Elements::F64(_) | Elements::F32(_) | Elements::F16(_) | Elements::Bf16(_));
    if let Some(index) = validity.filter(|_| !float).and_then(|mask| mask.iter().position(|byte| *byte == 0))
    {
        return Err(bad_input(format!("element {index} of input `{given}` is null")));
    }
    Ok(NamedTensor { name: name.unwrap_or(given), tensor: Tensor { shape, elements } })
}

fn table(specs: &[ColumnSpec], inputs: Vec<InferTensor>) -> Result<Table, Fault> {
    let names: Vec<String> =
        specs.iter().enumerate().map(|(position, spec)| column_name(position, spec)).collect();
    let mut inputs = if is_matrix(&names, &inputs) { split(&names, &inputs)? } else { inputs };
    let is_valid_of = |tensor: &InferTensor| {
        tensor.name.strip_suffix(".valid").is_some_and(|column| names.iter().any(|name| name == column))
    };
    refuse_unexpected(&inputs, &names, is_valid_of)?;
    let absent: Vec<&String> = specs
        .iter()
        .zip(&names)
        .filter(|(spec, name)| spec.required && !inputs.iter().any(|tensor| tensor.name == **name))
        .map(|(_, name)| name)
        .collect();
    if !absent.is_empty() {
        return Err(missing(&absent));
    }
    let mut columns = Vec::with_capacity(specs.len());
    let mut rows = None;
    for (spec, name) in specs.iter().zip(&names) {
        let Some(position) = inputs.iter().position(|tensor| tensor.name == *name) else { continue };
        let mut tensor = inputs.swap_remove(position);
        if !matches!(tensor.shape.as_slice(), [_] | [_, 1]) {
            return Err(bad_input(format!(
                "input `{name}` has shape {:?}; a column has shape [rows] or [rows, 1]",
                tensor.shape
            )));
        }
        let found = tensor.elements.len();
        let expected = *rows.get_or_insert(found);
        if found != expected {
            return Err(bad_input(format!("input `{name}` has {found} rows, the others {expected}")));
        }
        if let Some(position) = inputs.iter().position(|tensor| tensor.name == valid_name(name)) {
            let valid = inputs.swap_remove(position);
            match valid.elements {
                Elements::Boolean(mask) if mask.len() == found => tensor.validity = Some(mask),
                _ => {
                    let valid = valid.name;
                    return Err(bad_input(format!("input `{valid}` is to be BOOL with {found} elements")));
                }
            }
        }
        columns.push(column::decode(name.clone(), spec, tensor)?);
    }
    if let Some(left) = inputs.first() {
        return Err(bad_input(format!("input `{}` is there without its column", left.name)));
    }
    let rows = rows.ok_or_else(|| bad_input("the request has no input"))?;
    Ok(Table { columns, rows })
}

/// Whether the inputs are one tensor of shape `[rows, columns]`.
fn is_matrix(names: &[String], inputs: &[InferTensor]) -> bool {
    let [only] = inputs else { return false };
    let [_, columns] = only.shape.as_slice() else { return false };
    *columns as usize == names.len() && !names.is_empty() && (names.len() > 1 || only.name != names[0])
}

/// One tensor of shape `[rows, columns]` as its columns.
fn split(names: &[String], inputs: &[InferTensor]) -> Result<Vec<InferTensor>, Fault> {
    let mut columns = Vec::with_capacity(names.len());
    for matrix in inputs {
        let rows = matrix.elements.len() / names.len().max(1);
        for (at, name) in names.iter().enumerate() {
            let places = || (0..rows).map(|row| row * names.len() + at);
            let elements = pick(&matrix.elements, places())
                .ok_or_else(|| bad_input(format!("the values of input `{}` exceed 4 GiB", matrix.name)))?;
            let mask = matrix.validity.as_ref();
            columns.push(InferTensor {
                name: name.clone(),
                shape: matrix.shape.iter().copied().take(1).collect(),
                elements,
                validity: mask.map(|mask| places().filter_map(|place| mask.get(place).copied()).collect()),
                parameters: matrix.parameters.clone(),
            });
        }
    }
    Ok(columns)
}

/// The elements at `places`; `None` past 4 GiB.
fn pick(elements: &Elements, places: impl Iterator<Item = usize>) -> Option<Elements> {
    macro_rules! pick {
        ($variant:ident, $values:expr) => {
            Elements::$variant(places.filter_map(|place| $values.get(place).copied()).collect())
        };
    }
    Some(match elements {
        Elements::Boolean(values) => pick!(Boolean, values),
        Elements::Bf16(values) => pick!(Bf16, values),
        Elements::F16(values) => pick!(F16, values),
        Elements::F32(values) => pick!(F32, values),
        Elements::F64(values) => pick!(F64, values),
        Elements::S8(values) => pick!(S8, values),
        Elements::S16(values) => pick!(S16, values),
        Elements::S32(values) => pick!(S32, values),
        Elements::S64(values) => pick!(S64, values),
        Elements::U8(values) => pick!(U8, values),
        Elements::U16(values) => pick!(U16, values),
        Elements::U32(values) => pick!(U32, values),
        Elements::U64(values) => pick!(U64, values),
        Elements::Text(values) => {
            let mut packed = Packed::with_capacity(0, 0);
            for place in places {
                if !packed.push(values.get(place)?) {
                    return None;
                }
            }
            Elements::Text(packed)
        }
    })
}

fn refuse_unexpected(
    inputs: &[InferTensor],
    names: &[String],
    besides: impl Fn(&InferTensor) -> bool,
) -> Result<(), Fault> {
    let known = |tensor: &&InferTensor| names.contains(&tensor.name) || besides(tensor);
    match inputs.iter().find(|tensor| !known(tensor)) {
        None => Ok(()),
        Some(tensor) => {
            let name = &tensor.name;
            let names = names.join("`, `");
            Err(bad_input(format!("the model has no input `{name}`; it takes `{names}`")))
        }
    }
}

fn missing(names: &[&String]) -> Fault {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    bad_input(format!("the model needs input `{}`", names.join("`, `")))
}
