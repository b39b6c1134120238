//! Tables whose columns come with types of their own, fitted to a signature: what pandas has in a DataFrame before MLflow
//! looks at it.
//!
//! Called by `super::parquet` for bodies, and by `mlhost-tables` for what Arrow holds. Types are enforced, not cast:
//! `super::enforce`.

mod tensors;

use super::compat::Compat;
use super::context::{Context, bad_input};
pub use super::enforce::Dtype;
use super::enforce::enforce;
use super::frame::{Frame, Plan, Values};
use super::refuse::ZONED;
use crate::fault::Fault;
use crate::signature::{ColumnType, Signature};
use crate::values::{Column, Input, Table};

/// A column with the type that pandas would have it in.
#[derive(Clone, Debug)]
pub struct TypedColumn {
    /// Its values. Where they are integers and some are missing they must be floats by now, as in pandas.
    pub column: Column,
    /// Their type, which may be narrower than the column's.
    pub dtype: Dtype,
    /// What a list of single values holds, where the column is of lists.
    pub element: Option<Dtype>,
    /// Whether moments are of UTC, and not of no time zone.
    pub zoned: bool,
}

/// The input of `columns`, each of `rows` values, in the signature's order; as they are where there is no signature.
///
/// # Errors
///
/// [`crate::fault::FaultKind::BadInput`] where MLflow would refuse such a DataFrame.
pub fn fit(columns: Vec<TypedColumn>, rows: usize, signature: &Signature) -> Result<Input, Fault> {
    let plan = Plan::new(signature, true);
    let context = Context::new("", None, Compat::Sane);
    let mut frame = Frame::new(plan, &context);
    let mut targets = Vec::with_capacity(columns.len());
    for (position, typed) in columns.iter().enumerate() {
        targets.push(frame.find(&typed.column.name, position));
    }
    match plan {
        Plan::InferredColumns | Plan::InferredTensors => {
            let columns = columns.into_iter().map(|typed| typed.column).collect();
            return Ok(Input::Table(Table { columns, rows }));
        }
        Plan::RowTensor(spec) => return tensors::of_rows(&columns, rows, spec),
        _ => frame.check_present()?,
    }
    // In the signature's order.
    let mut placed: Vec<(usize, TypedColumn)> =
        targets.into_iter().zip(columns).filter_map(|(target, typed)| Some((target?, typed))).collect();
    placed.sort_by_key(|(slot, _)| *slot);
    if let Plan::NamedTensors(specs) = plan {
        let tensors = placed.iter().zip(specs);
        let tensors = tensors.map(|((_, typed), spec)| tensors::of_column(typed, rows, spec, &context));
        return Ok(Input::Tensors(tensors.collect::<Result<_, _>>()?));
    }
    let mut fitted = Vec::with_capacity(placed.len());
    for (slot, typed) in placed {
        let Some(Values::Column(builder)) = frame.slots.get(slot).map(|slot| &slot.values) else { continue };
        let Some(spec) = builder.spec else { continue };
        let name = builder.name.clone().into_owned();
        if typed.zoned && spec.column_type == ColumnType::Datetime {
            return Err(bad_input(format!(
                "{ZONED}Error: column `{name}` has a time zone; write it in UTC and without"
            )));
        }
        fitted.push(enforce(Column { name, ..typed.column }, typed.dtype, spec)?);
    }
    Ok(Input::Table(Table { columns: fitted, rows }))
}

/// Whether a model of this signature looks at a column of this name at all.
#[must_use]
pub fn is_wanted(signature: &Signature, name: &str) -> bool {
    match Plan::new(signature, true) {
        Plan::NamedColumns(specs) => specs.iter().any(|spec| spec.name.as_deref() == Some(name)),
        Plan::NamedTensors(specs) => specs.iter().any(|spec| spec.name.as_deref() == Some(name)),
        _ => true,
    }
}

/// The names of what a model of this signature looks at, where it goes by names.
#[must_use]
pub fn named(signature: &Signature) -> Option<Vec<String>> {
    match Plan::new(signature, true) {
        Plan::NamedColumns(specs) => Some(specs.iter().filter_map(|spec| spec.name.clone()).collect()),
        Plan::NamedTensors(specs) => Some(specs.iter().filter_map(|spec| spec.name.clone()).collect()),
        _ => None,
    }
}
