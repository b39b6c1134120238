//! What there is to say of an input: its kind, its types, its shape, and each of its values as Python spells it.
//!
//! Called by `predict`. Makes the same JSON as the captured server's model; where pandas has no column of a type in which
//! a value is missing, the column is one of objects.

use mlhost_guest::{
    Column, ColumnData, Elements, Error, Input, Packed, Params, Table, Tensor, Tensors, Value,
};
use serde_json::{Map, Value as Json, json};

use crate::moment;
use crate::python::{self, Python};

/// The input's description.
pub(crate) fn input(input: &Input) -> Result<Json, Error> {
    match input {
        Input::Table(table) => frame(table),
        Input::Tensors(tensors) => arrays(tensors),
        Input::Blob(blob) if blob.content_type == "application/json" => {
            Ok(chat(&Python::parse(str::from_utf8(&blob.data)?)?))
        }
        Input::Blob(blob) => Ok(
            json!({"kind": "bytes", "content_type": blob.content_type, "values": python::bytes(&blob.data)}),
        ),
    }
}

/// A body of chat messages, which MLflow hands over as the JSON it is.
fn chat(value: &Python) -> Json {
    let kind = match value {
        Python::List(items) => {
            let values: Vec<Json> = items.iter().map(chat).collect();
            return json!({"kind": "list", "len": items.len(), "values": values});
        }
        Python::Dict(items) => {
            let items: Map<String, Json> =
                items.iter().map(|(key, item)| (key.clone(), chat(item))).collect();
            return json!({"kind": "dict", "items": items});
        }
        Python::None => "NoneType",
        Python::Boolean(_) => "bool",
        Python::Integer(_) => "int",
        Python::Float(_) => "float",
        Python::Text(_) => "str",
    };
    json!({"kind": kind, "repr": value.to_string()})
}

/// The parameters' values by name; null where there are none.
pub(crate) fn params(params: &Params) -> Result<Json, Error> {
    if params.iter().len() == 0 {
        return Ok(Json::Null);
    }
    let described = params.iter().map(|(name, value)| {
        let value = match value {
            Value::Null => "None".to_owned(),
            Value::Boolean(value) => python::boolean(*value),
            Value::Integer(value) => value.to_string(),
            Value::Number(value) => python::float(*value),
            Value::Text(text) => python::text(text),
            Value::Json(text) => Python::parse(text)?.to_string(),
        };
        Ok((name.to_owned(), Json::String(value)))
    });
    described.collect::<Result<Map<_, _>, Error>>().map(Json::Object)
}

fn frame(table: &Table) -> Result<Json, Error> {
    let (rows, columns) = (table.rows(), table.columns());
    let values: Result<Vec<Vec<String>>, Error> =
        (0..rows).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect();
    Ok(json!({
        "kind": "DataFrame",
        "shape": [rows, columns.len()],
        "columns": columns.iter().map(|column| &column.name).collect::<Vec<_>>(),
        "dtypes": columns.iter().map(dtype).collect::<Vec<_>>(),
        "index": (0..rows).map(|row| row.to_string()).collect::<Vec<_>>(),
        "values": values?,
    }))
}

/// pandas has no place for a missing boolean or text in the columns of these types.
fn dtype(column: &Column) -> &'static str {
    let missing = (0..column.len()).any(|row| !column.is_present(row));
    match &column.data {
        ColumnData::F64(_) => "float64",
        ColumnData::F32(_) => "float32",
        ColumnData::S64(_) => "int64",
        ColumnData::S32(_) => "int32",
        ColumnData::Boolean(_) if !missing => "bool",
        ColumnData::Text(_) if !missing && !column.is_empty() => "str",
        ColumnData::Datetime(_) => "datetime64[ns]",
        _ => "object",
    }
}

fn cell(column: &Column, row: usize) -> Result<String, Error> {
    let present = column.is_present(row);
    Ok(match &column.data {
        // A float's missing value is a NaN whether or not a mask says so.
        ColumnData::F64(values) => python::float(values[row]),
        ColumnData::F32(values) => python::float(values[row].into()),
        ColumnData::Datetime(_) if !present => "NaT".to_owned(),
        _ if !present => "None".to_owned(),
        ColumnData::Datetime(values) => moment::timestamp(values[row]),
        ColumnData::S64(values) => values[row].to_string(),
        ColumnData::S32(values) => values[row].to_string(),
        ColumnData::Boolean(values) => python::boolean(values[row] != 0),
        ColumnData::Text(values) => python::text(text(values, row)?),
        ColumnData::Binary(values) => python::bytes(values.get(row).unwrap_or_default()),
        ColumnData::Json(values) => Python::parse(text(values, row)?)?.to_string(),
    })
}

