//! `dataframe_split`: `data` row by row, `columns` and `index` beside it.
//!
//! Called by [`super::forms`]. Rows go straight into their columns when `columns` comes first; else `data` is kept
//! as it lies in the body and read at the end.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::context::{Context, bad_input};
use super::forms::FormValue;
use super::frame::{Frame, Plan};
use super::scalar::{Scalar, forward_scalars, python_literal};
use super::table::{Rows, Shape};
use super::tensor::{Nested, TensorBuilder};
use crate::fault::Fault;
use crate::values::Input;

/// Reads the object.
pub(super) struct Split<'c, 'x> {
    context: &'x Context<'x>,
    plan: Plan<'c>,
    /// Where each position of a row goes, once the columns are known.
    targets: Option<(Frame<'c, 'x>, Vec<Option<usize>>)>,
    /// The length of `index`.
    index: Option<usize>,
    /// What `data` held and its number of rows.
    input: Option<(Input, usize)>,
}

/// Reads `data` where the columns are known.
struct Data<'s, 'c, 'x>(&'s mut Split<'c, 'x>);

enum Key {
    Columns,
    Data,
    Index,
    Other(String),
}

struct KeySeed;

/// Reads `columns`; `None` for null.
struct Names<'f, 'c, 'x>(&'f mut Frame<'c, 'x>);

/// Reads one name, which may be a number, and gives its place.
struct Name<'f, 'c, 'x> {
    frame: &'f mut Frame<'c, 'x>,
    hint: usize,
}

/// Counts a list's values, or those of its first row; `None` for what is no list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    Values,
    FirstRow,
}

// === impl Split ===

impl<'c, 'x> Split<'c, 'x> {
    pub(super) fn new(value: FormValue<'c, 'x>) -> Self {
        let plan = Plan::new(value.signature, true);
        Self { context: value.context, plan, targets: None, index: None, input: None }
    }

    fn columns<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let context = self.context;
        if self.input.is_some() {
            return Err(context.refuse(bad_input("`columns` is given again behind `data`")));
        }
        let mut frame = Frame::new(self.plan, context);
        let Some(targets) = map.next_value_seed(Names(&mut frame))? else { return Ok(()) };
        if !matches!(self.plan, Plan::RowTensor(_)) {
            frame.check_present().map_err(|fault| context.refuse(fault))?;
        }
        if frame.present() < targets.iter().flatten().count() {
            return Err(context.refuse(bad_input("`columns` has a name twice")));
        }
        self.targets = Some((frame, targets));
        Ok(())
    }

    /// Reads the rows, whose columns are known or not needed.
    fn data<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        let context = self.context;
        if let Plan::RowTensor(spec) = self.plan {
            let columns = self.targets.as_ref().map(|(_, targets)| targets.len());
            let mut tensor = TensorBuilder::new(Cow::Borrowed(""), Some(spec), context);
            Nested { tensor: &mut tensor, depth: 0, context }.deserialize(deserializer)?;
            self.input = Some(rows_of(tensor, columns).map_err(|fault| context.refuse(fault))?);
            return Ok(());
        }
        let Some((mut frame, targets)) = self.targets.take() else { return Ok(()) };
        let mut rows = Rows { frame: &mut frame, shape: Shape::Exact, targets, rows: 0 };
        (&mut rows).deserialize(deserializer)?;
        let rows = rows.rows;
        let input = frame.finish(rows, true).map_err(|fault| context.refuse(fault))?;
        self.input = Some((input, rows));
        Ok(())
    }

    /// Reads rows whose columns come behind them or nowhere.
    fn deferred(&mut self, data: &RawValue) -> Result<(), Fault> {
        let context = self.context;
        let text = data.get();
        if self.targets.is_none() {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let width = Count::FirstRow.deserialize(&mut deserializer);
            let width = width.map_err(|error| context.syntax(text, &error))?.unwrap_or(0);
            let mut frame = Frame::new(self.plan, context);
            if matches!(self.plan, Plan::NamedColumns(_) | Plan::NamedTensors(_)) && !self.plan.is_numbered()
            {
                let mut rows = Rows { frame: &mut frame, shape: Shape::Exact, targets: Vec::new(), rows: 0 };
                let fault = rows.unnamed(width);
                frame.check_present().map_err(|_| fault)?;
            }
            let targets = (0..width).map(|position| frame.find(&position.to_string(), position)).collect();
            frame.check_present()?;
            self.targets = Some((frame, targets));
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        self.data(&mut deserializer)
            .map_err(|error| context.take_fault().unwrap_or_else(|| context.syntax(text, &error)))
    }

    fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<Input, E> {
        Err(self.context.refuse(not_a_dictionary(scalar.kind())))
    }
}

