//! A reply as MLflow writes it: `{"predictions": ...}`, or the answer alone to a chat, as Python's `json.dumps` spells it.
//!
//! Called by [`super::Mlflow`]. Replies come from guests: they are checked first, and none can make an answer much
//! longer than its values.

mod rows;

use serde::de::IgnoredAny;

use super::Envelope;
use super::compat::Compat;
use super::python::{push_bytes, push_finite, push_moment, push_signed, push_text, push_unsigned};
use crate::dialect::Answer;
use crate::fault::{Fault, FaultKind};
use crate::values::{Blob, Column, ColumnData, Elements, NamedTensor, Output, Packed, Reply, Table, Tensor};

/// numpy's limit.
const MAX_RANK: usize = 64;
/// How many empty lists an answer may hold.
const MAX_EMPTY_LISTS: u64 = 1 << 16;

/// How many bytes the names of columns may take, which a table says once and its records every time.
const MAX_KEYS: usize = 256 << 20;

/// How the values of an answer stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Layout {
    /// As MLflow has them: a table is a list of records, tensors are lists by name.
    Named,
    /// One entry a row, of tensors too where they have as many: a value, or an object of several.
    Rows,
    /// The same without names: a table's row is a list of its values.
    Lists,
    /// [`Layout::Rows`], each on a line of its own.
    Lines,
}

/// The body while it is written.
struct Body {
    bytes: Vec<u8>,
    compat: Compat,
}

/// A reply to bytes.
pub(super) fn encode(reply: Reply, envelope: Envelope, compat: Compat) -> Result<Answer, Fault> {
    let output = match reply.output {
        Output::Blob(blob) => return raw(blob),
        output => output,
    };
    let mut body = Body { bytes: Vec::with_capacity(size_of_output(&output) + 32), compat };
    if envelope == Envelope::Predictions {
        body.bytes.extend_from_slice(b"{\"predictions\": ");
    }
    push_output(&mut body, &output, Layout::Named)?;
    if envelope == Envelope::Predictions {
        body.bytes.push(b'}');
    }
    Ok(Answer::json(200, body.bytes))
}

/// Appends an answer's values as JSON. Raw bytes have none: nothing is appended.
pub(in crate::dialect) fn push_values(
    bytes: &mut Vec<u8>,
    output: &Output,
    layout: Layout,
    compat: Compat,
) -> Result<(), Fault> {
    let mut body = Body { bytes: std::mem::take(bytes), compat };
    body.bytes.reserve(size_of_output(output));
    let outcome = push_output(&mut body, output, layout);
    *bytes = body.bytes;
    outcome
}

fn push_output(body: &mut Body, output: &Output, layout: Layout) -> Result<(), Fault> {
    match output {
        Output::Blob(_) => Ok(()),
        Output::Table(table) => {
            table.check().map_err(|error| broken(error.to_string()))?;
            if layout == Layout::Lists {
                rows::push_lists(body, table)
            } else {
                push_table(body, table, layout)
            }
        }
        Output::Tensors(tensors) => {
            for NamedTensor { name, tensor } in tensors {
                tensor.check(name).map_err(|error| broken(error.to_string()))?;
                check_shape(name, &tensor.shape)?;
            }
            match rows::common(tensors).filter(|_| layout != Layout::Named) {
                Some(rows) => rows::push_tensors(body, tensors, rows, layout),
                None => push_tensors(body, tensors),
            }
        }
        Output::Json(text) => {
            check_json(text).map_err(|error| broken(format!("the answer is not JSON: {error}")))?;
            match layout {
                Layout::Lines => rows::push_json(body, text),
                _ => body.bytes.extend_from_slice(text.trim().as_bytes()),
            }
            Ok(())
        }
    }
}

/// About how many bytes the values take as text.
fn size_of_output(output: &Output) -> usize {
    match output {
        Output::Blob(_) => 0,
        Output::Table(table) => table.columns.iter().map(|column| size(&column.data) + table.rows * 16).sum(),
        Output::Tensors(tensors) => tensors.iter().map(|named| named.tensor.elements.len() * 16).sum(),
        Output::Json(text) => text.len(),
    }
}

// === impl Body ===

impl Body {
    #[inline]
    fn float(&mut self, value: f64) {
        if value.is_finite() { push_finite(&mut self.bytes, value) } else { self.not_finite(value) }
    }

