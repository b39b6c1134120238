//! `text/csv`: what `pandas.read_csv` makes of a body, cast as MLflow has it cast.
//!
//! Called by `super::Mlflow` for bodies and by `mlhost-tables` for parts of files (`Layout`). The first record names the
//! columns (`header`) unless there is none (`headless`), the others go cell by cell (`cells`) into the signature's columns
//! or, without a signature, into columns whose type is inferred at the end. Must never make a table much larger than the body:
//! cells that a short record leaves out are paid for.

mod cells;
mod header;
mod headless;

use std::io::Read as _;

use self::cells::{Kinds, Untyped};
use super::compat::Compat;
use super::context::{Context, Form, bad_input};
use super::frame::{Frame, Plan, Values};
use crate::fault::Fault;
use crate::signature::{ColumnType, Schema, Signature};
use crate::values::{Input, Table};

/// A record behind the body's own: where it does not come out as it went in, a quote was still open.
const SENTINEL: &str = "\n.";

/// What the first records say of all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The columns' names, made unique.
    pub names: Vec<String>,
    /// How many cells stand before them in each record: an index, which no model sees.
    pub index: usize,
}

/// Where in a file its records begin that are read, for messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Rows before it.
    pub row: usize,
    /// Lines before it.
    pub line: usize,
}

/// The body's records, blank lines left out.
struct Records<'b> {
    body: &'b str,
    start: Start,
    reader: ::csv::Reader<std::io::Chain<&'b [u8], &'b [u8]>>,
    record: ::csv::StringRecord,
}

/// Where cells go.
enum Cells<'c, 'x> {
    /// Columns of the signature; a place for each position of a record.
    Typed { frame: Frame<'c, 'x>, targets: Vec<Option<usize>>, kinds: Vec<Kinds> },
    /// Columns whose type is inferred once all cells are known.
    Untyped(Vec<Untyped>),
}

/// Reads a body, whose first record names the columns where it is `headed`.
pub(super) fn decode(body: &[u8], signature: &Signature, headed: bool) -> Result<Input, Fault> {
    let body = text(body)?;
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let tensors = matches!(signature.inputs, Some(Schema::Tensors(_)));
    if headed || !tensors {
        check_signature(signature)?;
    }
    let mut records = Records::new(body, Start::default());
    if !records.advance()? {
        return Err(unreadable("No columns to parse from file"));
    }
    if !headed && tensors {
        return headless::tensor(records, signature);
    }
    let names = match headed {
        true => header::names(&records.record),
        false => headless::names(records.record.len(), signature)?,
    };
    let more = if headed { records.advance()? } else { true };
    let layout = Layout::new(names, if more { records.record.len() } else { 0 });
    layout.rows(records, more, signature)
}

fn text(body: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(body).map_err(|error| {
        let offset = error.valid_up_to();
        bad_input(format!(
            "Invalid input. Ensure that input is a valid UTF-8 encoded string. Error: 'not UTF-8 at byte {offset}'"
        ))
    })
}

/// A fault in the words of MLflow.
fn unreadable(problem: &str) -> Fault {
    bad_input(format!(
        "Failed to parse input as a Pandas DataFrame. Ensure that the input is a valid CSV-formatted Pandas DataFrame \
         produced using the `pandas.DataFrame.to_csv()` method. Error: '{problem}'"
    ))
}

/// Signatures that MLflow reads no CSV for.
fn check_signature(signature: &Signature) -> Result<(), Fault> {
    match &signature.inputs {
        Some(Schema::Tensors(_)) => Err(unreadable(
            "TensorSpec only supports numpy types, use numpy_types() instead. The model takes tensors: send JSON",
        )),
        Some(Schema::Columns(columns)) if columns.iter().any(|column| column.column_type.is_nested()) => {
            Err(unreadable(
                "Failed to get pandas types as some of the inputs types are not DataType. The model takes arrays, \
                 objects or maps: send JSON",
            ))
        }
        _ => Ok(()),
    }
}

/// Refuses datetimes where there are any: pandas wants to be told of them in another way than MLflow does.
fn check_datetimes(frame: &Frame<'_, '_>, targets: &[Option<usize>]) -> Result<(), Fault> {
    for slot in targets.iter().flatten() {
        if let Values::Column(column) = &frame.slots[*slot].values
            && column.spec.is_some_and(|spec| spec.column_type == ColumnType::Datetime)
        {
            return Err(unreadable(&format!(
                "the dtype datetime64[ns] is not supported for parsing, pass this column using parse_dates instead. \
                 Column `{}` holds datetimes: send JSON",
                column.name
            )));
        }
    }
    Ok(())
}

// === impl Layout ===

impl Layout {
    /// Of columns of these names; more cells than names in the first row are its index.
    fn new(names: Vec<String>, cells: usize) -> Self {
        let index = cells.saturating_sub(names.len());
        Self { names, index }
    }

    /// Of a file that begins like this: its first record, which names the columns, and its first row, where there is one.
    ///
    /// # Errors
    ///
    /// Where it begins with no record or an open quote, or is no UTF-8.
    pub fn read(beginning: &[u8]) -> Result<Self, Fault> {
        let beginning = text(beginning)?;
        let beginning = beginning.strip_prefix('\u{feff}').unwrap_or(beginning);
        let mut records = Records::new(beginning, Start::default());
        if !records.advance()? {
            return Err(unreadable("No columns to parse from file"));
        }
        let names = header::names(&records.record);
        let cells = if records.advance()? { records.record.len() } else { 0 };
        Ok(Self::new(names, cells))
    }

