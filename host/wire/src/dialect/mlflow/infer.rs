//! Types where the model has no signature: what pandas or numpy would make of the values.
//!
//! Called by [`super::column`] and [`super::tensor`] for their untyped values. A column's type widens as its
//! cells demand, from integers to floats and at last to JSON texts, so that no value is lost.

use std::borrow::Cow;

use super::column::{ColumnBuilder, FULL};
use super::lenient::{INFINITY, NEGATIVE_INFINITY, without_infinities};
use super::python;
use super::scalar::{Problem, Scalar};
use crate::fault::Fault;
use crate::values::{ColumnData, Elements, Packed};

/// A value that decides a type.
pub(super) fn lenient_scalar(scalar: Scalar<'_>, lenient: bool) -> Scalar<'_> {
    match scalar {
        // What `lenient` wrote for a bare literal.
        Scalar::Text(INFINITY) if lenient => Scalar::Float(f64::INFINITY),
        Scalar::Text(NEGATIVE_INFINITY) if lenient => Scalar::Float(f64::NEG_INFINITY),
        other => other,
    }
}

// === impl ColumnBuilder ===

impl ColumnBuilder<'_> {
    /// Appends a scalar to a column without a type; answers whether it has a value.
    pub(super) fn infer(&mut self, scalar: Scalar<'_>) -> Result<bool, Problem> {
        let scalar = lenient_scalar(scalar, self.lenient);
        if self.untyped && scalar != Scalar::Null {
            self.untyped = false;
            self.start(scalar);
        }
        loop {
            match (&mut self.data, scalar) {
                (ColumnData::S64(values), Scalar::Integer(value)) => values.push(value),
                (ColumnData::S64(values), Scalar::Null | Scalar::Float(_) | Scalar::Unsigned(_)) => {
                    self.data = ColumnData::F64(values.iter().map(|value| *value as f64).collect());
                    continue;
                }
                (
                    ColumnData::F64(values),
                    Scalar::Null | Scalar::Integer(_) | Scalar::Float(_) | Scalar::Unsigned(_),
                ) => values.push(scalar.float()?),
                (ColumnData::Boolean(values), Scalar::Boolean(value)) => values.push(u8::from(value)),
                (ColumnData::Boolean(values), Scalar::Null) => {
                    values.push(0);
                    return Ok(false);
                }
                (ColumnData::Text(values), Scalar::Text(text)) => push(values, text.as_bytes())?,
                (ColumnData::Text(values) | ColumnData::Json(values), Scalar::Null) => {
                    push(values, b"")?;
                    return Ok(false);
                }
                (ColumnData::Json(values), scalar) => push(values, &json(scalar))?,
                _ => {
                    self.widen_to_json()?;
                    continue;
                }
            }
            return Ok(true);
        }
    }

    /// Appends a cell given as JSON text to a column without a type.
    pub(super) fn infer_json(&mut self, text: &str) -> Result<(), Fault> {
        if text.starts_with(['[', '{']) {
            let text = &*if self.lenient { without_infinities(text) } else { Cow::Borrowed(text) };
            let outcome = self.widen_to_json().and_then(|()| match &mut self.data {
                ColumnData::Json(values) => push(values, text.as_bytes()),
                _ => Ok(()),
            });
            self.untyped = false;
            outcome.map_err(|problem| self.fault(&problem))?;
            if let Some(validity) = &mut self.validity {
                validity.push(1);
            }
            return Ok(());
        }
        if let Some(bare) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            if !bare.contains('\\') {
                return self.push(Scalar::Text(bare));
            }
            return match serde_json::from_str::<String>(text) {
                Ok(text) => self.push(Scalar::Text(&text)),
                Err(error) => Err(self.fault(&error.to_string())),
            };
        }
        let scalar = match text {
            "null" => Scalar::Null,
            "true" => Scalar::Boolean(true),
            "false" => Scalar::Boolean(false),
            number => match serde_json::from_str::<serde_json::Number>(number) {
                Err(error) => return Err(self.fault(&error.to_string())),
                Ok(number) => match (number.as_i64(), number.as_u64()) {
                    (Some(value), _) => Scalar::Integer(value),
                    (None, Some(value)) => Scalar::Unsigned(value),
                    (None, None) => Scalar::Float(number.as_f64().unwrap_or(f64::NAN)),
                },
            },
        };
        self.push(scalar)
    }

    /// Gives a column of nothing but nulls the type of its first value.
    fn start(&mut self, scalar: Scalar<'_>) {
        let rows = self.data.len();
        self.data = match scalar {
            Scalar::Integer(_) if rows == 0 => ColumnData::S64(Vec::new()),
            Scalar::Boolean(_) => ColumnData::Boolean(vec![0; rows]),
            Scalar::Text(_) => ColumnData::Text(Packed { offsets: vec![0; rows + 1], data: Vec::new() }),
            // Floats, and integers after a null: the nulls are NaN already.
            _ => return,
        };
        if rows > 0 {
            self.validity = Some(vec![0; rows]);
        }
    }

    /// Turns the cells so far into JSON texts.
    fn widen_to_json(&mut self) -> Result<(), Problem> {
        if matches!(self.data, ColumnData::Json(_)) {
            return Ok(());
        }
        let rows = self.data.len();
        let mut values = Packed::with_capacity(rows, rows * 8);
        let mut validity = self.validity.take().unwrap_or_else(|| vec![1; rows]);
        for (row, valid) in validity.iter_mut().enumerate() {
            let scalar = match &self.data {
                _ if *valid == 0 => Scalar::Null,
                ColumnData::S64(cells) => Scalar::Integer(cells[row]),
                ColumnData::F64(cells) if cells[row].is_finite() => Scalar::Float(cells[row]),
                ColumnData::Boolean(cells) => Scalar::Boolean(cells[row] != 0),
                ColumnData::Text(cells) => {
                    let text = cells.get(row).and_then(|text| std::str::from_utf8(text).ok());
                    text.map_or(Scalar::Null, Scalar::Text)
                }
                _ => Scalar::Null,
            };
            if scalar == Scalar::Null {
                *valid = 0;
                push(&mut values, b"")?;
            } else {
                push(&mut values, &json(scalar))?;
            }
        }
        self.validity = validity.contains(&0).then_some(validity);
        self.data = ColumnData::Json(values);
        Ok(())
    }
}

