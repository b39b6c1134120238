//! Named places for values, filled row by row or column by column.
//!
//! [`super::table`] reads bodies into a frame; the plan says what a name means: a column or tensor of the
//! signature, one whose type is inferred, or nothing the model asked for. Must never let a name be filled twice
//! in a row, nor rows differ in length.

use std::borrow::Cow;
use std::collections::HashMap;

use super::column::ColumnBuilder;
use super::context::{Context, bad_input};
use super::enforce::{Dtype, enforce};
use super::scalar::{Scalar, python_literal};
use super::tensor::TensorBuilder;
use crate::fault::Fault;
use crate::signature::{ColumnSpec, Schema, Signature, TensorSpec};
use crate::values::{Input, Table};

/// What names become.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plan<'c> {
    /// The signature's columns, by name.
    NamedColumns(&'c [ColumnSpec]),
    /// The signature's columns, in the order of the request's.
    PositionalColumns(&'c [ColumnSpec]),
    /// Columns whose type is inferred.
    InferredColumns,
    /// The signature's tensors, by name.
    NamedTensors(&'c [TensorSpec]),
    /// The columns of one tensor without a name.
    RowTensor(&'c TensorSpec),
    /// Tensors whose type is inferred.
    InferredTensors,
}

/// One name's values.
#[derive(Debug)]
pub(super) struct Slot<'c> {
    pub(super) values: Values<'c>,
    /// How many rows it has.
    pub(super) filled: usize,
    /// Whether the request names it.
    present: bool,
}

#[derive(Debug)]
pub(super) enum Values<'c> {
    Column(ColumnBuilder<'c>),
    Tensor(TensorBuilder<'c>),
}

/// The places of one request.
pub(super) struct Frame<'c, 'x> {
    pub(super) plan: Plan<'c>,
    pub(super) slots: Vec<Slot<'c>>,
    pub(super) context: &'x Context<'x>,
    /// Names that are not in `slots` at the place they were looked for; `None` for one the model does not take.
    index: HashMap<String, Option<usize>>,
    /// Names the model does not take, as Python literals.
    extras: Vec<String>,
}

const EXTRAS_LISTED: usize = 100;
const LINEAR_SEARCH: usize = 16;

// === impl Plan ===

impl Plan<'_> {
    /// Whether the signature calls its columns by the numbers 0, 1, … in this order, as MLflow infers it from an array: rows
    /// without names are theirs.
    pub(super) fn is_numbered(&self) -> bool {
        let Self::NamedColumns(specs) = self else { return false };
        let mut specs = specs.iter().enumerate();
        specs
            .all(|(at, spec)| spec.numbered && spec.name.as_ref().is_some_and(|name| *name == at.to_string()))
    }
}

impl<'c> Plan<'c> {
    /// `dataframe` chooses between a table and tensors where the model has no signature.
    pub(super) fn new(signature: &'c Signature, dataframe: bool) -> Self {
        match &signature.inputs {
            None if dataframe => Self::InferredColumns,
            None => Self::InferredTensors,
            Some(Schema::Columns(columns)) if columns.iter().all(|column| column.name.is_some()) => {
                Self::NamedColumns(columns)
            }
            Some(Schema::Columns(columns)) => Self::PositionalColumns(columns),
            Some(Schema::Tensors(tensors)) => match tensors.as_slice() {
                [tensor] if tensor.name.is_none() => Self::RowTensor(tensor),
                tensors => Self::NamedTensors(tensors),
            },
        }
    }
}

// === impl Values ===

impl Values<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Column(column) => &column.name,
            Self::Tensor(tensor) => &tensor.name,
        }
    }
}

// === impl Frame ===

impl<'c, 'x> Frame<'c, 'x> {
    pub(super) fn new(plan: Plan<'c>, context: &'x Context<'x>) -> Self {
        let mut frame = Self { plan, slots: Vec::new(), context, index: HashMap::new(), extras: Vec::new() };
        match plan {
            Plan::NamedColumns(columns) => {
                frame.slots.reserve_exact(columns.len());
                for spec in columns {
                    let name = Cow::Borrowed(spec.name.as_deref().unwrap_or_default());
                    frame.add(Values::Column(ColumnBuilder::new(name, Some(spec), context)));
                }
            }
            Plan::NamedTensors(tensors) => {
                frame.slots.reserve_exact(tensors.len());
                for spec in tensors {
                    let name = Cow::Borrowed(spec.name.as_deref().unwrap_or_default());
                    frame.add(Values::Tensor(TensorBuilder::new(name, Some(spec), context)));
                }
            }
            _ => {}
        }
        frame
    }

