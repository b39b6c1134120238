//! From a message to a request and from an answer to a message: tensors as lists for their datatype, or as raw bytes.
//!
//! Called by `protocol::grpc`. What a request means is `mlhost_wire::dialect::v2`'s to say.

use bytes::Bytes;
use mlhost_proto::infer_parameter::ParameterChoice;
use mlhost_proto::model_infer_request::InferInputTensor;
use mlhost_proto::model_infer_response::InferOutputTensor;
use mlhost_proto::{InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse};
use mlhost_wire::dialect::v2::{
    self, InferRequest, InferResponse, InferTensor, Parameter, Parameters, RequestedOutput, datatype, raw,
};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::{ElementType, Elements, Packed};

#[cold]
fn bad_input(public: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadInput, public)
}

/// What a message asks. Answers whether its tensors were raw bytes.
///
/// # Errors
///
/// Names the tensor or parameter that is not what it says.
pub(super) fn request(message: ModelInferRequest) -> Result<(InferRequest, bool), Fault> {
    let ModelInferRequest { id, parameters, inputs, outputs, raw_input_contents, .. } = message;
    let is_raw = !raw_input_contents.is_empty();
    if is_raw && raw_input_contents.len() != inputs.len() {
        let (raw, tensors) = (raw_input_contents.len(), inputs.len());
        return Err(bad_input(format!("there are {tensors} inputs and {raw} raw_input_contents")));
    }
    let mut raw = raw_input_contents.into_iter();
    let inputs = inputs.into_iter().map(|input| tensor(input, raw.next())).collect::<Result<_, _>>()?;
    let outputs = outputs
        .into_iter()
        .map(|output| Ok(RequestedOutput { name: output.name, parameters: given(output.parameters)? }))
        .collect::<Result<_, Fault>>()?;
    let id = Some(id).filter(|id| !id.is_empty());
    Ok((InferRequest { id, parameters: given(parameters)?, inputs, outputs }, is_raw))
}

fn given(parameters: impl IntoIterator<Item = (String, InferParameter)>) -> Result<Parameters, Fault> {
    parameters.into_iter().map(|(name, value)| Ok((name.clone(), parameter(&name, value)?))).collect()
}

fn parameter(name: &str, value: InferParameter) -> Result<Parameter, Fault> {
    Ok(match value.parameter_choice {
        Some(ParameterChoice::BoolParam(value)) => Parameter::Boolean(value),
        Some(ParameterChoice::Int64Param(value)) => Parameter::Integer(value),
        Some(ParameterChoice::StringParam(value)) => Parameter::Text(value),
        Some(ParameterChoice::DoubleParam(value)) => Parameter::Number(value),
        Some(ParameterChoice::Uint64Param(value)) => Parameter::Integer(
            i64::try_from(value)
                .map_err(|_| bad_input(format!("parameter `{name}` is larger than 2^63 - 1")))?,
        ),
        None => return Err(bad_input(format!("parameter `{name}` has no value"))),
    })
}

fn tensor(input: InferInputTensor, raw: Option<Bytes>) -> Result<InferTensor, Fault> {
    let InferInputTensor { name, datatype, shape, parameters, contents } = input;
    let element_type = datatype::parse(&datatype)
        .ok_or_else(|| bad_input(format!("input `{name}`: there is no datatype `{datatype}`")))?;
    let shape = v2::shape(&name, shape)?;
    let contents = contents.unwrap_or_default();
    let elements = match raw {
        Some(_) if contents != InferTensorContents::default() => {
            return Err(bad_input(format!("input `{name}` has contents beside raw_input_contents")));
        }
        Some(bytes) => raw::decode(&name, element_type, &shape, &bytes)?,
        None => listed(&name, element_type, contents)?,
    };
    Ok(InferTensor { parameters: given(parameters)?, ..InferTensor::new(name, shape, elements) })
}

