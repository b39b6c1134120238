//! The protocol's datatypes, which are wire's element types under other names: `BYTES` is [`ElementType::Text`].
//!
//! Called by everything in `v2` and by gRPC. Names are matched exactly, as every server does.

use crate::signature::ColumnType;
use crate::values::{ElementType, Elements, Packed};

/// Every datatype: its name and its element type.
pub const ALL: [(&str, ElementType); 14] = [
    ("BOOL", ElementType::Boolean),
    ("UINT8", ElementType::U8),
    ("UINT16", ElementType::U16),
    ("UINT32", ElementType::U32),
    ("UINT64", ElementType::U64),
    ("INT8", ElementType::S8),
    ("INT16", ElementType::S16),
    ("INT32", ElementType::S32),
    ("INT64", ElementType::S64),
    ("FP16", ElementType::F16),
    ("FP32", ElementType::F32),
    ("FP64", ElementType::F64),
    ("BF16", ElementType::Bf16),
    ("BYTES", ElementType::Text),
];

/// The element type that the protocol calls `name`.
#[must_use]
pub fn parse(name: &str) -> Option<ElementType> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, element_type)| *element_type)
}

/// What the protocol calls `element_type`.
#[must_use]
pub fn name(element_type: ElementType) -> &'static str {
    // Each element type is in the list: held by a test.
    ALL.iter().find(|(_, known)| *known == element_type).map_or("BYTES", |(name, _)| *name)
}

/// Bytes that one element takes as a binary tensor; `None` for `BYTES`, whose elements say so themselves.
#[must_use]
pub fn size(element_type: ElementType) -> Option<usize> {
    Some(match element_type {
        ElementType::Boolean | ElementType::U8 | ElementType::S8 => 1,
        ElementType::U16 | ElementType::S16 | ElementType::F16 | ElementType::Bf16 => 2,
        ElementType::U32 | ElementType::S32 | ElementType::F32 => 4,
        ElementType::U64 | ElementType::S64 | ElementType::F64 => 8,
        ElementType::Text => return None,
    })
}

/// What a column of a table is offered and answered as. Moments are `BYTES` of ISO 8601 (numbers of nanoseconds are taken, too),
/// binary values `BYTES` as they are, nested values `BYTES` of JSON.
#[must_use]
pub fn of_column(column_type: &ColumnType) -> ElementType {
    match column_type {
        ColumnType::Boolean => ElementType::Boolean,
        ColumnType::Integer => ElementType::S32,
        ColumnType::Long => ElementType::S64,
        ColumnType::Float => ElementType::F32,
        ColumnType::Double => ElementType::F64,
        ColumnType::String
        | ColumnType::Binary
        | ColumnType::Datetime
        | ColumnType::Array(_)
        | ColumnType::Object(_)
        | ColumnType::Map(_)
        | ColumnType::Any => ElementType::Text,
    }
}

/// No elements of this type, with room for `count`.
#[must_use]
pub fn empty(element_type: ElementType, count: usize) -> Elements {
    match element_type {
        ElementType::Boolean => Elements::Boolean(Vec::with_capacity(count)),
        ElementType::Bf16 => Elements::Bf16(Vec::with_capacity(count)),
        ElementType::F16 => Elements::F16(Vec::with_capacity(count)),
        ElementType::F32 => Elements::F32(Vec::with_capacity(count)),
        ElementType::F64 => Elements::F64(Vec::with_capacity(count)),
        ElementType::S8 => Elements::S8(Vec::with_capacity(count)),
        ElementType::S16 => Elements::S16(Vec::with_capacity(count)),
        ElementType::S32 => Elements::S32(Vec::with_capacity(count)),
        ElementType::S64 => Elements::S64(Vec::with_capacity(count)),
        ElementType::U8 => Elements::U8(Vec::with_capacity(count)),
        ElementType::U16 => Elements::U16(Vec::with_capacity(count)),
        ElementType::U32 => Elements::U32(Vec::with_capacity(count)),
        ElementType::U64 => Elements::U64(Vec::with_capacity(count)),
        ElementType::Text => Elements::Text(Packed::with_capacity(count, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_type_has_one_name_that_leads_back_to_it() {
        for (text, element_type) in ALL {
            assert_eq!((parse(text), name(element_type)), (Some(element_type), text));
            assert_eq!(empty(element_type, 1).element_type(), element_type);
        }
        assert_eq!(parse("fp32"), None);
        assert_eq!(parse(""), None);
    }
}
