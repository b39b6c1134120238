//! This crate's types as the host takes them.
//!
//! Called by `component`; moves buffers, never copies them, except those of `wasi:nn`, which go as bytes.

use crate::bindings::mlhost::guest::types;
use crate::bindings::mlhost::nn::types as nn;
use crate::bindings::wasi::nn::tensor as wasi;
use crate::wasi_nn::{PortableType, encode};
use crate::{Column, ColumnData, Elements, Error, GraphError, Output, Packed, Table, Tensor, Tensors};

pub(super) fn failure(error: Error) -> types::Failure {
    let message = error.message().to_owned();
    if error.is_rejected() { types::Failure::Rejected(message) } else { types::Failure::Failed(message) }
}

pub(super) fn output(output: Output) -> types::Output {
    match output {
        Output::Table(table) => types::Output::Table(lower_table(table)),
        Output::Tensors(list) => types::Output::Tensors(tensors(list)),
        Output::Json(text) => types::Output::Json(text),
        Output::Blob(blob) => {
            types::Output::Blob(types::Blob { content_type: blob.content_type, data: blob.data })
        }
    }
}

pub(super) fn tensors(tensors: Tensors) -> Vec<nn::NamedTensor> {
    let named = |(name, tensor)| nn::NamedTensor { name, tensor: lower_tensor(tensor) };
    tensors.into_iter().map(named).collect()
}

pub(super) fn portable(tensor: &Tensor) -> Result<wasi::Tensor, GraphError> {
    let (element_type, data) = encode(tensor)?;
    let element_type = match element_type {
        PortableType::F16 => wasi::TensorType::Fp16,
        PortableType::F32 => wasi::TensorType::Fp32,
        PortableType::F64 => wasi::TensorType::Fp64,
        PortableType::Bf16 => wasi::TensorType::Bf16,
        PortableType::U8 => wasi::TensorType::U8,
        PortableType::S32 => wasi::TensorType::I32,
        PortableType::S64 => wasi::TensorType::I64,
    };
    Ok(wasi::Tensor::new(&dimensions(tensor), element_type, &data))
}

fn dimensions(tensor: &Tensor) -> Vec<u32> {
    // `Tensor::new` has checked that every size fits.
    tensor.shape().iter().map(|size| *size as u32).collect()
}

fn packed(packed: Packed) -> nn::Packed {
    nn::Packed { offsets: packed.offsets, data: packed.data }
}

fn lower_table(table: Table) -> types::Table {
    types::Table { rows: table.rows as u32, columns: table.columns.into_iter().map(column).collect() }
}

fn column(column: Column) -> types::Column {
    let data = match column.data {
        ColumnData::F64(values) => types::ColumnData::F64(values),
        ColumnData::F32(values) => types::ColumnData::F32(values),
        ColumnData::S64(values) => types::ColumnData::S64(values),
        ColumnData::S32(values) => types::ColumnData::S32(values),
        ColumnData::Boolean(values) => types::ColumnData::Boolean(values),
        ColumnData::Text(values) => types::ColumnData::Text(packed(values)),
        ColumnData::Binary(values) => types::ColumnData::Binary(packed(values)),
        ColumnData::Datetime(values) => types::ColumnData::Datetime(values),
        ColumnData::Json(values) => types::ColumnData::Json(packed(values)),
    };
    types::Column { name: column.name, data, validity: column.validity }
}

fn lower_tensor(tensor: Tensor) -> nn::Tensor {
    let shape = dimensions(&tensor);
    let elements = match tensor.elements {
        Elements::Boolean(values) => nn::Elements::Boolean(values),
        Elements::Bf16(values) => nn::Elements::Bf16(values),
        Elements::F16(values) => nn::Elements::F16(values),
        Elements::F32(values) => nn::Elements::F32(values),
        Elements::F64(values) => nn::Elements::F64(values),
        Elements::S8(values) => nn::Elements::S8(values),
        Elements::S16(values) => nn::Elements::S16(values),
        Elements::S32(values) => nn::Elements::S32(values),
        Elements::S64(values) => nn::Elements::S64(values),
        Elements::U8(values) => nn::Elements::U8(values),
        Elements::U16(values) => nn::Elements::U16(values),
        Elements::U32(values) => nn::Elements::U32(values),
        Elements::U64(values) => nn::Elements::U64(values),
        Elements::Text(values) => nn::Elements::Text(packed(values)),
    };
    nn::Tensor { shape, elements }
}
