//! Rows, records and columns of a body, read into a [`Frame`].
//!
//! Called by [`super::decode`] for each of the four forms. Keys are compared where they lie in the body and cells
//! are pushed where they belong, so that nothing is allocated for either.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::context::{Context, bad_input};
use super::frame::{Frame, Plan, Values};
use super::scalar::{Scalar, forward_scalars};
use super::tensor::Nested;
use crate::fault::Fault;

/// Reads one cell.
pub(super) struct Cell<'f, 'c, 'x> {
    pub(super) values: &'f mut Values<'c>,
    pub(super) context: &'x Context<'x>,
}

/// Reads a name and gives its place.
struct Name<'f, 'c, 'x> {
    frame: &'f mut Frame<'c, 'x>,
    hint: usize,
}

/// What a row may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `dataframe_split`: a list as long as there are columns.
    Exact,
    /// `dataframe_records`: an object.
    Record,
    /// `instances` and `inputs`: an object, or values by position.
    Either,
}

/// Reads a list of rows.
pub(super) struct Rows<'f, 'c, 'x> {
    pub(super) frame: &'f mut Frame<'c, 'x>,
    pub(super) shape: Shape,
    /// Where each position of a row goes.
    pub(super) targets: Vec<Option<usize>>,
    pub(super) rows: usize,
}

/// Reads one row.
pub(super) struct Row<'r, 'f, 'c, 'x>(pub(super) &'r mut Rows<'f, 'c, 'x>);

/// Reads an object of columns or whole tensors, and gives the number of rows.
pub(super) struct Columns<'f, 'c, 'x>(pub(super) &'f mut Frame<'c, 'x>);

/// Reads all cells of a column: a list, or one value for one row.
struct Whole<'f, 'c, 'x> {
    values: &'f mut Values<'c>,
    context: &'x Context<'x>,
}

// === impl Cell ===

impl Cell<'_, '_, '_> {
    #[inline]
    fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        match self.values {
            Values::Column(column) => column.push(scalar).map_err(|fault| self.context.refuse(fault)),
            // Only columns come here: a tensor's cell is read by `Nested`.
            Values::Tensor(_) => Ok(()),
        }
    }

    fn nested<T, E: Error>(self, found: &str) -> Result<T, E> {
        let fault = match self.values {
            Values::Column(column) => column.fault(&format!("expected a single value, found {found}")),
            Values::Tensor(_) => bad_input("expected a single value"),
        };
        Err(self.context.refuse(fault))
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_, '_, '_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let context = self.context;
        match self.values {
            Values::Column(column) if column.takes_json() => {
                let text = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
                column.push_json(text.get()).map_err(|fault| context.refuse(fault))
            }
            Values::Column(_) => deserializer.deserialize_any(self),
            Values::Tensor(tensor) => {
                tensor.open(0).map_err(|fault| context.refuse(fault))?;
                Nested { tensor, depth: 1, context }.deserialize(deserializer)
            }
        }
    }
}

impl<'de> Visitor<'de> for Cell<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    forward_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.nested("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.nested("an object")
    }
}

// === impl Name ===

impl<'de> DeserializeSeed<'de> for Name<'_, '_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.frame.find(name, self.hint))
    }
}

// === impl Rows ===