    /// What JSON has no number for.
    #[cold]
    fn not_finite(&mut self, value: f64) {
        self.bytes.extend_from_slice(match self.compat {
            Compat::Sane => b"null",
            Compat::Strict if value.is_nan() => b"NaN",
            Compat::Strict if value < 0.0 => b"-Infinity",
            Compat::Strict => b"Infinity",
        });
    }

    /// A missing value, which pandas has a number or a moment of its own for in such columns; in texts, too, a number.
    #[cold]
    fn missing(&mut self, data: &ColumnData) {
        match data {
            ColumnData::F64(_) | ColumnData::F32(_) | ColumnData::Text(_) => self.not_finite(f64::NAN),
            ColumnData::Datetime(_) if self.compat.is_strict() => self.bytes.extend_from_slice(b"\"NaT\""),
            _ => self.bytes.extend_from_slice(b"null"),
        }
    }
}

/// A guest's answer that cannot be spelled. The client learns no more than that.
#[cold]
fn broken(detail: String) -> Fault {
    Fault::new(FaultKind::GuestTrapped, "the model's answer is not valid").with_detail(detail)
}

fn check_json(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<IgnoredAny>(text).map(|_| ())
}

/// An answer that is passed on as it is.
pub(in crate::dialect) fn raw(blob: Blob) -> Result<Answer, Fault> {
    // RFC 9110, sections 5.5 and 8.3.1: visible ASCII, a type and a subtype.
    let visible = blob.content_type.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let essence = blob.content_type.split(';').next().unwrap_or_default();
    let typed = essence.split_once('/').is_some_and(|(kind, subtype)| {
        !kind.trim().is_empty() && !subtype.trim().is_empty() && !essence.trim().contains(' ')
    });
    if visible && typed && blob.content_type.trim() == blob.content_type {
        Ok(Answer {
            status: 200,
            content_type: Some(blob.content_type),
            headers: Vec::new(),
            body: blob.data,
        })
    } else {
        Err(broken(format!("`{}` is not a media type", blob.content_type.escape_debug())))
    }
}

/// About how many bytes the values take as text beyond their keys.
fn size(data: &ColumnData) -> usize {
    match data {
        ColumnData::Text(values) | ColumnData::Json(values) => values.data.len() + values.len() * 4,
        ColumnData::Binary(values) => values.data.len() / 2 * 3 + values.len() * 8,
        other => other.len() * 16,
    }
}

fn push_table(out: &mut Body, table: &Table, layout: Layout) -> Result<(), Fault> {
    let [begin, between, end] = rows::marks(layout);
    let keys: Vec<Vec<u8>> = table
        .columns
        .iter()
        .enumerate()
        .map(|(position, column)| {
            let mut key = Vec::with_capacity(column.name.len() + 6);
            key.extend_from_slice(if position == 0 { b"{" } else { b", " });
            push_text(&mut key, &column.name);
            key.extend_from_slice(b": ");
            key
        })
        .collect();
    out.bytes.extend_from_slice(begin);
    // Without columns there are no records: a guest's number of rows alone must not make any.
    let rows = if keys.is_empty() { 0 } else { table.rows };
    let names: usize = keys.iter().map(Vec::len).sum();
    if names.saturating_mul(rows) > MAX_KEYS {
        return Err(broken(format!("{rows} records whose names take {names} bytes each are too long")));
    }
    for row in 0..rows {
        if row > 0 {
            out.bytes.extend_from_slice(between);
        }
        for (key, column) in keys.iter().zip(&table.columns) {
            out.bytes.extend_from_slice(key);
            push_cell(out, column, row)?;
        }
        out.bytes.push(b'}');
    }
    out.bytes.extend_from_slice(end);
    Ok(())
}

fn push_cell(out: &mut Body, column: &Column, row: usize) -> Result<(), Fault> {
    if !column.is_valid(row) {
        out.missing(&column.data);
        return Ok(());
    }
    // The table was checked: every column has a value in this row.
    match &column.data {
        ColumnData::F64(values) => out.float(values[row]),
        ColumnData::F32(values) => out.float(f64::from(values[row])),
        ColumnData::S64(values) => push_signed(&mut out.bytes, values[row]),
        ColumnData::S32(values) => push_signed(&mut out.bytes, i64::from(values[row])),
        ColumnData::Boolean(values) => push_boolean(out, values[row]),
        ColumnData::Datetime(values) => push_moment(&mut out.bytes, values[row]),
        ColumnData::Text(values) => push_text(&mut out.bytes, text(values, row)),
        ColumnData::Binary(values) => push_bytes(&mut out.bytes, values.get(row).unwrap_or_default()),
        ColumnData::Json(values) => {
            let text = text(values, row);
            check_json(text).map_err(|error| {
                broken(format!("column `{}`, row {row} is not JSON: {error}", column.name))
            })?;
            out.bytes.extend_from_slice(text.trim().as_bytes());
        }
    }
    Ok(())
}

