//! The values of `dataframe_records`, `instances` and `inputs`, and which reader each form has.
//!
//! Called by [`super::decode`]; `dataframe_split` is read by [`super::split`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::context::{Context, Form, bad_input};
use super::frame::{Frame, Plan};
use super::refuse::MISSING_INPUTS;
use super::scalar::{Scalar, forward_scalars};
use super::split::Split;
use super::table::{Columns, Row, Rows, Shape};
use super::tensor::{Nested, TensorBuilder};
use crate::fault::Fault;
use crate::signature::Signature;
use crate::values::Input;

/// Reads the value of the form that the context names.
#[derive(Clone, Copy)]
pub(super) struct FormValue<'c, 'x> {
    pub(super) context: &'x Context<'x>,
    pub(super) signature: &'c Signature,
}

/// Reads `dataframe_records`.
struct Records<'c, 'x>(FormValue<'c, 'x>);

/// Reads `instances` or `inputs`.
struct Arrays<'c, 'x>(FormValue<'c, 'x>);

/// Reads one element of a list that becomes tensors: a record, or a part of the one tensor.
struct Element<'e, 'f, 'c, 'x> {
    rows: &'e mut Rows<'f, 'c, 'x>,
    /// `None` where the model takes several tensors, which only names can tell apart.
    bare: &'e mut Option<TensorBuilder<'c>>,
    elements: usize,
}

// === impl FormValue ===

impl<'de> DeserializeSeed<'de> for FormValue<'_, '_> {
    type Value = Input;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Input, D::Error> {
        match self.context.form.get() {
            Form::Split => deserializer.deserialize_any(Split::new(self)),
            Form::Records => deserializer.deserialize_any(Records(self)),
            Form::Instances | Form::Inputs => deserializer.deserialize_any(Arrays(self)),
        }
    }
}

// === impl Records ===

impl Records<'_, '_> {
    fn wrong<E: Error>(&self, found: &str) -> E {
        self.0.context.refuse(bad_input(format!(
            "Invalid input. Dataframe records format must be a list of records. Got {found}."
        )))
    }

    fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<Input, E> {
        Err(self.wrong(scalar.kind()))
    }
}

impl<'de> Visitor<'de> for Records<'_, '_> {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    forward_scalars!();

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Input, A::Error> {
        Err(self.wrong("dictionary"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Input, A::Error> {
        let FormValue { context, signature } = self.0;
        let mut frame = Frame::new(Plan::new(signature, true), context);
        // Against its own message MLflow takes bare values, too.
        let shape = if context.compat.is_strict() { Shape::Either } else { Shape::Record };
        let mut rows = Rows { frame: &mut frame, shape, targets: Vec::new(), rows: 0 };
        (&mut rows).visit_seq(seq)?;
        let rows = rows.rows;
        frame.finish(rows, true).map_err(|fault| context.refuse(fault))
    }
}

// === impl Arrays ===

impl<'c, 'x> Arrays<'c, 'x> {
    fn plan(&self) -> Plan<'c> {
        Plan::new(self.0.signature, false)
    }

    fn frame(&self) -> Frame<'c, 'x> {
        Frame::new(self.plan(), self.0.context)
    }

    /// The one tensor that values without a name go to.
    fn bare(&self) -> Option<TensorBuilder<'c>> {
        let context = self.0.context;
        match self.plan() {
            Plan::RowTensor(spec) => Some(TensorBuilder::new(Cow::Borrowed(""), Some(spec), context)),
            Plan::NamedTensors([spec]) => {
                let name = Cow::Borrowed(spec.name.as_deref().unwrap_or_default());
                Some(TensorBuilder::new(name, Some(spec), context))
            }
            Plan::InferredTensors => Some(TensorBuilder::new(Cow::Borrowed(""), None, context)),
            _ => None,
        }
    }

    fn is_table(&self) -> bool {
        matches!(self.plan(), Plan::NamedColumns(_) | Plan::PositionalColumns(_))
    }

    fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<Input, E> {
        let context = self.0.context;
        let mut frame = self.frame();
        let mut rows = Rows { frame: &mut frame, shape: Shape::Either, targets: Vec::new(), rows: 0 };
        if matches!(rows.frame.plan, Plan::PositionalColumns(_)) {
            Row(&mut rows).scalar(scalar)?;
            return frame.finish(1, true).map_err(|fault| context.refuse(fault));
        }
        let Some(mut tensor) = self.bare() else { return Err(context.refuse(rows.unnamed(1))) };
        let read = tensor.push(0, scalar).and_then(|()| tensor.finish(false));
        read.map(|tensor| Input::Tensors(vec![tensor])).map_err(|fault| context.refuse(fault))
    }
}

impl<'de> Visitor<'de> for Arrays<'_, '_> {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array, or an object of arrays")
    }

