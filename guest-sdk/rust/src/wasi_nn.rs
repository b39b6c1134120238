//! The standard `wasi:nn` interfaces, for guests that are to run elsewhere too.
//!
//! Load by name and compute, with float16, bfloat16, float32, float64, uint8, int32 and int64 tensors; anything
//! else is `mlhost:nn`'s, through [`Graph`](crate::Graph), which also copies less. Never loads a graph from bytes.

use crate::{ElementType, Elements, GraphError, GraphErrorCode, Tensor, Tensors, imports};

/// A graph opened through `wasi:nn`.
///
/// The handle belongs to the instance that opened it: open it in `predict`, not in `load_context`, whose memory
/// is copied to other instances.
pub struct Graph(imports::PortableGraph);

/// The element types that `wasi:nn` has.
#[derive(Clone, Copy)]
pub(crate) enum PortableType {
    F16,
    F32,
    F64,
    Bf16,
    U8,
    S32,
    S64,
}

// === impl Graph ===

impl Graph {
    /// Opens the graph `name`.
    ///
    /// # Errors
    ///
    /// There is no such graph.
    pub fn load_by_name(name: &str) -> Result<Self, GraphError> {
        imports::PortableGraph::load_by_name(name).map(Self)
    }

    /// Runs it in an execution context of its own and gives all its outputs.
    ///
    /// # Errors
    ///
    /// `wasi:nn` has no such element type, an input does not fit, or the graph failed.
    pub fn compute<S: Into<String>>(
        &self,
        inputs: impl IntoIterator<Item = (S, Tensor)>,
    ) -> Result<Tensors, GraphError> {
        self.0.compute(inputs.into_iter().collect())
    }
}

/// The bytes of a tensor, little-endian, as `wasi:nn` takes them.
pub(crate) fn encode(tensor: &Tensor) -> Result<(PortableType, Vec<u8>), GraphError> {
    fn bytes<T: Copy, const N: usize>(values: &[T], to_bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        values.iter().flat_map(|value| to_bytes(*value)).collect()
    }
    Ok(match tensor.elements() {
        Elements::F16(values) => (PortableType::F16, bytes(values, u16::to_le_bytes)),
        Elements::Bf16(values) => (PortableType::Bf16, bytes(values, u16::to_le_bytes)),
        Elements::F32(values) => (PortableType::F32, bytes(values, f32::to_le_bytes)),
        Elements::F64(values) => (PortableType::F64, bytes(values, f64::to_le_bytes)),
        Elements::U8(values) => (PortableType::U8, values.clone()),
        Elements::S32(values) => (PortableType::S32, bytes(values, i32::to_le_bytes)),
        Elements::S64(values) => (PortableType::S64, bytes(values, i64::to_le_bytes)),
        _ => return Err(unsupported(tensor.element_type())),
    })
}

/// The tensor of bytes that came from `wasi:nn`.
pub(crate) fn decode(
    dimensions: &[u32],
    element_type: PortableType,
    data: Vec<u8>,
) -> Result<Tensor, GraphError> {
    fn values<T, const N: usize>(data: &[u8], from_bytes: impl Fn([u8; N]) -> T) -> Vec<T> {
        data.as_chunks().0.iter().map(|bytes| from_bytes(*bytes)).collect()
    }
    let elements = match element_type {
        PortableType::F16 => Elements::F16(values(&data, u16::from_le_bytes)),
        PortableType::Bf16 => Elements::Bf16(values(&data, u16::from_le_bytes)),
        PortableType::F32 => Elements::F32(values(&data, f32::from_le_bytes)),
        PortableType::F64 => Elements::F64(values(&data, f64::from_le_bytes)),
        PortableType::U8 => Elements::U8(data),
        PortableType::S32 => Elements::S32(values(&data, i32::from_le_bytes)),
        PortableType::S64 => Elements::S64(values(&data, i64::from_le_bytes)),
    };
    let shape: Vec<usize> = dimensions.iter().map(|size| *size as usize).collect();
    Tensor::new(shape, elements).map_err(|error| GraphError {
        code: GraphErrorCode::RuntimeError,
        message: error.message().to_owned(),
    })
}

fn unsupported(element_type: ElementType) -> GraphError {
    GraphError {
        code: GraphErrorCode::Unsupported,
        message: format!("`wasi:nn` has no tensors of type {element_type}; use `mlhost_guest::Graph`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_types_of_wasi_nn_survive_the_way_through_bytes() {
        let tensors = [
            Tensor::f16([2], [0x3c00, 1]),
            Tensor::bf16([2], [0x3f80, 1]),
            Tensor::f32([2], [1.5, -0.0]),
            Tensor::f64([1, 2], [1.5, f64::MIN]),
            Tensor::u8([2], [0, 255]),
            Tensor::s32([2], [i32::MIN, 7]),
            Tensor::s64([2], [i64::MIN, 7]),
        ];
        testing::graph("same", Ok);
        let graph = Graph::load_by_name("same").unwrap();
        for tensor in tensors {
            let tensor = tensor.unwrap();
            let answer = graph.compute([("x", tensor.clone())]).unwrap();
            assert_eq!(answer.into_single(), Ok(tensor));
        }
    }

    #[test]
    fn the_types_that_wasi_nn_lacks_are_refused_with_the_way_out() {
        testing::graph("same", Ok);
        let graph = Graph::load_by_name("same").unwrap();
        for tensor in [
            Tensor::boolean([1], [1]),
            Tensor::s8([1], [1]),
            Tensor::s16([1], [1]),
            Tensor::u16([1], [1]),
            Tensor::u32([1], [1]),
            Tensor::u64([1], [1]),
            Tensor::text([1], ["x"]),
        ] {
            let error = graph.compute([("x", tensor.unwrap())]).unwrap_err();
            assert_eq!(error.code, GraphErrorCode::Unsupported);
            assert!(error.message.contains("mlhost_guest::Graph"), "{error}");
        }
    }

    #[test]
    fn an_unknown_graph_is_not_opened_and_bytes_that_fill_no_shape_are_an_error() {
        assert_eq!(
            Graph::load_by_name("nowhere").err().map(|error| error.code),
            Some(GraphErrorCode::NotFound)
        );
        let error = decode(&[2], PortableType::F32, vec![0; 4]).unwrap_err();
        assert_eq!(error.code, GraphErrorCode::RuntimeError);
    }
}
