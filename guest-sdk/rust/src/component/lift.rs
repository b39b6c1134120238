//! What the host hands over, as this crate's types.
//!
//! Called by `component`; moves buffers, never copies them, except those of `wasi:nn`, which come as bytes.

use crate::bindings::mlhost::guest::types;
use crate::bindings::mlhost::nn::types as nn;
use crate::bindings::wasi::nn::tensor as wasi;
use crate::wasi_nn::{PortableType, decode};
use crate::{
    Blob, Column, ColumnData, ElementType, Elements, GraphError, Input, Packed, Params, Table, Tensor,
    Tensors, Value,
};

pub(super) fn input(input: types::Input) -> Input {
    match input {
        types::Input::Table(table) => Input::Table(Table {
            columns: table.columns.into_iter().map(column).collect(),
            rows: table.rows as usize,
        }),
        types::Input::Tensors(list) => Input::Tensors(tensors(list)),
        types::Input::Blob(blob) => Input::Blob(Blob { content_type: blob.content_type, data: blob.data }),
    }
}

pub(super) fn params(params: Vec<types::Param>) -> Params {
    params
        .into_iter()
        .map(|param| {
            let value = match param.value {
                types::Value::Null => Value::Null,
                types::Value::Boolean(value) => Value::Boolean(value),
                types::Value::Integer(value) => Value::Integer(value),
                types::Value::Number(value) => Value::Number(value),
                types::Value::Text(value) => Value::Text(value),
                types::Value::Json(value) => Value::Json(value),
            };
            (param.name, value)
        })
        .collect()
}

pub(super) fn tensors(tensors: Vec<nn::NamedTensor>) -> Tensors {
    tensors.into_iter().map(|named| (named.name, tensor(named.tensor))).collect()
}

pub(super) fn portable(tensor: &wasi::Tensor) -> Result<Tensor, GraphError> {
    let element_type = match tensor.ty() {
        wasi::TensorType::Fp16 => PortableType::F16,
        wasi::TensorType::Fp32 => PortableType::F32,
        wasi::TensorType::Fp64 => PortableType::F64,
        wasi::TensorType::Bf16 => PortableType::Bf16,
        wasi::TensorType::U8 => PortableType::U8,
        wasi::TensorType::I32 => PortableType::S32,
        wasi::TensorType::I64 => PortableType::S64,
    };
    decode(&tensor.dimensions(), element_type, tensor.data())
}

pub(super) fn element_type(element_type: nn::ElementType) -> ElementType {
    match element_type {
        nn::ElementType::Boolean => ElementType::Boolean,
        nn::ElementType::Bf16 => ElementType::Bf16,
        nn::ElementType::F16 => ElementType::F16,
        nn::ElementType::F32 => ElementType::F32,
        nn::ElementType::F64 => ElementType::F64,
        nn::ElementType::S8 => ElementType::S8,
        nn::ElementType::S16 => ElementType::S16,
        nn::ElementType::S32 => ElementType::S32,
        nn::ElementType::S64 => ElementType::S64,
        nn::ElementType::U8 => ElementType::U8,
        nn::ElementType::U16 => ElementType::U16,
        nn::ElementType::U32 => ElementType::U32,
        nn::ElementType::U64 => ElementType::U64,
        nn::ElementType::Text => ElementType::Text,
    }
}

fn packed(packed: nn::Packed) -> Packed {
    Packed { offsets: packed.offsets, data: packed.data }
}

fn column(column: types::Column) -> Column {
    let data = match column.data {
        types::ColumnData::F64(values) => ColumnData::F64(values),
        types::ColumnData::F32(values) => ColumnData::F32(values),
        types::ColumnData::S64(values) => ColumnData::S64(values),
        types::ColumnData::S32(values) => ColumnData::S32(values),
        types::ColumnData::Boolean(values) => ColumnData::Boolean(values),
        types::ColumnData::Text(values) => ColumnData::Text(packed(values)),
        types::ColumnData::Binary(values) => ColumnData::Binary(packed(values)),
        types::ColumnData::Datetime(values) => ColumnData::Datetime(values),
        types::ColumnData::Json(values) => ColumnData::Json(packed(values)),
    };
    Column { name: column.name, data, validity: column.validity }
}

fn tensor(tensor: nn::Tensor) -> Tensor {
    let elements = match tensor.elements {
        nn::Elements::Boolean(values) => Elements::Boolean(values),
        nn::Elements::Bf16(values) => Elements::Bf16(values),
        nn::Elements::F16(values) => Elements::F16(values),
        nn::Elements::F32(values) => Elements::F32(values),
        nn::Elements::F64(values) => Elements::F64(values),
        nn::Elements::S8(values) => Elements::S8(values),
        nn::Elements::S16(values) => Elements::S16(values),
        nn::Elements::S32(values) => Elements::S32(values),
        nn::Elements::S64(values) => Elements::S64(values),
        nn::Elements::U8(values) => Elements::U8(values),
        nn::Elements::U16(values) => Elements::U16(values),
        nn::Elements::U32(values) => Elements::U32(values),
        nn::Elements::U64(values) => Elements::U64(values),
        nn::Elements::Text(values) => Elements::Text(packed(values)),
    };
    Tensor { shape: tensor.shape.into_iter().map(|size| size as usize).collect(), elements }
}