    fn add(&mut self, values: Values<'c>) -> usize {
        self.slots.push(Slot { values, filled: 0, present: false });
        self.slots.len() - 1
    }

    /// The place of `name`, looked for at `hint` first; `None` where the model does not take it.
    pub(super) fn find(&mut self, name: &str, hint: usize) -> Option<usize> {
        let found = match self.slots.get(hint) {
            Some(slot) if self.named() && slot.values.name() == name => Some(hint),
            _ => self.search(name),
        };
        if let Some(slot) = found {
            self.slots[slot].present = true;
        }
        found
    }

    /// Whether all columns are cast to the first one's type and then have to fit their own: MLflow makes one array of
    /// them.
    fn casts_by_first(&self) -> bool {
        self.context.compat.is_strict() && !self.context.form.get().is_dataframe()
    }

    /// Whether the slots are called as the request calls them.
    fn named(&self) -> bool {
        !matches!(self.plan, Plan::PositionalColumns(_))
    }

    fn search(&mut self, name: &str) -> Option<usize> {
        if !self.named() {
            // Only the index knows the request's names.
        } else if self.slots.len() <= LINEAR_SEARCH {
            let found = self.slots.iter().position(|slot| slot.values.name() == name);
            if found.is_some() {
                return found;
            }
        } else if self.index.is_empty() {
            let names =
                self.slots.iter().enumerate().map(|(at, slot)| (slot.values.name().to_owned(), Some(at)));
            self.index = names.collect();
        }
        if let Some(found) = self.index.get(name) {
            return *found;
        }
        let owned = Cow::Owned(name.to_owned());
        let values = match self.plan {
            Plan::InferredColumns => Some(Values::Column(ColumnBuilder::new(owned, None, self.context))),
            Plan::InferredTensors | Plan::RowTensor(_) => {
                Some(Values::Tensor(TensorBuilder::new(owned, None, self.context)))
            }
            Plan::PositionalColumns(specs) => specs.get(self.slots.len()).map(|spec| {
                let spec = if self.casts_by_first() { &specs[0] } else { spec };
                let position = self.slots.len().to_string();
                Values::Column(ColumnBuilder::new(Cow::Owned(position), Some(spec), self.context))
            }),
            Plan::NamedColumns(_) | Plan::NamedTensors(_) => None,
        };
        let found = values.map(|values| self.add(values));
        if found.is_none() {
            self.note_extra(python_literal(name));
        }
        self.index.insert(name.to_owned(), found);
        found
    }

    /// Notes a name the model does not take, given as a Python literal.
    pub(super) fn note_extra(&mut self, literal: String) {
        if self.extras.len() < EXTRAS_LISTED {
            self.extras.push(literal);
        }
    }

    /// Prepares `slot` for its value in row `row`; a name given twice takes the later value.
    pub(super) fn begin(&mut self, slot: usize, row: usize) -> Result<(), Fault> {
        let slot = &mut self.slots[slot];
        if slot.filled < row {
            self.context.pay_fill(row - slot.filled)?;
            slot.fill(row)?;
        } else if slot.filled > row {
            match &mut slot.values {
                Values::Column(column) => column.truncate(row),
                Values::Tensor(tensor) => {
                    return Err(bad_input(format!("record {row} has two values for `{}`", tensor.name)));
                }
            }
        }
        slot.filled = row + 1;
        Ok(())
    }

    /// Ends row `row`, of which `given` names were given: the others are null.
    pub(super) fn end_row(&mut self, row: usize, given: usize) -> Result<(), Fault> {
        if given >= self.slots.len() {
            return Ok(());
        }
        for slot in self.slots.iter_mut().filter(|slot| slot.present && slot.filled <= row) {
            self.context.pay_fill(1)?;
            slot.fill(row + 1)?;
        }
        Ok(())
    }