fn push_boolean(out: &mut Body, value: u8) {
    out.bytes.extend_from_slice(if value == 0 { b"false" } else { b"true" });
}

/// A text that was checked to be UTF-8.
fn text(values: &Packed, index: usize) -> &str {
    values.get(index).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
}

fn push_tensors(out: &mut Body, tensors: &[NamedTensor]) -> Result<(), Fault> {
    if let [NamedTensor { name, tensor }] = tensors
        && name.is_empty()
    {
        push_tensor(out, tensor);
        return Ok(());
    }
    out.bytes.push(b'{');
    for (position, NamedTensor { name, tensor }) in tensors.iter().enumerate() {
        if name.is_empty() {
            return Err(broken("one of several tensors has no name".to_owned()));
        }
        if position > 0 {
            out.bytes.extend_from_slice(b", ");
        }
        push_text(&mut out.bytes, name);
        out.bytes.extend_from_slice(b": ");
        push_tensor(out, tensor);
    }
    out.bytes.push(b'}');
    Ok(())
}

/// Refuses shapes whose brackets alone would make a huge answer.
fn check_shape(name: &str, shape: &[u32]) -> Result<(), Fault> {
    if shape.len() > MAX_RANK {
        return Err(broken(format!("tensor `{name}` has {} axes, more than {MAX_RANK}", shape.len())));
    }
    let outer = shape.iter().take_while(|size| **size != 0);
    let lists = outer.fold(1u64, |product, size| product.saturating_mul(u64::from(*size)));
    if shape.contains(&0) && lists > MAX_EMPTY_LISTS {
        return Err(broken(format!("tensor `{name}` of shape {shape:?} is {lists} empty lists")));
    }
    Ok(())
}

fn push_tensor(out: &mut Body, tensor: &Tensor) {
    let mut next = 0;
    push_axis(out, tensor, 0, &mut next);
}

/// Writes the lists from axis `axis` on; `next` is the element to come. Recursion is bounded by [`MAX_RANK`].
fn push_axis(out: &mut Body, tensor: &Tensor, axis: usize, next: &mut usize) {
    let Some(size) = tensor.shape.get(axis) else {
        push_element(out, &tensor.elements, *next);
        *next += 1;
        return;
    };
    out.bytes.push(b'[');
    for position in 0..*size {
        if position > 0 {
            out.bytes.extend_from_slice(b", ");
        }
        push_axis(out, tensor, axis + 1, next);
    }
    out.bytes.push(b']');
}

/// The tensor was checked: it has as many elements as its shape asks for.
fn push_element(out: &mut Body, elements: &Elements, index: usize) {
    match elements {
        Elements::Boolean(values) => push_boolean(out, values[index]),
        Elements::Bf16(values) => out.float(half::bf16::from_bits(values[index]).to_f64()),
        Elements::F16(values) => out.float(half::f16::from_bits(values[index]).to_f64()),
        Elements::F32(values) => out.float(f64::from(values[index])),
        Elements::F64(values) => out.float(values[index]),
        Elements::S8(values) => push_signed(&mut out.bytes, i64::from(values[index])),
        Elements::S16(values) => push_signed(&mut out.bytes, i64::from(values[index])),
        Elements::S32(values) => push_signed(&mut out.bytes, i64::from(values[index])),
        Elements::S64(values) => push_signed(&mut out.bytes, values[index]),
        Elements::U8(values) => push_unsigned(&mut out.bytes, u64::from(values[index])),
        Elements::U16(values) => push_unsigned(&mut out.bytes, u64::from(values[index])),
        Elements::U32(values) => push_unsigned(&mut out.bytes, u64::from(values[index])),
        Elements::U64(values) => push_unsigned(&mut out.bytes, values[index]),
        Elements::Text(values) => push_text(&mut out.bytes, text(values, index)),
    }
}

#[cfg(test)]
mod tests;
