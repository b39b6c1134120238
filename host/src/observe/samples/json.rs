//! A sampled request as JSON: one line of it, or in parts.
//!
//! Used by `journal.rs` and `parquet.rs` beside it. One form for every protocol: columns or tensors by name, each with its type. What JSON cannot
//! say is `null` (not a number, infinite, missing), and bytes are base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use half::{bf16, f16};
use mlhost_wire::values::{
    Blob, Call, Column, ColumnData, Elements, Input, NamedTensor, Output, Packed, Param, Table, Value,
};
use serde_json::{Map, Value as Json, json};

use super::Sample;

/// A call and its answer.
pub(super) struct Parts {
    pub(super) input: Json,
    pub(super) params: Json,
    pub(super) output: Json,
}

/// The line, with its end.
pub(super) fn line(sample: Sample) -> Vec<u8> {
    let Sample { time, request_id, model: (model, version), protocol, call, output } = sample;
    let Parts { input, params, output } = parts(call, &output);
    let line = json!({
        "time": time.to_string(),
        "request_id": request_id,
        "model": model,
        "version": version,
        "protocol": protocol,
        "input": input,
        "params": params,
        "output": output,
    });
    let mut line = line.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// What was asked and answered.
pub(super) fn parts(call: Call, output: &Output) -> Parts {
    Parts {
        input: match &call.input {
            Input::Table(input) => table(input),
            Input::Tensors(input) => tensors(input),
            Input::Blob(input) => blob(input),
        },
        params: Json::Object(call.params.into_iter().map(param).collect()),
        output: match output {
            Output::Table(output) => table(output),
            Output::Tensors(output) => tensors(output),
            Output::Json(text) => json!({"json": serde_json::from_str(text).unwrap_or(Json::Null)}),
            Output::Blob(output) => blob(output),
        },
    }
}

/// About how many bytes its values have in memory.
pub(super) fn weight(sample: &Sample) -> usize {
    let input = match &sample.call.input {
        Input::Table(table) => table_weight(table),
        Input::Tensors(tensors) => tensors_weight(tensors),
        Input::Blob(blob) => blob.data.len(),
    };
    let output = match &sample.output {
        Output::Table(table) => table_weight(table),
        Output::Tensors(tensors) => tensors_weight(tensors),
        Output::Json(text) => text.len(),
        Output::Blob(blob) => blob.data.len(),
    };
    input.saturating_add(output).saturating_add(1024)
}

fn table_weight(table: &Table) -> usize {
    let packed = |data: &ColumnData| match data {
        ColumnData::Text(packed) | ColumnData::Binary(packed) | ColumnData::Json(packed) => packed.data.len(),
        _ => 0,
    };
    table.columns.iter().map(|column| 8 * table.rows + column.name.len() + packed(&column.data)).sum()
}

fn tensors_weight(tensors: &[NamedTensor]) -> usize {
    let packed = |elements: &Elements| match elements {
        Elements::Text(packed) => packed.data.len(),
        _ => 0,
    };
    tensors.iter().map(|named| 8 * named.tensor.elements.len() + packed(&named.tensor.elements)).sum()
}

fn table(table: &Table) -> Json {
    let columns: Map<_, _> =
        table.columns.iter().map(|column| (column.name.clone(), values(column))).collect();
    json!({"columns": columns, "rows": table.rows})
}

fn values(column: &Column) -> Json {
    let mut values = match &column.data {
        ColumnData::F64(values) => list(values, |value| json!(value)),
        ColumnData::F32(values) => list(values, |value| json!(value)),
        ColumnData::S64(values) => list(values, |value| json!(value)),
        ColumnData::S32(values) => list(values, |value| json!(value)),
        ColumnData::Boolean(values) => list(values, |value| json!(*value != 0)),
        ColumnData::Text(values) => texts(values),
        ColumnData::Binary(values) => values.iter().map(|value| json!(STANDARD.encode(value))).collect(),
        ColumnData::Datetime(values) => list(values, |value| {
            let time = jiff::Timestamp::from_nanosecond(i128::from(*value));
            time.map_or(Json::Null, |time| json!(time.to_string()))
        }),
        ColumnData::Json(values) => {
            values.iter().map(|value| serde_json::from_slice(value).unwrap_or(Json::Null)).collect()
        }
    };
    for (row, value) in values.iter_mut().enumerate() {
        if !column.is_valid(row) {
            *value = Json::Null;
        }
    }
    Json::Array(values)
}

fn tensors(tensors: &[NamedTensor]) -> Json {
    let tensors: Map<_, _> = tensors
        .iter()
        .map(|NamedTensor { name, tensor }| {
            let element_type = tensor.elements.element_type().to_string();
            (
                name.clone(),
                json!({"type": element_type, "shape": tensor.shape, "data": elements(&tensor.elements)}),
            )
        })
        .collect();
    json!({"tensors": tensors})
}

fn elements(elements: &Elements) -> Vec<Json> {
    match elements {
        Elements::Boolean(values) => list(values, |value| json!(*value != 0)),
        Elements::Bf16(values) => list(values, |value| json!(bf16::from_bits(*value).to_f32())),
        Elements::F16(values) => list(values, |value| json!(f16::from_bits(*value).to_f32())),
        Elements::F32(values) => list(values, |value| json!(value)),
        Elements::F64(values) => list(values, |value| json!(value)),
        Elements::S8(values) => list(values, |value| json!(value)),
        Elements::S16(values) => list(values, |value| json!(value)),
        Elements::S32(values) => list(values, |value| json!(value)),
        Elements::S64(values) => list(values, |value| json!(value)),
        Elements::U8(values) => list(values, |value| json!(value)),
        Elements::U16(values) => list(values, |value| json!(value)),
        Elements::U32(values) => list(values, |value| json!(value)),
        Elements::U64(values) => list(values, |value| json!(value)),
        Elements::Text(values) => texts(values),
    }
}

fn list<T>(values: &[T], write: impl Fn(&T) -> Json) -> Vec<Json> {
    values.iter().map(write).collect()
}

fn texts(values: &Packed) -> Vec<Json> {
    values.iter().map(|value| json!(String::from_utf8_lossy(value))).collect()
}

fn blob(blob: &Blob) -> Json {
    json!({"content_type": blob.content_type, "base64": STANDARD.encode(&blob.data)})
}

fn param(param: Param) -> (String, Json) {
    let value = match param.value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Number(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::Json(text) => serde_json::from_str(&text).unwrap_or(Json::Null),
    };
    (param.name, value)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use mlhost_wire::values::Tensor;

    use super::*;

    #[test]
    fn a_sample_is_one_line_with_columns_and_tensors_by_name() {
        let mut words = Packed::with_capacity(2, 4);
        assert!(words.push(b"a\nb") && words.push(b""));
        let columns = vec![
            Column { name: "x".to_owned(), data: ColumnData::F64(vec![1.5, f64::NAN]), validity: None },
            Column { name: "w".to_owned(), data: ColumnData::Text(words), validity: Some(vec![1, 0]) },
            Column {
                name: "t".to_owned(),
                data: ColumnData::Datetime(vec![0, 1_000_000_000]),
                validity: None,
            },
        ];
        let tensor = Tensor { shape: vec![1, 2], elements: Elements::F16(vec![0x3c00, 0xbc00]) };
        let sample = Sample {
            time: Timestamp::UNIX_EPOCH,
            request_id: "id".to_owned(),
            model: ("m".to_owned(), "1".to_owned()),
            protocol: "mlflow",
            call: Call {
                input: Input::Table(Table { columns, rows: 2 }),
                params: vec![Param { name: "k".to_owned(), value: Value::Integer(3) }],
            },
            output: Output::Tensors(vec![NamedTensor { name: "y".to_owned(), tensor }]),
        };
        assert!(weight(&sample) > 1024 + 6 * 8);
        let line = String::from_utf8(line(sample)).unwrap();
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
        let expected = json!({
            "time": "1970-01-01T00:00:00Z",
            "request_id": "id",
            "model": "m",
            "version": "1",
            "protocol": "mlflow",
            "input": {
                "rows": 2,
                "columns": {
                    "x": [1.5, null],
                    "w": ["a\nb", null],
                    "t": ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"],
                },
            },
            "params": {"k": 3},
            "output": {"tensors": {"y": {"type": "float16", "shape": [1, 2], "data": [1.0, -1.0]}}},
        });
        assert_eq!(serde_json::from_str::<Json>(&line).unwrap(), expected);
    }
}