/// The rows of a tensor that has `columns` columns, where their number is known.
fn rows_of(mut tensor: TensorBuilder<'_>, columns: Option<usize>) -> Result<(Input, usize), Fault> {
    let rows = tensor.axis(0).unwrap_or(0);
    if let Some(columns) = columns {
        if rows == 0 {
            tensor.open(1)?;
            tensor.close(1, columns)?;
        }
        let width = tensor.axis(1).map_or(1, |width| width as usize);
        if width != columns {
            return Err(bad_input(format!("rows have {width} values, but there are {columns} columns")));
        }
    }
    Ok((Input::Tensors(vec![tensor.finish(false)?]), rows as usize))
}

impl<'de> Visitor<'de> for Split<'_, '_> {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of `data`, `columns` and `index`")
    }

    forward_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Input, A::Error> {
        Err(self.context.refuse(not_a_dictionary("a list")))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Input, A::Error> {
        let context = self.context;
        let mut deferred: Option<&RawValue> = None;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key {
                Key::Columns => self.columns(&mut map)?,
                Key::Data if self.input.is_some() => {
                    return Err(context.refuse(bad_input("`data` is given twice")));
                }
                Key::Data if self.targets.is_some() => map.next_value_seed(Data(&mut self))?,
                Key::Data => deferred = Some(map.next_value()?),
                Key::Index => self.index = map.next_value_seed(Count::Values)?,
                Key::Other(name) => {
                    return Err(context.refuse(keys(&format!("Got {}.", python_literal(&name)))));
                }
            }
        }
        if let Some(data) = deferred.filter(|_| self.input.is_none()) {
            self.deferred(data).map_err(|fault| context.refuse(fault))?;
        }
        let Some((input, rows)) = self.input else { return Err(context.refuse(keys("It has no 'data'."))) };
        match self.index.filter(|length| *length != rows) {
            None => Ok(input),
            Some(length) => Err(context.refuse(bad_input(format!(
                "Invalid input. Provided dataframe_split field is not a valid dataframe representation in 'split' \
                 format. Error: 'Length of values ({rows}) does not match length of index ({length})'"
            )))),
        }
    }
}

fn not_a_dictionary(found: &str) -> Fault {
    bad_input(format!("Invalid input. Dataframe split format must be a dictionary. Got {found}."))
}

fn keys(found: &str) -> Fault {
    bad_input(format!(
        "Invalid input. Dataframe split format must have 'data' field and optionally 'columns' and 'index' fields. \
         {found}"
    ))
}

// === impl Data ===

impl<'de> DeserializeSeed<'de> for Data<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.data(deserializer)
    }
}

// === impl KeySeed ===

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        Ok(match key {
            "columns" => Key::Columns,
            "data" => Key::Data,
            "index" => Key::Index,
            other => Key::Other(other.to_owned()),
        })
    }
}

// === impl Names ===

impl<'de> DeserializeSeed<'de> for Names<'_, '_, '_> {
    type Value = Option<Vec<Option<usize>>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names<'_, '_, '_> {
    type Value = Option<Vec<Option<usize>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of column names")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let frame = self.0;
        let mut targets = Vec::with_capacity(frame.slots.len());
        while let Some(target) = seq.next_element_seed(Name { frame, hint: targets.len() })? {
            targets.push(target);
        }
        Ok(Some(targets))
    }
}

// === impl Name ===

impl<'de> DeserializeSeed<'de> for Name<'_, '_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Name<'_, '_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.frame.find(name, self.hint))
    }

    fn visit_u64<E: Error>(self, name: u64) -> Result<Self::Value, E> {
        Ok(self.frame.find(&name.to_string(), self.hint))
    }
}

// === impl Count ===

impl Count {
    fn scalar<E>(self, _: Scalar<'_>) -> Result<Option<usize>, E> {
        Ok(None)
    }
}

impl<'de> DeserializeSeed<'de> for Count {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    forward_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut count = 0;
        match self {
            Self::Values => {}
            Self::FirstRow => {
                let first = seq.next_element_seed(Self::Values)?;
                count = first.map_or(0, |width| width.unwrap_or(1));
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += usize::from(self == Self::Values);
        }
        Ok(Some(count))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
