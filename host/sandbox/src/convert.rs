//! Between wire's values and the guest contract's: borrowed on the way in, moved on the way out, never copied here.
//!
//! Called by `guest.rs` for a call's input and output, and by `graphs.rs` for tensors that guests compute with.
//! Whoever takes a value out of a guest checks it; this module only changes its type.

use mlhost_wire::values as wire;

use crate::bindings::mlhost::guest::types as guest;
use crate::bindings::mlhost::nn::types as nn;

/// What an input lends while it is lowered.
pub(crate) enum Lent<'a> {
    Table { columns: Vec<guest::ColumnParam<'a>>, rows: u32 },
    Tensors(Vec<nn::NamedTensorParam<'a>>),
    Blob(&'a wire::Blob),
}

// === impl Lent ===

impl<'a> Lent<'a> {
    /// `None` when a table has more rows than a guest can count.
    pub(crate) fn new(input: &'a wire::Input) -> Option<Self> {
        Some(match input {
            wire::Input::Table(table) => Self::Table {
                columns: table.columns.iter().map(column_in).collect(),
                rows: u32::try_from(table.rows).ok()?,
            },
            wire::Input::Tensors(tensors) => Self::Tensors(tensors.iter().map(tensor_in).collect()),
            wire::Input::Blob(blob) => Self::Blob(blob),
        })
    }

    pub(crate) fn input(&self) -> guest::Input<'_> {
        match self {
            Self::Table { columns, rows } => guest::Input::Table(guest::TableParam { columns, rows: *rows }),
            Self::Tensors(tensors) => guest::Input::Tensors(tensors),
            Self::Blob(blob) => {
                guest::Input::Blob(guest::BlobParam { content_type: &blob.content_type, data: &blob.data })
            }
        }
    }
}

pub(crate) fn param_in(param: &wire::Param) -> guest::Param<'_> {
    let value = match &param.value {
        wire::Value::Null => guest::Value::Null,
        wire::Value::Boolean(value) => guest::Value::Boolean(*value),
        wire::Value::Integer(value) => guest::Value::Integer(*value),
        wire::Value::Number(value) => guest::Value::Number(*value),
        wire::Value::Text(value) => guest::Value::Text(value),
        wire::Value::Json(value) => guest::Value::Json(value),
    };
    guest::Param { name: &param.name, value }
}

fn column_in(column: &wire::Column) -> guest::ColumnParam<'_> {
    use guest::ColumnDataParam as To;
    use wire::ColumnData as From;
    let data = match &column.data {
        From::F64(values) => To::F64(values),
        From::F32(values) => To::F32(values),
        From::S64(values) => To::S64(values),
        From::S32(values) => To::S32(values),
        From::Boolean(values) => To::Boolean(values),
        From::Text(values) => To::Text(packed_in(values)),
        From::Binary(values) => To::Binary(packed_in(values)),
        From::Datetime(values) => To::Datetime(values),
        From::Json(values) => To::Json(packed_in(values)),
    };
    guest::ColumnParam { name: &column.name, data, validity: column.validity.as_deref() }
}

fn tensor_in(tensor: &wire::NamedTensor) -> nn::NamedTensorParam<'_> {
    use nn::ElementsParam as To;
    use wire::Elements as From;
    let elements = match &tensor.tensor.elements {
        From::Boolean(values) => To::Boolean(values),
        From::Bf16(values) => To::Bf16(values),
        From::F16(values) => To::F16(values),
        From::F32(values) => To::F32(values),
        From::F64(values) => To::F64(values),
        From::S8(values) => To::S8(values),
        From::S16(values) => To::S16(values),
        From::S32(values) => To::S32(values),
        From::S64(values) => To::S64(values),
        From::U8(values) => To::U8(values),
        From::U16(values) => To::U16(values),
        From::U32(values) => To::U32(values),
        From::U64(values) => To::U64(values),
        From::Text(values) => To::Text(packed_in(values)),
    };
    let tensor_in = nn::TensorParam { shape: &tensor.tensor.shape, elements };
    nn::NamedTensorParam { name: &tensor.name, tensor: tensor_in }
}

fn packed_in(packed: &wire::Packed) -> nn::PackedParam<'_> {
    nn::PackedParam { offsets: &packed.offsets, data: &packed.data }
}

