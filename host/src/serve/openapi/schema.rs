//! JSON Schema of what a signature says.
//!
//! Called by [`super::model`]. Says what a request is to look like; what else is cast or ignored is left to the server, as
//! clients are not to rely on it.

use mlhost_wire::signature::{ColumnSpec, ColumnType, ParamSpec, TensorSpec};
use mlhost_wire::values::ElementType;
use serde_json::{Map, Value, json};

/// An object of named values, one of each column.
pub(super) fn record(columns: &[ColumnSpec], answered: bool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (position, column) in columns.iter().enumerate() {
        let name = column.name.clone().unwrap_or_else(|| position.to_string());
        let cell = cell(&column.column_type);
        properties.insert(name.clone(), if answered || !column.required { nullable(cell) } else { cell });
        if answered || column.required {
            required.push(name);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// A list of values, one of each column in its order.
pub(super) fn row(columns: &[ColumnSpec]) -> Value {
    let cells: Vec<Value> = columns
        .iter()
        .map(|column| {
            let cell = cell(&column.column_type);
            if column.required { cell } else { nullable(cell) }
        })
        .collect();
    json!({ "type": "array", "prefixItems": cells, "minItems": columns.len(), "maxItems": columns.len() })
}

/// One value of a column.
pub(super) fn cell(column_type: &ColumnType) -> Value {
    match column_type {
        ColumnType::Boolean => json!({ "type": "boolean" }),
        ColumnType::Integer => {
            json!({ "type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX })
        }
        ColumnType::Long => {
            json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX })
        }
        ColumnType::Float => json!({ "type": "number", "format": "float" }),
        ColumnType::Double => json!({ "type": "number", "format": "double" }),
        ColumnType::String => json!({ "type": "string" }),
        ColumnType::Binary => json!({ "type": "string", "contentEncoding": "base64" }),
        ColumnType::Datetime => {
            json!({ "type": "string", "description": "a moment, such as 2026-01-31T12:00:00" })
        }
        ColumnType::Array(items) => json!({ "type": "array", "items": cell(items) }),
        ColumnType::Map(values) => json!({ "type": "object", "additionalProperties": cell(values) }),
        ColumnType::Any => json!({}),
        ColumnType::Object(fields) => {
            let properties: Map<String, Value> =
                fields.iter().map(|field| (field.name.clone(), cell(&field.column_type))).collect();
            let required: Vec<&str> =
                fields.iter().filter(|field| field.required).map(|field| field.name.as_str()).collect();
            json!({
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            })
        }
    }
}

/// The same or null.
pub(super) fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").and_then(Value::as_str).map(str::to_owned) {
        schema["type"] = json!([kind, "null"]);
    }
    schema
}

/// Nested lists from axis `from` on.
pub(super) fn tensor(spec: &TensorSpec, from: usize, answered: bool) -> Value {
    let element = element(spec.element_type);
    let element = if answered { nullable(element) } else { element };
    spec.shape.iter().skip(from).rev().fold(element, |items, size| {
        let mut list = json!({ "type": "array", "items": items });
        if let Some(size) = size {
            list["minItems"] = json!(size);
            list["maxItems"] = json!(size);
        }
        list
    })
}

fn element(element_type: ElementType) -> Value {
    let integer = |least: i64, most: u64| json!({ "type": "integer", "minimum": least, "maximum": most });
    match element_type {
        ElementType::Boolean => json!({ "type": "boolean" }),
        ElementType::Text => json!({ "type": "string" }),
        ElementType::Bf16 | ElementType::F16 | ElementType::F32 => {
            json!({ "type": "number", "format": "float" })
        }
        ElementType::F64 => json!({ "type": "number", "format": "double" }),
        ElementType::S8 => integer(i8::MIN.into(), i8::MAX as u64),
        ElementType::S16 => integer(i16::MIN.into(), i16::MAX as u64),
        ElementType::S32 => integer(i32::MIN.into(), i32::MAX as u64),
        ElementType::S64 => integer(i64::MIN, i64::MAX as u64),
        ElementType::U8 => integer(0, u8::MAX.into()),
        ElementType::U16 => integer(0, u16::MAX.into()),
        ElementType::U32 => integer(0, u32::MAX.into()),
        ElementType::U64 => integer(0, u64::MAX),
    }
}

/// The parameters, none of which is needed.
pub(super) fn params(specs: &[ParamSpec]) -> Value {
    let properties: Map<String, Value> = specs
        .iter()
        .map(|spec| {
            let value = cell(&spec.column_type);
            let mut value = if spec.list { json!({ "type": "array", "items": value }) } else { value };
            if !spec.default.is_null() {
                value["default"] = spec.default.clone();
            }
            (spec.name.clone(), value)
        })
        .collect();
    json!({ "type": "object", "properties": properties })
}
