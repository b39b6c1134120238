//! The host side of `wasi:nn@0.2.0-rc-2024-10-28`, for guests that want the standard's interfaces.
//!
//! Only `load-by-name` loads: bytes from a guest never reach ONNX Runtime's parser. Tensors live in the call's
//! resource table and count against its data budget. `mlhost:nn` does the same in one crossing and with every element
//! type. Written from the WIT, because wasmtime-wasi-nn 48 takes only f32 inputs and panics on others.

#![expect(unreachable_pub, reason = "the generated bindings export the resources' types")]

use mlhost_nn::NnError;
use mlhost_wire::values::{Elements, NamedTensor, Tensor as WireTensor};
use wasmtime::component::Resource;

use crate::bindings::mlhost::nn::graphs::ErrorCode as OurCode;
use crate::bindings::wasi::nn::errors::{self, ErrorCode};
use crate::bindings::wasi::nn::graph::{self, ExecutionTarget, GraphBuilder, GraphEncoding};
use crate::bindings::wasi::nn::inference;
use crate::bindings::wasi::nn::tensor::{self, TensorData, TensorDimensions, TensorType};
use crate::error::SandboxError;
use crate::graphs::code;
use crate::state::GuestState;

/// A tensor that the host holds for a guest, as the guest gave it.
pub struct HeldTensor {
    dimensions: Vec<u32>,
    ty: TensorType,
    data: Vec<u8>,
}

/// A graph that a guest has opened, and its execution context: neither has state of its own.
pub struct HeldGraph {
    name: String,
}

/// An error that a guest can ask about.
pub struct HeldError {
    code: ErrorCode,
    data: String,
}

type Fallible<T> = wasmtime::Result<Result<T, Resource<HeldError>>>;

// === impl GuestState ===

impl GuestState {
    fn hold_tensor(&mut self, tensor: HeldTensor) -> wasmtime::Result<Resource<HeldTensor>> {
        self.hold(tensor.data.len()).map_err(wasmtime::Error::new)?;
        Ok(self.table.push(tensor)?)
    }

    fn hold_error(&mut self, code: ErrorCode, data: String) -> wasmtime::Result<Resource<HeldError>> {
        self.hold(data.len()).map_err(wasmtime::Error::new)?;
        Ok(self.table.push(HeldError { code, data })?)
    }

    fn hold_graph(&mut self, name: String) -> wasmtime::Result<Resource<HeldGraph>> {
        self.hold(name.len()).map_err(wasmtime::Error::new)?;
        Ok(self.table.push(HeldGraph { name })?)
    }

    fn drop_graph(&mut self, graph: Resource<HeldGraph>) -> wasmtime::Result<()> {
        let held = self.table.delete(graph)?;
        self.release(held.name.len());
        Ok(())
    }

    /// The error as the guest sees it, or the end of the call.
    fn nn_error(&mut self, error: NnError) -> wasmtime::Result<Resource<HeldError>> {
        let code = match code(&error) {
            Some(OurCode::NotFound) => ErrorCode::NotFound,
            Some(OurCode::InvalidArgument) => ErrorCode::InvalidArgument,
            Some(OurCode::TooLarge) => ErrorCode::TooLarge,
            Some(OurCode::RuntimeError) => ErrorCode::RuntimeError,
            None => return Err(wasmtime::Error::new(SandboxError::Graph(error))),
        };
        self.hold_error(code, error.to_string())
    }

    fn input(
        &self,
        name: String,
        tensor: &Resource<HeldTensor>,
    ) -> wasmtime::Result<Result<NamedTensor, String>> {
        let held = self.table.get(tensor)?;
        Ok(match elements(held) {
            Some(elements) => {
                Ok(NamedTensor { name, tensor: WireTensor { shape: held.dimensions.clone(), elements } })
            }
            None => Err(format!(
                "tensor `{name}` has {} bytes, which are no whole number of {:?} elements",
                held.data.len(),
                held.ty
            )),
        })
    }
}

impl tensor::Host for GuestState {}

impl tensor::HostTensor for GuestState {
    fn new(
        &mut self,
        dimensions: TensorDimensions,
        ty: TensorType,
        data: TensorData,
    ) -> wasmtime::Result<Resource<HeldTensor>> {
        self.hold_tensor(HeldTensor { dimensions, ty, data })
    }

    fn dimensions(&mut self, tensor: Resource<HeldTensor>) -> wasmtime::Result<TensorDimensions> {
        Ok(self.table.get(&tensor)?.dimensions.clone())
    }

    fn ty(&mut self, tensor: Resource<HeldTensor>) -> wasmtime::Result<TensorType> {
        Ok(self.table.get(&tensor)?.ty)
    }

    fn data(&mut self, tensor: Resource<HeldTensor>) -> wasmtime::Result<TensorData> {
        Ok(self.table.get(&tensor)?.data.clone())
    }

    fn drop(&mut self, tensor: Resource<HeldTensor>) -> wasmtime::Result<()> {
        let held = self.table.delete(tensor)?;
        self.release(held.data.len());
        Ok(())
    }
}

impl errors::Host for GuestState {}

impl errors::HostError for GuestState {
    fn code(&mut self, error: Resource<HeldError>) -> wasmtime::Result<ErrorCode> {
        Ok(self.table.get(&error)?.code)
    }

    fn data(&mut self, error: Resource<HeldError>) -> wasmtime::Result<String> {
        Ok(self.table.get(&error)?.data.clone())
    }

    fn drop(&mut self, error: Resource<HeldError>) -> wasmtime::Result<()> {
        let held = self.table.delete(error)?;
        self.release(held.data.len());
        Ok(())
    }
}

