//! CSV without a header, as SageMaker has it: every record is a row of values.
//!
//! Called by [`super::decode`] where the request says so. A model of columns takes them in its signature's order, one of
//! tensors takes the numbers as one array.

use super::cells::is_missing;
use super::{Records, unreadable};
use crate::dialect::mlflow::compat::Compat;
use crate::dialect::mlflow::context::{Context, Form};
use crate::dialect::mlflow::grid::Grid;
use crate::dialect::mlflow::scalar::Scalar;
use crate::fault::Fault;
use crate::signature::{Schema, Signature};
use crate::values::{Input, Packed};

/// What the columns are called, of a first record of `width` values.
pub(super) fn names(width: usize, signature: &Signature) -> Result<Vec<String>, Fault> {
    let position = |(at, name): (usize, Option<&String>)| name.cloned().unwrap_or_else(|| at.to_string());
    let Some(Schema::Columns(columns)) = &signature.inputs else {
        return Ok((0..width).map(|at| at.to_string()).collect());
    };
    if columns.len() != width {
        let wanted = columns.len();
        return Err(unreadable(&format!("a record has {width} values, the model takes {wanted} columns")));
    }
    Ok(columns.iter().map(|column| column.name.as_ref()).enumerate().map(position).collect())
}

/// All records as one array, the first of which was read.
pub(super) fn tensor(mut records: Records<'_>, signature: &Signature) -> Result<Input, Fault> {
    let width = records.record.len();
    let mut cells = Packed::with_capacity(0, 0);
    let mut rows = 0_usize;
    loop {
        let found = records.record.len();
        if found != width {
            let line = records.line();
            return Err(unreadable(&format!("Expected {width} fields in line {line}, saw {found}")));
        }
        for cell in &records.record {
            if !cells.push(cell.as_bytes()) {
                return Err(unreadable("the cells take 4 GiB or more"));
            }
        }
        rows += 1;
        if !records.advance()? {
            break;
        }
    }
    let size = |size: usize| u32::try_from(size).map_err(|_| unreadable("there are 2^32 or more records"));
    // A list of numbers where the model takes one, else a table of them.
    let flat = match &signature.inputs {
        Some(Schema::Tensors(specs)) => specs.first().is_some_and(|spec| spec.shape.len() == 1),
        _ => false,
    };
    let shape = if flat && width == 1 { vec![size(rows)?] } else { vec![size(rows)?, size(width)?] };
    let context = Context::new("", None, Compat::Sane);
    context.form.set(Form::Inputs);
    let element = |index: usize| {
        // Cells come out of a text that was checked.
        scalar(cells.get(index).and_then(|cell| std::str::from_utf8(cell).ok()).unwrap_or_default())
    };
    Grid { shape: &shape, element_type: None, element }.input(signature, &context)
}

fn scalar(cell: &str) -> Scalar<'_> {
    if let Ok(integer) = cell.trim_ascii().parse() {
        return Scalar::Integer(integer);
    }
    match cell.trim_ascii().parse::<f64>() {
        Ok(value) if !value.is_nan() => Scalar::Float(value),
        _ if is_missing(cell) => Scalar::Null,
        _ => Scalar::Text(cell),
    }
}
