//! A graph's outputs as the rows of a table, the way MLflow's onnx flavor answers a DataFrame: a classifier's maps from
//! class to probability (zipmap) as objects. Where MLflow's flavor answers 400, because its outputs differ in size, a
//! row's values become a list; what has not one entry a row either stays tensors. Called by `passthrough.rs`.

use std::io::Write as _;

use mlhost_nn::MAP_KEYS_SUFFIX;
use mlhost_wire::values::{Column, ColumnData, Elements, NamedTensor, Output, Packed, Table};

/// What MLflow answers where it answers; else a table of `rows` rows: a column per output, of lists where an output has
/// more than one value a row, of objects where it is a list of maps (zipmap).
pub(super) fn table_of(outputs: Vec<NamedTensor>, rows: usize) -> Output {
    if let Some(table) = flattened(&outputs) {
        return Output::Table(table);
    }
    match columns_of(&outputs, rows) {
        Some(columns) => Output::Table(Table { columns, rows }),
        None => Output::Tensors(outputs),
    }
}

/// Every output as one long column, as `_OnnxModelWrapper.predict` has it: `None` where they differ in length, which is
/// where pandas makes no DataFrame of them. A graph with one output always gets here: a softmax over ten classes answers
/// ten rows for each row it was given.
fn flattened(outputs: &[NamedTensor]) -> Option<Table> {
    let length = |tensor: &NamedTensor| match maps(outputs, &tensor.name) {
        Some(_) => tensor.tensor.shape.first().map_or(0, |rows| *rows as usize),
        None => tensor.tensor.elements.len(),
    };
    let columns = || outputs.iter().filter(|tensor| !is_keys(outputs, tensor));
    let rows = columns().map(length).next()?;
    if columns().any(|tensor| length(tensor) != rows) {
        return None;
    }
    let column = |tensor: &NamedTensor| {
        let data = match maps(outputs, &tensor.name) {
            Some((values, keys)) => ColumnData::Json(objects(&values.tensor.elements, keys, rows)?),
            None => match scalars(&tensor.tensor.elements) {
                Some(data) => data,
                None => ColumnData::Json(texts(&tensor.tensor.elements)?),
            },
        };
        Some(Column { name: tensor.name.clone(), data, validity: None })
    };
    Some(Table { columns: columns().map(column).collect::<Option<_>>()?, rows })
}

/// `None` where an output has not one entry a row.
fn columns_of(outputs: &[NamedTensor], rows: usize) -> Option<Vec<Column>> {
    if rows == 0 {
        return None;
    }
    let mut columns = Vec::with_capacity(outputs.len());
    for tensor in outputs {
        if is_keys(outputs, tensor) {
            continue;
        }
        let shape = &tensor.tensor.shape;
        if shape.first().is_none_or(|first| *first as usize != rows) || shape.len() > 2 {
            return None;
        }
        columns.push(match maps(outputs, &tensor.name) {
            Some((values, keys)) => {
                let objects = objects(&values.tensor.elements, keys, rows)?;
                Column { name: values.name.clone(), data: ColumnData::Json(objects), validity: None }
            }
            None => column_of(tensor, rows)?,
        });
    }
    Some(columns)
}

/// The output `name` and its keys, where it was a list of maps.
fn maps<'o>(outputs: &'o [NamedTensor], name: &str) -> Option<(&'o NamedTensor, &'o Elements)> {
    let values = outputs.iter().find(|tensor| tensor.name == name)?;
    let keys = outputs.iter().find(|tensor| tensor.name.strip_suffix(MAP_KEYS_SUFFIX) == Some(name))?;
    let keys = &keys.tensor.elements;
    (values.tensor.shape.get(1).map(|width| *width as usize) == Some(keys.len())).then_some((values, keys))
}

/// Whether it holds the keys of another output's maps, which are said in the maps themselves.
fn is_keys(outputs: &[NamedTensor], tensor: &NamedTensor) -> bool {
    tensor.name.strip_suffix(MAP_KEYS_SUFFIX).is_some_and(|name| maps(outputs, name).is_some())
}

fn column_of(tensor: &NamedTensor, rows: usize) -> Option<Column> {
    let width = tensor.tensor.elements.len() / rows;
    let data = if width == 1 { scalars(&tensor.tensor.elements) } else { None };
    let data = match data {
        Some(data) => data,
        None => ColumnData::Json(lists(&tensor.tensor.elements, rows, width)?),
    };
    Some(Column { name: tensor.name.clone(), data, validity: None })
}