pub(crate) fn output_out(output: guest::Output) -> wire::Output {
    match output {
        guest::Output::Table(table) => wire::Output::Table(wire::Table {
            columns: table.columns.into_iter().map(column_out).collect(),
            rows: table.rows as usize,
        }),
        guest::Output::Tensors(tensors) => {
            wire::Output::Tensors(tensors.into_iter().map(tensor_out).collect())
        }
        guest::Output::Json(text) => wire::Output::Json(text),
        guest::Output::Blob(blob) => {
            wire::Output::Blob(wire::Blob { content_type: blob.content_type, data: blob.data })
        }
    }
}

fn column_out(column: guest::ColumnResult) -> wire::Column {
    use guest::ColumnDataResult as From;
    use wire::ColumnData as To;
    let data = match column.data {
        From::F64(values) => To::F64(values),
        From::F32(values) => To::F32(values),
        From::S64(values) => To::S64(values),
        From::S32(values) => To::S32(values),
        From::Boolean(values) => To::Boolean(values),
        From::Text(values) => To::Text(packed_out(values)),
        From::Binary(values) => To::Binary(packed_out(values)),
        From::Datetime(values) => To::Datetime(values),
        From::Json(values) => To::Json(packed_out(values)),
    };
    wire::Column { name: column.name, data, validity: column.validity }
}

pub(crate) fn tensor_out(tensor: nn::NamedTensorResult) -> wire::NamedTensor {
    use nn::ElementsResult as From;
    use wire::Elements as To;
    let elements = match tensor.tensor.elements {
        From::Boolean(values) => To::Boolean(values),
        From::Bf16(values) => To::Bf16(values),
        From::F16(values) => To::F16(values),
        From::F32(values) => To::F32(values),
        From::F64(values) => To::F64(values),
        From::S8(values) => To::S8(values),
        From::S16(values) => To::S16(values),
        From::S32(values) => To::S32(values),
        From::S64(values) => To::S64(values),
        From::U8(values) => To::U8(values),
        From::U16(values) => To::U16(values),
        From::U32(values) => To::U32(values),
        From::U64(values) => To::U64(values),
        From::Text(values) => To::Text(packed_out(values)),
    };
    wire::NamedTensor { name: tensor.name, tensor: wire::Tensor { shape: tensor.tensor.shape, elements } }
}

fn packed_out(packed: nn::PackedResult) -> wire::Packed {
    wire::Packed { offsets: packed.offsets, data: packed.data }
}

/// A computed tensor for a guest that asked for it.
pub(crate) fn tensor_given(tensor: wire::NamedTensor) -> nn::NamedTensorResult {
    use nn::ElementsResult as To;
    use wire::Elements as From;
    let elements = match tensor.tensor.elements {
        From::Boolean(values) => To::Boolean(values),
        From::Bf16(values) => To::Bf16(values),
        From::F16(values) => To::F16(values),
        From::F32(values) => To::F32(values),
        From::F64(values) => To::F64(values),
        From::S8(values) => To::S8(values),
        From::S16(values) => To::S16(values),
        From::S32(values) => To::S32(values),
        From::S64(values) => To::S64(values),
        From::U8(values) => To::U8(values),
        From::U16(values) => To::U16(values),
        From::U32(values) => To::U32(values),
        From::U64(values) => To::U64(values),
        From::Text(packed) => To::Text(nn::PackedResult { offsets: packed.offsets, data: packed.data }),
    };
    nn::NamedTensorResult {
        name: tensor.name,
        tensor: nn::TensorResult { shape: tensor.tensor.shape, elements },
    }
}

pub(crate) fn element_type(element_type: wire::ElementType) -> nn::ElementType {
    use nn::ElementType as To;
    use wire::ElementType as From;
    match element_type {
        From::Boolean => To::Boolean,
        From::Bf16 => To::Bf16,
        From::F16 => To::F16,
        From::F32 => To::F32,
        From::F64 => To::F64,
        From::S8 => To::S8,
        From::S16 => To::S16,
        From::S32 => To::S32,
        From::S64 => To::S64,
        From::U8 => To::U8,
        From::U16 => To::U16,
        From::U32 => To::U32,
        From::U64 => To::U64,
        From::Text => To::Text,
    }
}
