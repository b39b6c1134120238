//! `application/vnd.apache.parquet`: a file as pandas writes it, read as `pandas.read_parquet` reads it.
//!
//! Called by [`super::Mlflow`]. Types are the file's own and are enforced, not cast: [`super::enforce`]. Nothing is read
//! before [`bounds`] has looked at its headers. The library was not written for files of strangers and panics at some
//! that are damaged, so that it runs behind `catch_unwind`; whatever it does there touches nothing but its own values.

mod assemble;
mod bounds;
mod flat;
mod leaf;
mod pandas;
mod tensors;
mod thrift;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use bytes::Bytes;

use self::bounds::Budget;
use super::compat::Compat;
use super::context::{Context, bad_input};
use super::enforce::{Dtype, enforce};
use super::frame::{Frame, Plan, Values};
use super::refuse::ZONED;
use super::scalar::{Problem, python_literal};
use crate::fault::Fault;
use crate::signature::{ColumnType, Signature};
use crate::values::{Column, ColumnData, Input, Table};

type File = SerializedFileReader<Bytes>;

/// A column as it stands in the file.
#[derive(Debug)]
struct Loaded {
    column: Column,
    dtype: Dtype,
    /// What a list of single values holds.
    element: Option<Dtype>,
    /// Whether moments are of UTC, and not of no time zone.
    zoned: bool,
}

/// A file's columns without its index.
#[derive(Debug, Default)]
struct Content {
    columns: Vec<Loaded>,
    rows: usize,
}

/// What a value takes at most while it is read: the value itself and its levels.
const FLAT_WIDTH: usize = 24;
const NESTED_WIDTH: usize = 48;

/// Reads a body.
pub(super) fn decode(body: &[u8], signature: &Signature) -> Result<Input, Fault> {
    let plan = Plan::new(signature, true);
    let read = catch_unwind(AssertUnwindSafe(|| read(body, plan)));
    let content = match read {
        Ok(Ok(content)) => content,
        Ok(Err(problem)) => return Err(unreadable(&problem)),
        Err(_) => return Err(unreadable("the file is damaged")),
    };
    fit(content, plan)
}

/// A fault in the words of MLflow.
fn unreadable(problem: &str) -> Fault {
    bad_input(format!(
        "Failed to parse input as a Pandas DataFrame. Ensure that the input is a valid Parquet Pandas DataFrame produced \
         using the `pandas.DataFrame.to_parquet()` method. Error: '{problem}'"
    ))
}

/// Whether a model looks at a column of this name at all; of others only the name is read.
fn is_wanted(plan: Plan<'_>, name: &str) -> bool {
    match plan {
        Plan::NamedColumns(specs) => specs.iter().any(|spec| spec.name.as_deref() == Some(name)),
        Plan::NamedTensors(specs) => specs.iter().any(|spec| spec.name.as_deref() == Some(name)),
        _ => true,
    }
}