/// The elements out of the list for their datatype.
fn listed(
    name: &str,
    element_type: ElementType,
    mut contents: InferTensorContents,
) -> Result<Elements, Fault> {
    let InferTensorContents { int_contents, uint_contents, .. } = &mut contents;
    let (ints, uints) = (std::mem::take(int_contents), std::mem::take(uint_contents));
    let unused = |ints: &[i32], uints: &[u32], rest: &InferTensorContents| {
        if ints.is_empty() && uints.is_empty() && *rest == InferTensorContents::default() {
            return Ok(());
        }
        let datatype = datatype::name(element_type);
        Err(bad_input(format!("input `{name}` is {datatype}, and has contents of another datatype")))
    };
    macro_rules! narrow {
        ($values:expr, $number:ty) => {
            $values
                .into_iter()
                .map(|value| {
                    <$number>::try_from(value).map_err(|_| {
                        let datatype = datatype::name(element_type);
                        bad_input(format!("input `{name}`: {value} is no {datatype}"))
                    })
                })
                .collect::<Result<Vec<_>, _>>()?
        };
    }
    macro_rules! taken {
        ($field:ident) => {
            std::mem::take(&mut contents.$field)
        };
    }
    let elements = match element_type {
        ElementType::S8 | ElementType::S16 | ElementType::S32 => {
            unused(&[], &uints, &contents)?;
            return Ok(match element_type {
                ElementType::S8 => Elements::S8(narrow!(ints, i8)),
                ElementType::S16 => Elements::S16(narrow!(ints, i16)),
                _ => Elements::S32(ints),
            });
        }
        ElementType::U8 | ElementType::U16 | ElementType::U32 => {
            unused(&ints, &[], &contents)?;
            return Ok(match element_type {
                ElementType::U8 => Elements::U8(narrow!(uints, u8)),
                ElementType::U16 => Elements::U16(narrow!(uints, u16)),
                _ => Elements::U32(uints),
            });
        }
        ElementType::Boolean => Elements::Boolean(taken!(bool_contents).into_iter().map(u8::from).collect()),
        ElementType::S64 => Elements::S64(taken!(int64_contents)),
        ElementType::U64 => Elements::U64(taken!(uint64_contents)),
        ElementType::F32 => Elements::F32(taken!(fp32_contents)),
        ElementType::F64 => Elements::F64(taken!(fp64_contents)),
        ElementType::Text => Elements::Text(packed(name, &taken!(bytes_contents))?),
        ElementType::F16 | ElementType::Bf16 => {
            let datatype = datatype::name(element_type);
            return Err(bad_input(format!("input `{name}`: {datatype} is taken as raw_input_contents only")));
        }
    };
    unused(&ints, &uints, &contents)?;
    Ok(elements)
}

fn packed(name: &str, values: &[Bytes]) -> Result<Packed, Fault> {
    let mut packed = Packed::with_capacity(values.len(), values.iter().map(Bytes::len).sum());
    for value in values {
        if !packed.push(value) {
            return Err(bad_input(format!("the values of input `{name}` exceed 4 GiB")));
        }
    }
    Ok(packed)
}

/// The message that spells an answer: raw bytes for clients that sent such, and where a datatype has no list.
pub(super) fn response(answer: InferResponse, raw: bool) -> ModelInferResponse {
    let has_no_list =
        |tensor: &InferTensor| matches!(tensor.element_type(), ElementType::F16 | ElementType::Bf16);
    let raw = raw || answer.outputs.iter().any(has_no_list);
    let mut raw_output_contents = Vec::new();
    let mut outputs = Vec::with_capacity(answer.outputs.len());
    for tensor in answer.outputs {
        let datatype = datatype::name(tensor.element_type()).to_owned();
        let contents = if raw {
            let mut bytes = Vec::new();
            raw::encode(&tensor.elements, &mut bytes);
            raw_output_contents.push(Bytes::from(bytes));
            None
        } else {
            Some(lists(tensor.elements))
        };
        outputs.push(InferOutputTensor {
            name: tensor.name,
            datatype,
            shape: tensor.shape.into_iter().map(i64::from).collect(),
            parameters: tensor.parameters.into_iter().map(spelled).collect(),
            contents,
        });
    }
    ModelInferResponse {
        model_name: answer.model_name,
        model_version: answer.model_version,
        id: answer.id.unwrap_or_default(),
        parameters: answer.parameters.into_iter().map(spelled).collect(),
        outputs,
        raw_output_contents,
    }
}

fn spelled((name, value): (String, Parameter)) -> (String, InferParameter) {
    let choice = match value {
        Parameter::Boolean(value) => ParameterChoice::BoolParam(value),
        Parameter::Integer(value) => ParameterChoice::Int64Param(value),
        Parameter::Number(value) => ParameterChoice::DoubleParam(value),
        Parameter::Text(value) => ParameterChoice::StringParam(value),
    };
    (name, InferParameter { parameter_choice: Some(choice) })
}