impl<'c, 'x> Rows<'_, 'c, 'x> {
    /// A row that is no list where lists of one value may be left out, as pandas allows.
    fn single(&mut self) -> Result<Cell<'_, 'c, 'x>, Fault> {
        self.settle(1)?;
        let row = self.rows;
        match self.targets.first().copied().flatten() {
            Some(slot) => {
                self.frame.begin(slot, row)?;
                Ok(Cell { values: &mut self.frame.slots[slot].values, context: self.frame.context })
            }
            None => Err(bad_input(format!("row {row} is not a list of values"))),
        }
    }

    /// Finds, at the first row without names, where its `width` values go.
    fn settle(&mut self, width: usize) -> Result<(), Fault> {
        if self.shape == Shape::Record {
            return Err(bad_input(format!("record {} is not an object", self.rows)));
        }
        let row = self.rows;
        if self.shape == Shape::Either && row > 0 && self.targets.is_empty() {
            return Err(bad_input(format!("row {row} is not an object, those before it are")));
        }
        if self.shape == Shape::Exact || row > 0 {
            let columns = self.targets.len();
            return if width == columns {
                Ok(())
            } else {
                Err(bad_input(format!("row {row} has {width} values, but there are {columns} columns")))
            };
        }
        match self.frame.plan {
            // MLflow names a single column by itself when the values are plain.
            Plan::NamedColumns([spec]) if width == 1 && !self.frame.context.form.get().is_dataframe() => {
                let name = spec.name.as_deref().unwrap_or_default();
                self.targets = vec![self.frame.find(name, 0)];
            }
            Plan::NamedColumns(specs) if width == specs.len() && self.frame.context.by_position => {
                let names = specs.iter().map(|spec| spec.name.as_deref().unwrap_or_default());
                self.targets = names.enumerate().map(|(at, name)| self.frame.find(name, at)).collect();
            }
            Plan::PositionalColumns(specs) if width >= specs.len() => {
                self.targets = (0..width).map(|at| self.frame.find(&at.to_string(), at)).collect();
            }
            Plan::PositionalColumns(_) => return Err(self.frame.too_few(width)),
            Plan::InferredColumns => {
                self.targets = (0..width).map(|at| self.frame.find(&at.to_string(), at)).collect();
            }
            plan if plan.is_numbered() => {
                self.targets = (0..width).map(|at| self.frame.find(&at.to_string(), at)).collect();
            }
            _ => return Err(self.unnamed(width)),
        }
        Ok(())
    }

    /// MLflow's fault for values without names where the model wants names.
    pub(super) fn unnamed(&mut self, width: usize) -> Fault {
        for position in 0..width.min(100) {
            self.frame.note_extra(position.to_string());
        }
        self.frame.missing()
    }
}