fn text(values: &Packed, at: usize) -> Result<&str, Error> {
    values.text(at).ok_or_else(|| Error::failed(format_args!("text {at} is missing or not UTF-8")))
}

fn arrays(tensors: &Tensors) -> Result<Json, Error> {
    if let (1, Some(("", tensor))) = (tensors.len(), tensors.iter().next()) {
        return array(tensor);
    }
    let items = tensors.iter().map(|(name, tensor)| Ok((name.to_owned(), array(tensor)?)));
    Ok(json!({"kind": "dict", "items": items.collect::<Result<Map<_, _>, Error>>()?}))
}

fn array(tensor: &Tensor) -> Result<Json, Error> {
    let mut next = 0;
    let values = nested(tensor.shape(), tensor.elements(), &mut next)?;
    Ok(json!({
        "kind": "ndarray",
        "dtype": tensor.element_type().to_string(),
        "shape": tensor.shape(),
        "values": values,
    }))
}

/// Python's `str(array.tolist())`.
fn nested(shape: &[usize], elements: &Elements, next: &mut usize) -> Result<String, Error> {
    let Some((size, inner)) = shape.split_first() else {
        *next += 1;
        return element(elements, *next - 1);
    };
    let items: Result<Vec<String>, Error> = (0..*size).map(|_| nested(inner, elements, next)).collect();
    Ok(format!("[{}]", items?.join(", ")))
}

fn element(elements: &Elements, at: usize) -> Result<String, Error> {
    Ok(match elements {
        Elements::Boolean(values) => python::boolean(values[at] != 0),
        Elements::Bf16(values) => python::float(f32::from_bits(u32::from(values[at]) << 16).into()),
        Elements::F16(values) => python::float(half(values[at])),
        Elements::F32(values) => python::float(values[at].into()),
        Elements::F64(values) => python::float(values[at]),
        Elements::S8(values) => values[at].to_string(),
        Elements::S16(values) => values[at].to_string(),
        Elements::S32(values) => values[at].to_string(),
        Elements::S64(values) => values[at].to_string(),
        Elements::U8(values) => values[at].to_string(),
        Elements::U16(values) => values[at].to_string(),
        Elements::U32(values) => values[at].to_string(),
        Elements::U64(values) => values[at].to_string(),
        Elements::Text(values) => python::text(text(values, at)?),
    })
}

/// A half-precision number from its bits (IEEE 754: 1 sign, 5 exponent, 10 mantissa).
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => mantissa * 2f64.powi(-24),
        0x1f if mantissa == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1024.0 + mantissa) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use mlhost_guest::Blob;

    use super::*;

    #[test]
    fn halves_are_read_from_their_bits() {
        let halves = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 2f64.powi(-24)),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_953_125),
        ];
        for (bits, value) in halves {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
        assert!(half(0x8000).is_sign_negative());
    }

    #[test]
    fn a_chat_body_is_described_value_by_value() {
        let data = br#"{"messages": [{"role": "user", "n": 1}]}"#.to_vec();
        let blob = Blob { content_type: "application/json".into(), data };
        let message = json!({"kind": "dict", "items": {
            "role": {"kind": "str", "repr": "'user'"},
            "n": {"kind": "int", "repr": "1"},
        }});
        assert_eq!(
            input(&Input::Blob(blob)).unwrap(),
            json!({"kind": "dict", "items": {"messages": {"kind": "list", "len": 1, "values": [message]}}})
        );
    }

    #[test]
    fn arrays_of_every_type_are_nested_lists() {
        let text = Tensor::text([2, 1], ["a", "b"]).unwrap();
        assert_eq!(array(&text).unwrap()["values"], "[['a'], ['b']]");
        let none = Tensor::u8([2, 0], []).unwrap();
        assert_eq!(array(&none).unwrap()["values"], "[[], []]");
        let one = Tensor::u64([], [u64::MAX]).unwrap();
        assert_eq!(array(&one).unwrap()["values"], "18446744073709551615");
    }
}