/// One value a row, where a column type holds it without loss.
fn scalars(elements: &Elements) -> Option<ColumnData> {
    Some(match elements {
        Elements::F32(values) => ColumnData::F32(values.clone()),
        Elements::F64(values) => ColumnData::F64(values.clone()),
        Elements::S64(values) => ColumnData::S64(values.clone()),
        Elements::S32(values) => ColumnData::S32(values.clone()),
        Elements::S16(values) => ColumnData::S32(values.iter().map(|value| (*value).into()).collect()),
        Elements::S8(values) => ColumnData::S32(values.iter().map(|value| (*value).into()).collect()),
        Elements::U8(values) => ColumnData::S32(values.iter().map(|value| (*value).into()).collect()),
        Elements::U16(values) => ColumnData::S32(values.iter().map(|value| (*value).into()).collect()),
        Elements::U32(values) => ColumnData::S64(values.iter().map(|value| (*value).into()).collect()),
        Elements::Boolean(values) => ColumnData::Boolean(values.clone()),
        Elements::Text(values) => ColumnData::Text(values.clone()),
        Elements::F16(values) => {
            ColumnData::F32(values.iter().map(|bits| half::f16::from_bits(*bits).into()).collect())
        }
        Elements::Bf16(values) => {
            ColumnData::F32(values.iter().map(|bits| half::bf16::from_bits(*bits).into()).collect())
        }
        Elements::U64(_) => return None,
    })
}

/// One JSON object a row; keys that are numbers become texts, as in Python's `json.dumps`. `None` past 4 GiB.
fn objects(elements: &Elements, keys: &Elements, rows: usize) -> Option<Packed> {
    let mut spelled = Vec::with_capacity(keys.len());
    for index in 0..keys.len() {
        let mut key = Vec::new();
        value(&mut key, keys, index)?;
        if !matches!(keys, Elements::Text(_)) {
            key.insert(0, b'"');
            key.push(b'"');
        }
        spelled.push(key);
    }
    let mut packed = Packed::with_capacity(rows, elements.len() * 16);
    let mut line = Vec::new();
    for row in 0..rows {
        line.clear();
        line.push(b'{');
        for (at, key) in spelled.iter().enumerate() {
            if at > 0 {
                line.extend_from_slice(b", ");
            }
            line.extend_from_slice(key);
            line.extend_from_slice(b": ");
            value(&mut line, elements, row * spelled.len() + at)?;
        }
        line.push(b'}');
        if !packed.push(&line) {
            return None;
        }
    }
    Some(packed)
}

/// `width` values a row, as one JSON list a row. `None` past 4 GiB.
fn lists(elements: &Elements, rows: usize, width: usize) -> Option<Packed> {
    let mut packed = Packed::with_capacity(rows, elements.len() * 8);
    let mut line = Vec::with_capacity(width * 20);
    for row in 0..rows {
        line.clear();
        line.push(b'[');
        for index in row * width..(row + 1) * width {
            if index > row * width {
                line.extend_from_slice(b", ");
            }
            value(&mut line, elements, index)?;
        }
        line.push(b']');
        if !packed.push(&line) {
            return None;
        }
    }
    Some(packed)
}

/// One JSON text a value. `None` past 4 GiB.
fn texts(elements: &Elements) -> Option<Packed> {
    let mut packed = Packed::with_capacity(elements.len(), elements.len() * 8);
    let mut text = Vec::new();
    for index in 0..elements.len() {
        text.clear();
        value(&mut text, elements, index)?;
        if !packed.push(&text) {
            return None;
        }
    }
    Some(packed)
}

fn value(line: &mut Vec<u8>, elements: &Elements, index: usize) -> Option<()> {
    let float = |line: &mut Vec<u8>, value: f64| serde_json::to_writer(line, &value).ok();
    match elements {
        // Widened first, as numpy's `tolist` does.
        Elements::F32(values) => float(line, (*values.get(index)?).into()),
        Elements::F64(values) => float(line, *values.get(index)?),
        Elements::F16(values) => float(line, half::f16::from_bits(*values.get(index)?).into()),
        Elements::Bf16(values) => float(line, half::bf16::from_bits(*values.get(index)?).into()),
        Elements::S8(values) => write!(line, "{}", values.get(index)?).ok(),
        Elements::S16(values) => write!(line, "{}", values.get(index)?).ok(),
        Elements::S32(values) => write!(line, "{}", values.get(index)?).ok(),
        Elements::S64(values) => write!(line, "{}", values.get(index)?).ok(),
        Elements::U8(values) => write!(line, "{}", values.get(index)?).ok(),
        Elements::U16(values) => write!(line, "{}", values.get(index)?).ok(),
        Elements::U32(values) => write!(line, "{}", values.get(index)?).ok(),
        Elements::U64(values) => write!(line, "{}", values.get(index)?).ok(),
        Elements::Boolean(values) => write!(line, "{}", *values.get(index)? != 0).ok(),
        Elements::Text(values) => {
            serde_json::to_writer(line, std::str::from_utf8(values.get(index)?).ok()?).ok()
        }
    }
}