impl graph::Host for GuestState {
    fn load(
        &mut self,
        _: Vec<GraphBuilder>,
        _: GraphEncoding,
        _: ExecutionTarget,
    ) -> Fallible<Resource<HeldGraph>> {
        let message = "graphs come with the bundle; open one by `load-by-name`";
        Ok(Err(self.hold_error(ErrorCode::UnsupportedOperation, message.to_owned())?))
    }

    fn load_by_name(&mut self, name: String) -> Fallible<Resource<HeldGraph>> {
        self.reached_graph = true;
        Ok(match self.resources.graphs.get(&name) {
            Ok(_) => Ok(self.hold_graph(name)?),
            Err(error) => Err(self.nn_error(error)?),
        })
    }
}

impl graph::HostGraph for GuestState {
    fn init_execution_context(&mut self, graph: Resource<HeldGraph>) -> Fallible<Resource<HeldGraph>> {
        let name = self.table.get(&graph)?.name.clone();
        Ok(Ok(self.hold_graph(name)?))
    }

    fn drop(&mut self, graph: Resource<HeldGraph>) -> wasmtime::Result<()> {
        self.drop_graph(graph)
    }
}

impl inference::Host for GuestState {}

impl inference::HostGraphExecutionContext for GuestState {
    async fn compute(
        &mut self,
        context: Resource<HeldGraph>,
        inputs: Vec<(String, Resource<HeldTensor>)>,
    ) -> Fallible<Vec<(String, Resource<HeldTensor>)>> {
        let graph = self.table.get(&context)?.name.clone();
        let mut tensors = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            match self.input(name, &tensor)? {
                Ok(tensor) => tensors.push(tensor),
                Err(message) => return Ok(Err(self.hold_error(ErrorCode::InvalidArgument, message)?)),
            }
        }
        let outputs = match self.run(&graph, tensors, Vec::new()).await {
            Ok(outputs) => outputs,
            Err(error) => return Ok(Err(self.nn_error(error)?)),
        };
        let mut held = Vec::with_capacity(outputs.len());
        for NamedTensor { name, tensor } in outputs {
            let Some((ty, data)) = bytes(&tensor.elements) else {
                let message = format!(
                    "output `{name}` is {}, which wasi:nn has not; use mlhost:nn",
                    tensor.elements.element_type()
                );
                return Ok(Err(self.hold_error(ErrorCode::UnsupportedOperation, message)?));
            };
            held.push((name, self.hold_tensor(HeldTensor { dimensions: tensor.shape, ty, data })?));
        }
        Ok(Ok(held))
    }

    fn drop(&mut self, context: Resource<HeldGraph>) -> wasmtime::Result<()> {
        self.drop_graph(context)
    }
}

/// The bytes as elements, `None` when they are no whole number of them. wasi:nn is little-endian.
fn elements(held: &HeldTensor) -> Option<Elements> {
    macro_rules! whole {
        ($variant:ident, $number:ty) => {{
            let (chunks, rest) = held.data.as_chunks::<{ size_of::<$number>() }>();
            rest.is_empty().then(|| {
                Elements::$variant(chunks.iter().map(|chunk| <$number>::from_le_bytes(*chunk)).collect())
            })
        }};
    }
    match held.ty {
        TensorType::Fp16 => whole!(F16, u16),
        TensorType::Bf16 => whole!(Bf16, u16),
        TensorType::Fp32 => whole!(F32, f32),
        TensorType::Fp64 => whole!(F64, f64),
        TensorType::U8 => Some(Elements::U8(held.data.clone())),
        TensorType::I32 => whole!(S32, i32),
        TensorType::I64 => whole!(S64, i64),
    }
}

/// Elements as bytes, `None` for the types that wasi:nn has not.
fn bytes(elements: &Elements) -> Option<(TensorType, Vec<u8>)> {
    macro_rules! bytes {
        ($values:expr) => {
            $values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
    }
    Some(match elements {
        Elements::F16(values) => (TensorType::Fp16, bytes!(values)),
        Elements::Bf16(values) => (TensorType::Bf16, bytes!(values)),
        Elements::F32(values) => (TensorType::Fp32, bytes!(values)),
        Elements::F64(values) => (TensorType::Fp64, bytes!(values)),
        Elements::U8(values) => (TensorType::U8, values.clone()),
        Elements::S32(values) => (TensorType::I32, bytes!(values)),
        Elements::S64(values) => (TensorType::I64, bytes!(values)),
        Elements::Boolean(_)
        | Elements::S8(_)
        | Elements::S16(_)
        | Elements::U16(_)
        | Elements::U32(_)
        | Elements::U64(_)
        | Elements::Text(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_whole_elements_are_refused() {
        let held = |ty, data: &[u8]| HeldTensor { dimensions: vec![1], ty, data: data.to_vec() };
        assert_eq!(elements(&held(TensorType::I64, &[1, 0, 0])), None);
        assert_eq!(elements(&held(TensorType::I32, &[1, 0, 0, 0])), Some(Elements::S32(vec![1])));
        assert_eq!(elements(&held(TensorType::Fp16, &[0, 60])), Some(Elements::F16(vec![0x3c00])));
    }

    #[test]
    fn elements_and_bytes_are_inverse() {
        for ours in [
            Elements::F32(vec![1.5, -0.0]),
            Elements::F64(vec![f64::MAX]),
            Elements::S64(vec![i64::MIN, 7]),
            Elements::Bf16(vec![0x3f80]),
            Elements::U8(vec![0, 255]),
        ] {
            let (ty, data) = bytes(&ours).unwrap();
            assert_eq!(elements(&HeldTensor { dimensions: vec![], ty, data }), Some(ours));
        }
        assert_eq!(bytes(&Elements::Boolean(vec![1])), None);
    }
}
