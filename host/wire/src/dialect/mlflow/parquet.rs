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
mod thrift;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use bytes::Bytes;

use self::bounds::Budget;
use super::context::bad_input;
use super::scalar::{Problem, python_literal};
use super::typed::{self, Dtype, TypedColumn};
use crate::fault::Fault;
use crate::signature::Signature;
use crate::values::{Column, ColumnData, Input};

type File = SerializedFileReader<Bytes>;

/// A file's columns without its index.
#[derive(Debug, Default)]
struct Content {
    columns: Vec<TypedColumn>,
    rows: usize,
}

/// What a value takes at most while it is read: the value itself and its levels.
const FLAT_WIDTH: usize = 24;
const NESTED_WIDTH: usize = 48;

/// Reads a body.
pub(super) fn decode(body: &[u8], signature: &Signature) -> Result<Input, Fault> {
    let read = catch_unwind(AssertUnwindSafe(|| read(body, signature)));
    let content = match read {
        Ok(Ok(content)) => content,
        Ok(Err(problem)) => return Err(unreadable(&problem)),
        Err(_) => return Err(unreadable("the file is damaged")),
    };
    typed::fit(content.columns, content.rows, signature)
}

/// A fault in the words of MLflow.
fn unreadable(problem: &str) -> Fault {
    bad_input(format!(
        "Failed to parse input as a Pandas DataFrame. Ensure that the input is a valid Parquet Pandas DataFrame produced \
         using the `pandas.DataFrame.to_parquet()` method. Error: '{problem}'"
    ))
}

fn read(body: &[u8], signature: &Signature) -> Result<Content, Problem> {
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
        if !typed::is_wanted(signature, name) {
            let column = Column { name: name.to_owned(), data: ColumnData::F64(Vec::new()), validity: None };
            content.columns.push(TypedColumn { column, dtype: Dtype::Object, element: None, zoned: false });
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
            TypedColumn { column, dtype: Dtype::Object, element, zoned: false }
        };
        content.columns.push(loaded);
    }
    Ok(content)
}

#[cfg(test)]
mod tests;