impl<'de> Visitor<'de> for &mut Rows<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Row(self))?.is_some() {
            self.rows += 1;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Rows<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

// === impl Row ===

impl Row<'_, '_, '_, '_> {
    pub(super) fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        let context = self.0.frame.context;
        let cell = self.0.single().map_err(|fault| context.refuse(fault))?;
        match cell.values {
            Values::Column(column) if column.spec.is_some() && column.takes_json() => {
                Err(context.refuse(column.fault(&format!("expected a row, found {}", scalar.kind()))))
            }
            Values::Column(_) => cell.scalar(scalar),
            Values::Tensor(tensor) => {
                let pushed = tensor.open(0).and_then(|()| tensor.push(1, scalar));
                pushed.map_err(|fault| context.refuse(fault))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_, '_, '_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    forward_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Rows { frame, shape, targets, rows } = self.0;
        let (context, row) = (frame.context, *rows);
        if *shape != Shape::Exact && row == 0 {
            return first_row(self.0, seq);
        }
        let mut width = 0;
        for target in targets.iter() {
            let given = match *target {
                None => seq.next_element::<IgnoredAny>()?.is_some(),
                Some(slot) => {
                    let slot = &mut frame.slots[slot];
                    let given = seq.next_element_seed(Cell { values: &mut slot.values, context })?.is_some();
                    slot.filled = row + 1;
                    given
                }
            };
            if !given {
                break;
            }
            width += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            width += 1;
        }
        self.0.settle(width).map_err(|fault| context.refuse(fault))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Rows { frame, shape, targets, rows } = self.0;
        let (context, row) = (frame.context, *rows);
        if *shape == Shape::Exact || !targets.is_empty() {
            return Err(context.refuse(bad_input(format!("row {row} is an object, not a list of values"))));
        }
        let (mut position, mut given) = (0, 0);
        while let Some(target) = map.next_key_seed(Name { frame, hint: position })? {
            position += 1;
            let Some(slot) = target else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            given += usize::from(frame.slots[slot].filled <= row);
            frame.begin(slot, row).map_err(|fault| context.refuse(fault))?;
            map.next_value_seed(Cell { values: &mut frame.slots[slot].values, context })?;
        }
        frame.end_row(row, given).map_err(|fault| context.refuse(fault))
    }
}

/// The first row without names: its width decides where the values go, so it is read twice.
fn first_row<'de, A: SeqAccess<'de>>(rows: &mut Rows<'_, '_, '_>, mut seq: A) -> Result<(), A::Error> {
    let context = rows.frame.context;
    let mut cells = Vec::new();
    while let Some(cell) = seq.next_element::<&RawValue>()? {
        cells.push(cell);
    }
    // A list is no plain value, so it does not name a single column by itself, whatever that is called.
    let plain = match rows.frame.plan {
        Plan::NamedColumns(_) if context.by_position => true,
        Plan::NamedColumns(specs) => specs.len() > 1 && rows.frame.plan.is_numbered(),
        _ => true,
    };
    let settled = if plain { rows.settle(cells.len()) } else { Err(rows.unnamed(cells.len())) };
    settled.map_err(|fault| context.refuse(fault))?;
    for (target, cell) in rows.targets.iter().zip(cells) {
        if let Some(slot) = target {
            let slot = &mut rows.frame.slots[*slot];
            let mut deserializer = serde_json::Deserializer::from_str(cell.get());
            let read = Cell { values: &mut slot.values, context }.deserialize(&mut deserializer);
            read.map_err(|error| context.refuse(context.syntax(cell.get(), &error)))?;
            slot.filled = 1;
        }
    }
    Ok(())
}

// === impl Columns ===

impl<'de> Visitor<'de> for Columns<'_, '_, '_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let frame = self.0;
        let context = frame.context;
        let (mut position, mut rows) = (0, None);
        while let Some(target) = map.next_key_seed(Name { frame, hint: position })? {
            position += 1;
            let Some(slot) = target else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let slot = &mut frame.slots[slot];
            if slot.filled > 0 {
                match &mut slot.values {
                    Values::Column(column) => column.truncate(0),
                    Values::Tensor(tensor) => {
                        let fault = bad_input(format!("`{}` is given twice", tensor.name));
                        return Err(context.refuse(fault));
                    }
                }
            }
            let length = map.next_value_seed(Whole { values: &mut slot.values, context })?;
            slot.filled = 1;
            if *rows.get_or_insert(length) != length && matches!(slot.values, Values::Column(_)) {
                let name = slot.values.name();
                let first = rows.unwrap_or_default();
                let fault = format!("column `{name}` has {length} values, the columns before it {first}");
                return Err(context.refuse(bad_input(fault)));
            }
        }
        Ok(rows.unwrap_or(0))
    }
}

// === impl Whole ===

impl Whole<'_, '_, '_> {
    fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<usize, E> {
        Cell { values: self.values, context: self.context }.scalar(scalar).map(|()| 1)
    }
}

impl<'de> DeserializeSeed<'de> for Whole<'_, '_, '_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        let context = self.context;
        match self.values {
            Values::Column(column) if column.takes_json() => {
                let text = <&RawValue as serde::Deserialize>::deserialize(deserializer)?.get();
                if !text.starts_with('[') {
                    return column.push_json(text).map(|()| 1).map_err(|fault| context.refuse(fault));
                }
                let mut deserializer = serde_json::Deserializer::from_str(text);
                let whole = Whole { values: self.values, context };
                let read = deserializer.deserialize_seq(whole);
                read.map_err(|error| context.refuse(context.syntax(text, &error)))
            }
            Values::Column(_) => deserializer.deserialize_any(self),
            Values::Tensor(tensor) => {
                Nested { tensor, depth: 0, context }.deserialize(deserializer).map(|()| 1)
            }
        }
    }
}

impl<'de> Visitor<'de> for Whole<'_, '_, '_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column")
    }

    forward_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut rows = 0;
        while seq.next_element_seed(Cell { values: self.values, context: self.context })?.is_some() {
            rows += 1;
        }
        Ok(rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<usize, A::Error> {
        Cell { values: self.values, context: self.context }.nested("an object")
    }
}