    /// Reads whole records out of the middle of a file.
    ///
    /// # Errors
    ///
    /// As for a body; the message names the row and the line of the file.
    pub fn decode(&self, records: &[u8], start: Start, signature: &Signature) -> Result<Input, Fault> {
        check_signature(signature)?;
        let mut records = Records::new(text(records)?, start);
        let more = records.advance()?;
        self.clone().rows(records, more, signature)
    }

    /// All records from the one on that was read, where there is `more` than the header.
    fn rows(self, mut records: Records<'_>, mut more: bool, signature: &Signature) -> Result<Input, Fault> {
        let context = Context::new(records.body, None, Compat::Sane);
        // MLflow wraps no integer here and takes no text for a truth value, so that both modes are one.
        // The forms that are not a DataFrame's cast binary cells as `read_csv` does: not at all.
        context.form.set(Form::Inputs);
        let Self { names, index } = self;
        let width = names.len() + index;
        let mut rows = 0;
        let mut cells = Cells::new(names, signature, &context)?;
        while more {
            let found = records.record.len();
            if found > width {
                let line = records.line();
                return Err(unreadable(&format!(
                    "Error tokenizing data. C error: Expected {width} fields in line {line}, saw {found}"
                )));
            }
            context.pay_fill(width - found)?;
            cells.push(&records, index, rows)?;
            rows += 1;
            more = records.advance()?;
        }
        cells.finish(rows)
    }
}

// === impl Records ===

impl<'b> Records<'b> {
    fn new(body: &'b str, start: Start) -> Self {
        let reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(body.as_bytes().chain(SENTINEL.as_bytes()));
        Self { body, start, reader, record: ::csv::StringRecord::new() }
    }

    /// Reads the next record that is not blank; false behind the last one.
    fn advance(&mut self) -> Result<bool, Fault> {
        loop {
            let read = self.reader.read_record(&mut self.record);
            if !read.map_err(|error| unreadable(&error.to_string()))? {
                return Err(unreadable(
                    "Error tokenizing data. C error: EOF inside string: a quote is not closed",
                ));
            }
            let rest = self.rest();
            if rest.is_empty() {
                return Ok(false);
            }
            // A quoted cell may well be blank.
            let blank = self.record.len() == 1
                && !rest.starts_with('"')
                && self.record.iter().all(|cell| cell.bytes().all(|byte| matches!(byte, b' ' | b'\t')));
            if !blank {
                return Ok(true);
            }
        }
    }

    /// The body from the record on.
    fn rest(&self) -> &'b str {
        let start = self.record.position().map_or(0, ::csv::Position::byte);
        let rest = usize::try_from(start).ok().and_then(|start| self.body.get(start..)).unwrap_or_default();
        // The reader skips empty lines before a record, not behind one.
        rest.trim_start_matches(['\r', '\n'])
    }

    /// The line that the record begins in, from 1 on.
    #[cold]
    fn line(&self) -> usize {
        let before = &self.body[..self.body.len() - self.rest().len()];
        let pairs = before.matches("\r\n").count();
        self.start.line + before.matches(['\r', '\n']).count() - pairs + 1
    }
}

// === impl Cells ===

impl<'c, 'x> Cells<'c, 'x> {
    fn new(names: Vec<String>, signature: &'c Signature, context: &'x Context<'x>) -> Result<Self, Fault> {
        if signature.inputs.is_none() {
            return Ok(Self::Untyped(names.into_iter().map(Untyped::new).collect()));
        }
        let mut frame = Frame::new(Plan::new(signature, true), context);
        let targets: Vec<_> =
            names.iter().enumerate().map(|(position, name)| frame.find(name, position)).collect();
        frame.check_present()?;
        let kinds = vec![Kinds::default(); frame.slots.len()];
        Ok(Self::Typed { frame, targets, kinds })
    }

    /// Appends the record's cells behind the first `index`, those left out as missing.
    fn push(&mut self, records: &Records<'_>, index: usize, row: usize) -> Result<(), Fault> {
        let row_of_file = records.start.row + row;
        let place = |name: &str, problem: &str| {
            unreadable(&format!("{problem} (column `{name}`, row {row_of_file}, line {})", records.line()))
        };
        match self {
            Self::Typed { frame, targets, kinds } => {
                if row == 0 {
                    check_datetimes(frame, targets)?;
                }
                for (position, target) in targets.iter().enumerate() {
                    let Some(slot) = *target else { continue };
                    let cell = records.record.get(index + position).unwrap_or_default();
                    let Values::Column(column) = &mut frame.slots[slot].values else { continue };
                    let Some(spec) = column.spec else { continue };
                    match cells::typed(cell, &spec.column_type, &mut kinds[slot]) {
                        Ok(scalar) => column.push(scalar)?,
                        Err(problem) => return Err(place(&column.name, &problem)),
                    }
                }
            }
            Self::Untyped(columns) => {
                for (position, column) in columns.iter_mut().enumerate() {
                    let cell = records.record.get(index + position).unwrap_or_default();
                    if !column.push(cell) {
                        return Err(place(column.name(), super::column::FULL));
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(self, rows: usize) -> Result<Input, Fault> {
        match self {
            Self::Typed { frame, kinds, .. } => {
                if let Some((slot, _)) = frame.slots.iter().zip(kinds).find(|(_, kinds)| kinds.mixed()) {
                    let name = slot.values.name();
                    return Err(unreadable(&format!("column `{name}` mixes truth values and numbers")));
                }
                frame.finish(rows, true)
            }
            Self::Untyped(columns) => {
                let columns = columns.into_iter().map(Untyped::finish).collect();
                Ok(Input::Table(Table { columns, rows }))
            }
        }
    }
}

#[cfg(test)]
mod tests;
