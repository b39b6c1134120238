//! Answers row by row: what protocols that promise one entry for each instance, or one line, make of them.
//!
//! Called by [`super`] for checked values. As there, no guest can make an answer much longer than its values.

use serde_json::value::RawValue;

use super::{Body, Layout, MAX_KEYS, broken, push_axis, push_cell};
use crate::dialect::mlflow::python::push_text;
use crate::fault::Fault;
use crate::values::{NamedTensor, Table};

/// What stands before, between and behind rows.
pub(super) fn marks(layout: Layout) -> [&'static [u8]; 3] {
    match layout {
        Layout::Lines => [b"", b"\n", b"\n"],
        Layout::Named | Layout::Rows | Layout::Lists => [b"[", b", ", b"]"],
    }
}

/// The size of the first axis, where all tensors have one of the same.
pub(super) fn common(tensors: &[NamedTensor]) -> Option<u32> {
    let (first, others) = tensors.split_first()?;
    let rows = *first.tensor.shape.first()?;
    others.iter().all(|named| named.tensor.shape.first() == Some(&rows)).then_some(rows)
}

/// A table's rows, each a list.
pub(super) fn push_lists(out: &mut Body, table: &Table) -> Result<(), Fault> {
    out.bytes.push(b'[');
    // Without columns there are no rows: a guest's number of rows alone must not make any.
    let rows = if table.columns.is_empty() { 0 } else { table.rows };
    for row in 0..rows {
        out.bytes.extend_from_slice(if row == 0 { b"[" } else { b", [" });
        for (position, column) in table.columns.iter().enumerate() {
            if position > 0 {
                out.bytes.extend_from_slice(b", ");
            }
            push_cell(out, column, row)?;
        }
        out.bytes.push(b']');
    }
    out.bytes.push(b']');
    Ok(())
}

/// The parts of tensors that belong to each row: of one tensor its part, of several an object or a list of theirs.
pub(super) fn push_tensors(
    out: &mut Body,
    tensors: &[NamedTensor],
    rows: u32,
    layout: Layout,
) -> Result<(), Fault> {
    let alone = tensors.len() == 1;
    if !alone && tensors.iter().any(|named| named.name.is_empty()) {
        return Err(broken("one of several tensors has no name".to_owned()));
    }
    let names: usize = tensors.iter().map(|named| named.name.len() + 8).sum();
    if !alone && names.saturating_mul(rows as usize) > MAX_KEYS {
        return Err(broken(format!("{rows} records whose names take {names} bytes each are too long")));
    }
    let [begin, between, end] = marks(layout);
    let (named, close) = (layout != Layout::Lists, if layout == Layout::Lists { b']' } else { b'}' });
    out.bytes.extend_from_slice(begin);
    let mut next = vec![0; tensors.len()];
    for row in 0..rows {
        if row > 0 {
            out.bytes.extend_from_slice(between);
        }
        for (position, (NamedTensor { name, tensor }, next)) in tensors.iter().zip(&mut next).enumerate() {
            if !alone {
                out.bytes.extend_from_slice(match (position, named) {
                    (0, true) => b"{",
                    (0, false) => b"[",
                    _ => b", ",
                });
            }
            if !alone && named {
                push_text(&mut out.bytes, name);
                out.bytes.extend_from_slice(b": ");
            }
            push_axis(out, tensor, 1, next);
        }
        if !alone {
            out.bytes.push(close);
        }
    }
    out.bytes.extend_from_slice(end);
    Ok(())
}

/// A JSON text in lines: the entries of a list, or what it is in one.
pub(super) fn push_json(out: &mut Body, text: &str) {
    let entries = serde_json::from_str::<Vec<&RawValue>>(text);
    let entries: Vec<&str> = match &entries {
        Ok(entries) => entries.iter().map(|entry| entry.get()).collect(),
        Err(_) => vec![text.trim()],
    };
    for entry in entries {
        // Within a JSON text a line only ends where a blank could stand as well.
        out.bytes.extend(entry.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        out.bytes.push(b'\n');
    }
}