    /// Whether the request names all that the model needs.
    pub(super) fn check_present(&self) -> Result<(), Fault> {
        if let Plan::PositionalColumns(specs) = self.plan {
            return if self.slots.len() < specs.len() { Err(self.too_few(self.slots.len())) } else { Ok(()) };
        }
        let needed = |slot: &&Slot<'_>| match &slot.values {
            Values::Column(column) => column.spec.is_some_and(|spec| spec.required),
            Values::Tensor(_) => true,
        };
        let missing = self.slots.iter().filter(|slot| !slot.present).any(|slot| needed(&slot));
        if missing { Err(self.missing()) } else { Ok(()) }
    }

    /// MLflow's fault for names that the request lacks.
    pub(super) fn missing(&self) -> Fault {
        let names: Vec<String> = self
            .slots
            .iter()
            .filter(|slot| !slot.present)
            .filter(|slot| match &slot.values {
                Values::Column(column) => column.spec.is_none_or(|spec| spec.required),
                Values::Tensor(_) => true,
            })
            .map(|slot| python_literal(slot.values.name()))
            .collect();
        let mut public = format!("{}[{}].", super::refuse::MISSING_INPUTS, names.join(", "));
        if !self.extras.is_empty() {
            let extras = self.extras.join(", ");
            public.push_str(&format!(" Note that there were extra inputs: [{extras}]."));
        }
        bad_input(public)
    }

    /// MLflow's fault for too few columns without names.
    pub(super) fn too_few(&self, given: usize) -> Fault {
        let wanted =
            if let Plan::PositionalColumns(specs) = self.plan { specs.len() } else { self.slots.len() };
        bad_input(format!(
            "{}The model signature declares {wanted} inputs  but the provided value only has {given} inputs. Note: \
             the inputs were not named in the signature so we can only verify their count.",
            super::refuse::TOO_FEW_INPUTS
        ))
    }

    /// How many slots the request names.
    pub(super) fn present(&self) -> usize {
        self.slots.iter().filter(|slot| slot.present).count()
    }

    /// The input that was read. `stacked` says that tensors were read row by row and not each as a whole.
    pub(super) fn finish(self, rows: usize, stacked: bool) -> Result<Input, Fault> {
        self.check_present()?;
        let by_first = self.casts_by_first();
        let mut columns = Vec::new();
        let mut tensors = Vec::new();
        if !matches!(self.plan, Plan::NamedTensors(_) | Plan::RowTensor(_) | Plan::InferredTensors) {
            columns.reserve_exact(self.slots.len());
        }
        for slot in self.slots {
            match slot.values {
                Values::Column(_) if !slot.present => {}
                Values::Column(column) => columns.push(column.finish()),
                Values::Tensor(mut tensor) => {
                    if stacked {
                        tensor.open(0)?;
                        tensor.close(0, rows)?;
                    }
                    tensors.push(tensor);
                }
            }
        }
        match self.plan {
            Plan::RowTensor(spec) => {
                let whole = TensorBuilder::new(Cow::Borrowed(""), Some(spec), self.context);
                let tensor = TensorBuilder::transpose(&tensors, whole, rows)?.finish(false)?;
                Ok(Input::Tensors(vec![tensor]))
            }
            Plan::NamedTensors(_) | Plan::InferredTensors => {
                let reshape = self.context.form.get().is_dataframe();
                let tensors = tensors.into_iter().map(|tensor| tensor.finish(reshape));
                Ok(Input::Tensors(tensors.collect::<Result<_, _>>()?))
            }
            Plan::PositionalColumns(specs) if by_first => {
                let dtype = Dtype::of(&specs[0].column_type);
                let columns = columns.into_iter().zip(specs);
                let columns = columns.map(|(column, spec)| enforce(column, dtype, spec));
                Ok(Input::Table(Table { columns: columns.collect::<Result<_, _>>()?, rows }))
            }
            _ => Ok(Input::Table(Table { columns, rows })),
        }
    }
}

// === impl Slot ===

impl Slot<'_> {
    /// Appends nulls up to `rows` rows.
    fn fill(&mut self, rows: usize) -> Result<(), Fault> {
        for _ in self.filled..rows {
            match &mut self.values {
                Values::Column(column) => column.push_null()?,
                Values::Tensor(tensor) => {
                    tensor.open(0)?;
                    tensor.push(1, Scalar::Null)?;
                }
            }
        }
        self.filled = rows;
        Ok(())
    }
}