fn read(body: &[u8], plan: Plan<'_>) -> Result<Content, Problem> {
    bounds::check_schema(body)?;
    let mut budget = Budget::new(body);
    let file = File::new(Bytes::copy_from_slice(body)).map_err(|error| leaf::damaged(&error))?;
    let metadata = file.metadata().file_metadata();
    let rows =
        usize::try_from(metadata.num_rows()).map_err(|_| "the file has less than no rows".to_owned())?;
    budget.pay(rows)?;
    let pairs = metadata.key_value_metadata().into_iter().flatten();
    let pandas = pairs.filter(|pair| pair.key == "pandas").find_map(|pair| pair.value.as_deref());
    let pandas = pandas::Frame::new(pandas);
    let mut content = Content { columns: Vec::new(), rows };
    let mut names = HashSet::new();
    let mut first = 0;
    for schema in metadata.schema_descr().root_schema().get_fields() {
        let (name, leaves) = (schema.name(), first..first + assemble::leaves(schema));
        first = leaves.end;
        if pandas.is_index(name) {
            continue;
        }
        if !names.insert(name) {
            return Err(format!("two columns are called {}", python_literal(name)));
        }
        if !is_wanted(plan, name) {
            let column = Column { name: name.to_owned(), data: ColumnData::F64(Vec::new()), validity: None };
            content.columns.push(Loaded { column, dtype: Dtype::Object, element: None, zoned: false });
            continue;
        }
        let flat = !schema.is_group() && !assemble::is_repeated(schema);
        let place = |problem: Problem| format!("column {}: {problem}", python_literal(name));
        for group in file.metadata().row_groups() {
            for column in leaves.clone() {
                let column = group.columns().get(column).ok_or("a row group lacks columns")?;
                let width = if flat { FLAT_WIDTH } else { NESTED_WIDTH };
                bounds::check_pages(body, column, width, &mut budget).map_err(place)?;
            }
        }
        let mut found = leaves.map(|index| leaf::read(&file, index, &mut budget));
        let loaded = if flat {
            let found = found.next().ok_or("the column has no values")?.map_err(place)?;
            flat::column(name, found, pandas.extension(name), rows).map_err(place)?
        } else {
            let found = found.collect::<Result<Vec<_>, _>>().map_err(place)?;
            let element = if let [leaf] = found.as_slice() { Some(leaf.dtype) } else { None };
            let (texts, validity) = assemble::column(schema, found, rows, &mut budget).map_err(place)?;
            let validity = validity.contains(&0).then_some(validity);
            let column = Column { name: name.to_owned(), data: ColumnData::Json(texts), validity };
            Loaded { column, dtype: Dtype::Object, element, zoned: false }
        };
        content.columns.push(loaded);
    }
    Ok(content)
}

/// The columns as the signature wants them.
fn fit(content: Content, plan: Plan<'_>) -> Result<Input, Fault> {
    let Content { columns, rows } = content;
    let context = Context::new("", None, Compat::Sane);
    let mut frame = Frame::new(plan, &context);
    let mut targets = Vec::with_capacity(columns.len());
    for (position, loaded) in columns.iter().enumerate() {
        targets.push(frame.find(&loaded.column.name, position));
    }
    match plan {
        Plan::InferredColumns | Plan::InferredTensors => {
            let columns = columns.into_iter().map(|loaded| loaded.column).collect();
            return Ok(Input::Table(Table { columns, rows }));
        }
        Plan::RowTensor(spec) => return tensors::of_rows(&columns, rows, spec),
        _ => frame.check_present()?,
    }
    // In the signature's order.
    let mut placed: Vec<(usize, Loaded)> =
        targets.into_iter().zip(columns).filter_map(|(target, loaded)| Some((target?, loaded))).collect();
    placed.sort_by_key(|(slot, _)| *slot);
    if let Plan::NamedTensors(specs) = plan {
        let tensors = placed.iter().zip(specs);
        let tensors = tensors.map(|((_, loaded), spec)| tensors::of_column(loaded, rows, spec, &context));
        return Ok(Input::Tensors(tensors.collect::<Result<_, _>>()?));
    }
    let mut fitted = Vec::with_capacity(placed.len());
    for (slot, loaded) in placed {
        let Some(Values::Column(builder)) = frame.slots.get(slot).map(|slot| &slot.values) else { continue };
        let Some(spec) = builder.spec else { continue };
        let name = builder.name.clone().into_owned();
        if loaded.zoned && spec.column_type == ColumnType::Datetime {
            return Err(bad_input(format!(
                "{ZONED}Error: column `{name}` has a time zone; write it in UTC and without"
            )));
        }
        fitted.push(enforce(Column { name, ..loaded.column }, loaded.dtype, spec)?);
    }
    Ok(Input::Table(Table { columns: fitted, rows }))
}

#[cfg(test)]
mod tests;
