//! A decoded call in the vocabulary of the captured servers' model, which described what it got.

use mlhost_wire::values::{Call, Column, ColumnData, Elements, Input, Table, Tensor, Value};
use serde_json::Value as Json;

use super::python::Python;

/// What a model gets.
#[derive(Debug, PartialEq)]
pub(crate) enum Described {
    /// The rows' names, and columns: name, type, values.
    Table { index: Vec<String>, columns: Vec<(String, String, Vec<Python>)> },
    /// Tensors: name (empty for the only one), type, shape and elements as nested lists.
    Tensors(Vec<(String, String, Vec<u64>, Python)>),
    /// A body as it is.
    Chat(Python),
}

/// What the captured model said that it got.
pub(crate) fn expected(input: &Json) -> Described {
    match input["kind"].as_str().expect("a kind") {
        "DataFrame" => {
            let texts = |key: &str| -> Vec<String> {
                let list = input[key].as_array().expect("a list");
                list.iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
            };
            let rows = input["values"].as_array().expect("rows");
            let columns = texts("columns").into_iter().zip(texts("dtypes")).enumerate();
            let columns = columns.map(|(position, (name, dtype))| {
                let cells = rows.iter().map(|row| Python::parse(row[position].as_str().expect("a cell")));
                // The captured model went through its table by rows, which makes floats of integers beside floats.
                let cells = cells.map(|cell| match cell {
                    Python::Float(value) if dtype.starts_with("int") => Python::Integer(value as i128),
                    other => other,
                });
                let cells = cells.collect();
                (name, dtype, cells)
            });
            // The experiments did not say; none of them names rows.
            let positions = || (0..rows.len()).map(|row| row.to_string()).collect();
            let index = if input["index"].is_array() { texts("index") } else { positions() };
            Described::Table { index, columns: columns.collect() }
        }
        "ndarray" => Described::Tensors(vec![array("", input)]),
        "list" => {
            Described::Tensors(vec![(String::new(), "float64".to_owned(), vec![0], Python::List(vec![]))])
        }
        "dict"
            if input["items"]
                .as_object()
                .is_some_and(|items| items.values().any(|item| item["kind"] == "list")) =>
        {
            Described::Chat(plain(input))
        }
        "dict" => {
            let items = input["items"].as_object().expect("items").iter();
            Described::Tensors(items.map(|(name, item)| array(name, item)).collect())
        }
        other => panic!("`{other}` is not described"),
    }
}

/// A value of plain JSON.
fn plain(item: &Json) -> Python {
    match item["kind"].as_str().expect("a kind") {
        "dict" => {
            let items = item["items"].as_object().expect("items").iter();
            Python::Dict(items.map(|(name, item)| (name.clone(), plain(item))).collect())
        }
        "list" => Python::List(item["values"].as_array().expect("values").iter().map(plain).collect()),
        _ => Python::parse(item["repr"].as_str().expect("a literal")),
    }
}

fn array(name: &str, item: &Json) -> (String, String, Vec<u64>, Python) {
    let shape = item["shape"].as_array().expect("a shape").iter().map(|size| size.as_u64().expect("a size"));
    let dtype = item["dtype"].as_str().expect("a type").to_owned();
    (name.to_owned(), dtype, shape.collect(), Python::parse(item["values"].as_str().expect("values")))
}

/// What mlhost made of the request.
pub(crate) fn described(call: &Call) -> Described {
    match &call.input {
        Input::Table(table) => {
            table.check().expect("a consistent table");
            Described::Table {
                // A table has no index: rows go by their position.
                index: (0..table.rows).map(|row| row.to_string()).collect(),
                columns: table.columns.iter().map(|it| column(table, it)).collect(),
            }
        }
        Input::Tensors(tensors) => {
            let described = tensors.iter().map(|named| {
                named.tensor.check(&named.name).expect("a consistent tensor");
                let Tensor { shape, elements } = &named.tensor;
                let mut next = 0..elements.len();
                let nested = nested(shape, elements, &mut next);
                let shape = shape.iter().map(|size| u64::from(*size)).collect();
                (named.name.clone(), elements.element_type().to_string(), shape, nested)
            });
            Described::Tensors(described.collect())
        }
        Input::Blob(blob) => {
            assert_eq!(blob.content_type, "application/json");
            Described::Chat(Python::from_json(&serde_json::from_slice(&blob.data).expect("JSON")))
        }
    }
}