fn push(values: &mut Packed, text: &[u8]) -> Result<(), Problem> {
    if values.push(text) { Ok(()) } else { Err(FULL.to_owned()) }
}

/// A scalar as JSON text.
fn json(scalar: Scalar<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match scalar {
        Scalar::Null => out.extend_from_slice(b"null"),
        Scalar::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Scalar::Integer(value) => python::push_signed(&mut out, value),
        Scalar::Unsigned(value) => python::push_unsigned(&mut out, value),
        Scalar::Float(value) => python::push_float(&mut out, value),
        Scalar::Text(text) => python::push_text(&mut out, text),
    }
    out
}

/// Appends an element to a tensor without a type, widening it from booleans to integers to floats.
pub(super) fn push_element(
    elements: &mut Elements,
    scalar: Scalar<'_>,
    lenient: bool,
) -> Result<(), Problem> {
    let scalar = lenient_scalar(scalar, lenient);
    if elements.is_empty() {
        *elements = match scalar {
            Scalar::Boolean(_) => Elements::Boolean(Vec::new()),
            Scalar::Integer(_) => Elements::S64(Vec::new()),
            Scalar::Text(_) => Elements::Text(Packed::with_capacity(0, 0)),
            Scalar::Null | Scalar::Float(_) | Scalar::Unsigned(_) => Elements::F64(Vec::new()),
        };
    }
    loop {
        match (&mut *elements, scalar) {
            (Elements::Boolean(values), Scalar::Boolean(value)) => values.push(u8::from(value)),
            (Elements::S64(values), Scalar::Integer(value)) => values.push(value),
            (Elements::S64(values), Scalar::Boolean(value)) => values.push(i64::from(value)),
            (Elements::Text(values), Scalar::Text(text)) => push(values, text.as_bytes())?,
            (Elements::Text(_), _) | (_, Scalar::Text(_)) => {
                return Err("texts and other values are mixed; give the model a signature or use a \
                            DataFrame form"
                    .to_owned());
            }
            (Elements::Boolean(values), Scalar::Integer(_)) => {
                *elements = Elements::S64(values.iter().map(|value| i64::from(*value)).collect());
                continue;
            }
            (Elements::Boolean(values), _) => {
                *elements = Elements::F64(values.iter().map(|value| f64::from(*value)).collect());
                continue;
            }
            (Elements::S64(values), _) => {
                *elements = Elements::F64(values.iter().map(|value| *value as f64).collect());
                continue;
            }
            (Elements::F64(values), _) => values.push(scalar.float()?),
            // An untyped tensor holds none of the other types.
            _ => return Err("the element has no type".to_owned()),
        }
        return Ok(());
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::mlflow::{Compat, Mlflow};
    use crate::dialect::{Dialect as _, Interface, Request};
    use crate::values::{ColumnData, Input, Packed};

    /// The only column of these cells, without a signature.
    fn column(cells: &[&str]) -> ColumnData {
        let body = format!(r#"{{"dataframe_split": {{"data": [[{}]]}}}}"#, cells.join("], ["));
        let request = Request { content_type: Some("application/json"), body: body.as_bytes() };
        let decoded = Mlflow { compat: Compat::Sane }.decode(request, &Interface::default()).unwrap();
        let Input::Table(mut table) = decoded.call.input else { panic!("no table") };
        table.columns.pop().unwrap().data
    }

    #[test]
    fn a_column_widens_to_json_whatever_comes_first() {
        let json = |cells: &[&str]| ColumnData::Json(cells.iter().collect::<Packed>());
        for cells in
            [["0.5", r#""x""#], ["0.5", r#""1e3""#], ["1", r#""x""#], ["0.5", "true"], [r#""x""#, "0.5"]]
        {
            assert_eq!(column(&cells), json(&cells), "{cells:?}");
        }
        assert_eq!(column(&["0.5", "1"]), ColumnData::F64(vec![0.5, 1.0]));
    }
}