    forward_scalars!();

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Input, A::Error> {
        let context = self.0.context;
        if matches!(self.plan(), Plan::PositionalColumns(_) | Plan::RowTensor(_)) {
            return Err(context.refuse(names_unwanted()));
        }
        let mut frame = self.frame();
        let rows = Columns(&mut frame).visit_map(map)?;
        frame.finish(rows, false).map_err(|fault| context.refuse(fault))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Input, A::Error> {
        let context = self.0.context;
        let table = self.is_table();
        let mut frame = self.frame();
        let shape = if table { Shape::Either } else { Shape::Record };
        let mut rows = Rows { frame: &mut frame, shape, targets: Vec::new(), rows: 0 };
        if table {
            (&mut rows).visit_seq(seq)?;
            let rows = rows.rows;
            return frame.finish(rows, true).map_err(|fault| context.refuse(fault));
        }
        let mut bare = self.bare();
        if let Some(tensor) = &mut bare {
            tensor.open(0).map_err(|fault| context.refuse(fault))?;
        }
        let mut elements = 0;
        while seq.next_element_seed(Element { rows: &mut rows, bare: &mut bare, elements })?.is_some() {
            elements += 1;
        }
        let read = match bare {
            Some(mut tensor) if rows.rows == 0 => {
                tensor.close(0, elements).and_then(|()| Ok(Input::Tensors(vec![tensor.finish(false)?])))
            }
            _ => frame.finish(elements, true),
        };
        read.map_err(|fault| context.refuse(fault))
    }
}

/// MLflow's fault for names where the signature has none.
fn names_unwanted() -> Fault {
    bad_input(
        "Invalid input. Failed to parse input data. This model contains an un-named  model signature which expects \
         a single n-dimensional array or a single value as input, however, an input of type <class 'dict'> was \
         found.",
    )
}

// === impl Element ===

impl<'c, 'x> Element<'_, '_, 'c, 'x> {
    /// Where a part of the one tensor goes.
    fn part<E: Error>(&mut self) -> Result<Nested<'_, 'c, 'x>, E> {
        let context = self.rows.frame.context;
        match self.bare {
            Some(tensor) if self.rows.rows == 0 => Ok(Nested { tensor, depth: 1, context }),
            Some(_) => Err(context.refuse(bad_input(format!("record {} is not an object", self.elements)))),
            None => {
                Err(context.refuse(bad_input(format!("{MISSING_INPUTS}by name: it takes several tensors"))))
            }
        }
    }

    fn scalar<E: Error>(mut self, scalar: Scalar<'_>) -> Result<(), E> {
        self.part()?.scalar(scalar)
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or a record")
    }

    forward_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(mut self, seq: A) -> Result<(), A::Error> {
        self.part()?.visit_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let context = self.rows.frame.context;
        if matches!(self.rows.frame.plan, Plan::RowTensor(_)) {
            return Err(context.refuse(names_unwanted()));
        }
        if self.elements > self.rows.rows {
            let fault = format!("element {} is an object, those before it are not", self.elements);
            return Err(context.refuse(bad_input(fault)));
        }
        Row(self.rows).visit_map(map)?;
        self.rows.rows += 1;
        Ok(())
    }
}