fn column(table: &Table, column: &Column) -> (String, String, Vec<Python>) {
    let missing = (0..table.rows).any(|row| !column.is_valid(row));
    // pandas has no place for a missing boolean or text in the columns of these types.
    let dtype = match &column.data {
        ColumnData::F64(_) => "float64",
        ColumnData::F32(_) => "float32",
        ColumnData::S64(_) => "int64",
        ColumnData::S32(_) => "int32",
        ColumnData::Boolean(_) if !missing => "bool",
        ColumnData::Text(_) if !missing && table.rows > 0 => "str",
        ColumnData::Datetime(_) => "datetime64[ns]",
        _ => "object",
    };
    let cells = (0..table.rows).map(|row| cell(column, row)).collect();
    (column.name.clone(), dtype.to_owned(), cells)
}

fn cell(column: &Column, row: usize) -> Python {
    let valid = column.is_valid(row);
    match &column.data {
        // A float's missing value is a NaN whether or not a mask says so.
        ColumnData::F64(values) => Python::Float(values[row]),
        ColumnData::F32(values) => Python::Float(values[row].into()),
        ColumnData::Datetime(values) => Python::Moment(valid.then(|| values[row])),
        _ if !valid => Python::None,
        ColumnData::S64(values) => Python::Integer(values[row].into()),
        ColumnData::S32(values) => Python::Integer(values[row].into()),
        ColumnData::Boolean(values) => Python::Boolean(values[row] == 1),
        ColumnData::Text(values) => Python::Text(text(values.get(row))),
        ColumnData::Binary(values) => Python::Bytes(values.get(row).expect("a value").to_vec()),
        ColumnData::Json(values) => Python::from_json(&text(values.get(row)).parse().expect("JSON")),
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8(bytes.expect("a value").to_vec()).expect("UTF-8")
}

fn nested(shape: &[u32], elements: &Elements, next: &mut impl Iterator<Item = usize>) -> Python {
    let Some((size, inner)) = shape.split_first() else {
        let at = next.next().expect("an element");
        return match elements {
            Elements::F32(values) => Python::Float(values[at].into()),
            Elements::F64(values) => Python::Float(values[at]),
            Elements::S64(values) => Python::Integer(values[at].into()),
            Elements::Boolean(values) => Python::Boolean(values[at] == 1),
            Elements::Text(values) => Python::Text(text(values.get(at))),
            Elements::Bf16(values) => Python::Float(half_bits(values[at], true)),
            Elements::F16(values) => Python::Float(half_bits(values[at], false)),
            Elements::S8(values) => Python::Integer(values[at].into()),
            Elements::S16(values) => Python::Integer(values[at].into()),
            Elements::S32(values) => Python::Integer(values[at].into()),
            Elements::U8(values) => Python::Integer(values[at].into()),
            Elements::U16(values) => Python::Integer(values[at].into()),
            Elements::U32(values) => Python::Integer(values[at].into()),
            Elements::U64(values) => Python::Integer(values[at].into()),
        };
    };
    Python::List((0..*size).map(|_| nested(inner, elements, next)).collect())
}

fn half_bits(bits: u16, brain: bool) -> f64 {
    if brain { f32::from_bits(u32::from(bits) << 16).into() } else { half::f16::from_bits(bits).to_f64() }
}

/// The parameters by name, sorted.
pub(crate) fn params(call: &Call) -> Vec<(String, Python)> {
    let mut params: Vec<_> = call
        .params
        .iter()
        .map(|param| {
            let value = match &param.value {
                Value::Null => Python::None,
                Value::Boolean(value) => Python::Boolean(*value),
                Value::Integer(value) => Python::Integer((*value).into()),
                Value::Number(value) => Python::Float(*value),
                Value::Text(text) => Python::Text(text.clone()),
                Value::Json(text) => Python::from_json(&text.parse().expect("JSON")),
            };
            (param.name.clone(), value)
        })
        .collect();
    params.sort_by(|one, two| one.0.cmp(&two.0));
    params
}