fn lists(elements: Elements) -> InferTensorContents {
    let mut contents = InferTensorContents::default();
    macro_rules! widened {
        ($values:expr) => {
            $values.into_iter().map(Into::into).collect()
        };
    }
    match elements {
        Elements::Boolean(values) => contents.bool_contents = values.iter().map(|byte| *byte != 0).collect(),
        Elements::S8(values) => contents.int_contents = widened!(values),
        Elements::S16(values) => contents.int_contents = widened!(values),
        Elements::S32(values) => contents.int_contents = values,
        Elements::S64(values) => contents.int64_contents = values,
        Elements::U8(values) => contents.uint_contents = widened!(values),
        Elements::U16(values) => contents.uint_contents = widened!(values),
        Elements::U32(values) => contents.uint_contents = values,
        Elements::U64(values) => contents.uint64_contents = values,
        Elements::F32(values) => contents.fp32_contents = values,
        Elements::F64(values) => contents.fp64_contents = values,
        Elements::Text(values) => {
            contents.bytes_contents = values.iter().map(Bytes::copy_from_slice).collect();
        }
        // Have no list: the answer is raw.
        Elements::F16(_) | Elements::Bf16(_) => {}
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(datatype: &str, shape: Vec<i64>, contents: InferTensorContents) -> InferInputTensor {
        InferInputTensor {
            name: "x".into(),
            datatype: datatype.into(),
            shape,
            contents: Some(contents),
            ..InferInputTensor::default()
        }
    }

    #[test]
    fn every_datatype_comes_back_as_it_was_in_lists_and_in_raw_bytes() {
        for (raw, elements) in [
            (false, Elements::Boolean(vec![0, 1])),
            (true, Elements::Bf16(vec![0x3fc0, 0xffff])),
            (true, Elements::F16(vec![0x3e00, 0xc000])),
            (false, Elements::F32(vec![f32::MIN_POSITIVE, -0.0])),
            (false, Elements::F64(vec![f64::MAX, 1e-320])),
            (false, Elements::S8(vec![-128, 127])),
            (false, Elements::S16(vec![i16::MIN, i16::MAX])),
            (false, Elements::S32(vec![i32::MIN, i32::MAX])),
            (false, Elements::S64(vec![i64::MIN, i64::MAX])),
            (false, Elements::U8(vec![0, 255])),
            (false, Elements::U16(vec![0, u16::MAX])),
            (false, Elements::U32(vec![0, u32::MAX])),
            (false, Elements::U64(vec![0, u64::MAX])),
            (false, Elements::Text([&b""[..], &b"\xff\0"[..]].into_iter().collect())),
        ] {
            for asked in [raw, true] {
                let tensor = InferTensor::new("x", vec![2], elements.clone());
                let answer = InferResponse { outputs: vec![tensor.clone()], ..InferResponse::default() };
                let answer = response(answer, asked);
                let [output] = answer.outputs.try_into().unwrap();
                assert_eq!(output.contents.is_none(), asked || raw);
                let input = InferInputTensor {
                    name: output.name,
                    datatype: output.datatype,
                    shape: output.shape,
                    parameters: output.parameters,
                    contents: output.contents,
                };
                let message = ModelInferRequest {
                    inputs: vec![input],
                    raw_input_contents: answer.raw_output_contents,
                    ..ModelInferRequest::default()
                };
                let (request, is_raw) = request(message).unwrap();
                assert_eq!((request.inputs, is_raw), (vec![tensor], asked || raw));
            }
        }
    }

    #[test]
    fn contents_that_are_not_the_tensors_are_refused_by_its_name() {
        let ints = InferTensorContents { int_contents: vec![300], ..InferTensorContents::default() };
        let floats = InferTensorContents { fp32_contents: vec![1.0], ..InferTensorContents::default() };
        let both = InferTensorContents { fp32_contents: vec![1.0], ..ints.clone() };
        for (input, raw) in [
            (input("INT8", vec![1], ints.clone()), vec![]),
            (input("FP64", vec![1], floats.clone()), vec![]),
            (input("INT32", vec![1], both), vec![]),
            (input("FP16", vec![1], floats.clone()), vec![]),
            (input("fp32", vec![1], floats.clone()), vec![]),
            (input("FP32", vec![-1], floats.clone()), vec![]),
            (input("FP32", vec![1], floats), vec![Bytes::from_static(&[0; 4])]),
        ] {
            let message = ModelInferRequest {
                inputs: vec![input],
                raw_input_contents: raw,
                ..ModelInferRequest::default()
            };
            let fault = request(message.clone()).unwrap_err();
            assert_eq!(fault.kind, FaultKind::BadInput);
            assert!(fault.public.contains("`x`"), "{}: {message:?}", fault.public);
        }
        let message =
            ModelInferRequest { raw_input_contents: vec![Bytes::new()], ..ModelInferRequest::default() };
        assert!(request(message).unwrap_err().public.contains("0 inputs and 1"));
    }

    #[test]
    fn a_parameter_keeps_its_type_and_its_value() {
        let value = |choice| InferParameter { parameter_choice: choice };
        let of = |choice| parameter("p", value(choice));
        assert_eq!(of(Some(ParameterChoice::Uint64Param(7))), Ok(Parameter::Integer(7)));
        assert_eq!(of(Some(ParameterChoice::DoubleParam(0.5))), Ok(Parameter::Number(0.5)));
        assert!(of(Some(ParameterChoice::Uint64Param(u64::MAX))).is_err());
        assert!(of(None).is_err());
    }
}
