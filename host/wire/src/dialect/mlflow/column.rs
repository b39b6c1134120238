//! One column of a table while it is decoded.
//!
//! Called for every cell; pushes straight into the typed vector. Columns without a signature start in
//! [`super::infer`]. Must keep `data` and `validity` of equal length after every call, failed ones aside.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::compat::{self, Compat};
use super::context::{Context, bad_input};
use super::datetime::{Zones, moment};
use super::infer;
use super::lenient::without_infinities;
use super::nested;
use super::refuse::ZONED;
use super::scalar::{Problem, Scalar};
use crate::fault::{Fault, FaultKind};
use crate::signature::{ColumnSpec, ColumnType};
use crate::values::{Column, ColumnData, Packed};

/// A column that grows row by row.
#[derive(Debug)]
pub(super) struct ColumnBuilder<'c> {
    pub(super) name: Cow<'c, str>,
    /// `None` where the type is inferred.
    pub(super) spec: Option<&'c ColumnSpec>,
    /// Whether only nulls were seen so far; only where the type is inferred.
    pub(super) untyped: bool,
    pub(super) data: ColumnData,
    pub(super) validity: Option<Vec<u8>>,
    /// DataFrame forms go through pandas in MLflow, the others through numpy, and the two cast differently.
    dataframe: bool,
    compat: Compat,
    /// Whether bare infinities were replaced by texts.
    pub(super) lenient: bool,
    scratch: String,
}

pub(super) const FULL: &str = "the column's texts exceed 4 GiB";

// === impl ColumnBuilder ===

impl<'c> ColumnBuilder<'c> {
    pub(super) fn new(name: Cow<'c, str>, spec: Option<&'c ColumnSpec>, context: &Context<'_>) -> Self {
        let data = match spec.map(|spec| &spec.column_type) {
            None | Some(ColumnType::Double) => ColumnData::F64(Vec::new()),
            Some(ColumnType::Float) => ColumnData::F32(Vec::new()),
            Some(ColumnType::Long) => ColumnData::S64(Vec::new()),
            Some(ColumnType::Integer) => ColumnData::S32(Vec::new()),
            Some(ColumnType::Boolean) => ColumnData::Boolean(Vec::new()),
            Some(ColumnType::Datetime) => ColumnData::Datetime(Vec::new()),
            Some(ColumnType::String) => ColumnData::Text(Packed::with_capacity(0, 0)),
            Some(ColumnType::Binary) => ColumnData::Binary(Packed::with_capacity(0, 0)),
            Some(_) => ColumnData::Json(Packed::with_capacity(0, 0)),
        };
        Self {
            name,
            spec,
            untyped: spec.is_none(),
            data,
            validity: None,
            dataframe: context.form.get().is_dataframe(),
            compat: context.compat,
            lenient: context.lenient,
            scratch: String::new(),
        }
    }

    /// Whether cells must come as JSON text, through [`Self::push_json`].
    pub(super) fn takes_json(&self) -> bool {
        self.spec.is_none_or(|spec| spec.column_type.is_nested())
    }

    /// Appends a cell that is no list and no object.
    #[inline]
    pub(super) fn push(&mut self, scalar: Scalar<'_>) -> Result<(), Fault> {
        // A column without a type is one of floats for as long as nothing but numbers comes.
        let floats = self.spec.is_some() || matches!(scalar, Scalar::Float(_) | Scalar::Integer(_));
        let outcome = match &mut self.data {
            ColumnData::F64(values) if floats && !self.untyped => scalar.float().map(|value| {
                values.push(value);
                true
            }),
            _ => self.push_other(scalar),
        };
        match outcome {
            Ok(true) => {
                if let Some(validity) = &mut self.validity {
                    validity.push(1);
                }
                Ok(())
            }
            Ok(false) => {
                self.mark_missing();
                Ok(())
            }
            Err(problem) => Err(self.fault(&problem)),
        }
    }

    /// Appends a cell given as JSON text, which is valid.
    pub(super) fn push_json(&mut self, text: &str) -> Result<(), Fault> {
        let Some(spec) = self.spec else { return self.infer_json(text) };
        let text = &*if self.lenient { without_infinities(text) } else { Cow::Borrowed(text) };
        let ColumnData::Json(values) = &mut self.data else {
            return Err(Fault::new(FaultKind::Internal, "a typed column was given JSON text"));
        };
        if let Err(problem) = nested::check(text, &spec.column_type, spec.required) {
            return Err(self.fault(&problem));
        }
        let missing = text == "null";
        if !values.push(if missing { b"" } else { text.as_bytes() }) {
            return Err(self.fault(FULL));
        }
        if missing {
            self.mark_missing();
        } else if let Some(validity) = &mut self.validity {
            validity.push(1);
        }
        Ok(())
    }

    /// Appends a null.
    pub(super) fn push_null(&mut self) -> Result<(), Fault> {
        if self.takes_json() { self.push_json("null") } else { self.push(Scalar::Null) }
    }

    /// A cell that cannot be cast: the last row is the one at fault.
    #[cold]
    pub(super) fn fault(&self, problem: &str) -> Fault {
        if problem.starts_with(ZONED) {
            return bad_input(format!("{problem} (column `{}`, row {})", self.name, self.data.len()));
        }
        // The wording up to the error is MLflow's, which clients may match on.
        let type_name = self.spec.map_or("object", |spec| spec.column_type.name());
        let public = format!(
            "Invalid input. Data is not compatible with model signature. Failed to convert column {} to type \
             '{type_name}'. Error: 'row {}: {problem}'",
            self.name,
            self.data.len()
        );
        Fault::new(FaultKind::BadInput, public)
    }

    /// Forgets the values from row `rows` on.
    pub(super) fn truncate(&mut self, rows: usize) {
        match &mut self.data {
            ColumnData::F64(values) => values.truncate(rows),
            ColumnData::F32(values) => values.truncate(rows),
            ColumnData::S64(values) | ColumnData::Datetime(values) => values.truncate(rows),
            ColumnData::S32(values) => values.truncate(rows),
            ColumnData::Boolean(values) => values.truncate(rows),
            ColumnData::Text(values) | ColumnData::Binary(values) | ColumnData::Json(values) => {
                values.offsets.truncate(rows + 1);
                values.data.truncate(values.offsets.last().map_or(0, |end| *end as usize));
            }
        }
        if let Some(validity) = &mut self.validity {
            validity.truncate(rows);
        }
    }

    pub(super) fn finish(self) -> Column {
        Column { name: self.name.into_owned(), data: self.data, validity: self.validity }
    }

    /// Notes that the value pushed last is missing.
    pub(super) fn mark_missing(&mut self) {
        let before = self.data.len().saturating_sub(1);
        self.validity.get_or_insert_with(|| vec![1; before]).push(0);
    }

    /// Appends a cell of any type but `double`; answers whether it has a value.
    fn push_other(&mut self, scalar: Scalar<'_>) -> Result<bool, Problem> {
        if self.spec.is_none() {
            return self.infer(scalar);
        }
        let zones = if self.dataframe { Zones::Refused } else { Zones::Converted };
        let scalar = infer::lenient_scalar(scalar, self.lenient);
        let strict = self.compat.is_strict();
        // pandas lets integers wrap around, numpy's constructor does not.
        let wraps = strict && self.dataframe;
        match &mut self.data {
            ColumnData::F64(values) => values.push(scalar.float()?),
            // A double first: numpy rounds twice as well.
            ColumnData::F32(values) => values.push(scalar.float()? as f32),
            ColumnData::S64(values) => values.push(match scalar.integer("int64") {
                Ok(value) => value,
                Err(problem) if wraps => compat::wrapped(scalar, true).ok_or(problem)?,
                Err(problem) => return Err(problem),
            }),
            ColumnData::S32(values) => values.push(match scalar.integer("int32") {
                Ok(value) => value,
                Err(problem) if wraps => compat::wrapped(scalar, false).ok_or(problem)? as i32,
                Err(problem) => return Err(problem),
            }),
            ColumnData::Boolean(values) => {
                let flag = match scalar {
                    Scalar::Text(text) if strict => Some(compat::truth(text)),
                    other => other.boolean()?,
                };
                return Ok(push_or_default(values, flag));
            }
            ColumnData::Datetime(values) => {
                let scalar = match scalar {
                    Scalar::Boolean(flag) if strict && !self.dataframe => Scalar::Integer(flag.into()),
                    other => other,
                };
                return Ok(push_or_default(values, moment(scalar, zones)?));
            }
            ColumnData::Text(values) => {
                let text = match scalar {
                    Scalar::Text(text) => Some(text),
                    other => other.text(&mut self.scratch),
                };
                if !values.push(text.unwrap_or_default().as_bytes()) {
                    return Err(FULL.to_owned());
                }
                return Ok(text.is_some());
            }
            ColumnData::Binary(values) if self.dataframe => {
                push_base64(values, scalar, self.compat)?;
            }
            ColumnData::Binary(values) => {
                // numpy makes bytes of how Python spells a number.
                let scalar = match scalar {
                    Scalar::Text(_) | Scalar::Null => scalar,
                    other if strict => Scalar::Text(other.text(&mut self.scratch).unwrap_or_default()),
                    other => other,
                };
                return push_binary(values, scalar);
            }
            ColumnData::Json(_) => return Err("expected JSON text".to_owned()),
        }
        Ok(true)
    }
}

fn push_or_default<T: Default>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let present = value.is_some();
    values.push(value.unwrap_or_default());
    present
}

/// Forms that are no DataFrame's carry the bytes of the text itself, as in MLflow.
fn push_binary(values: &mut Packed, scalar: Scalar<'_>) -> Result<bool, Problem> {
    let text = match scalar {
        Scalar::Text(text) => text,
        Scalar::Null => "",
        other => return Err(format!("expected a text, found {}", other.kind())),
    };
    if values.push(text.as_bytes()) { Ok(scalar != Scalar::Null) } else { Err(FULL.to_owned()) }
}

/// DataFrame forms carry base64.
fn push_base64(values: &mut Packed, scalar: Scalar<'_>, compat: Compat) -> Result<(), Problem> {
    let Scalar::Text(text) = scalar else {
        return Err(format!("expected a text of base64, found {}", scalar.kind()));
    };
    let start = values.data.len();
    let outcome = if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        // `base64.encodebytes` of Python breaks lines.
        let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        STANDARD.decode_vec(text, &mut values.data)
    } else {
        STANDARD.decode_vec(text, &mut values.data)
    };
    match outcome {
        Ok(()) => {}
        Err(_) if compat.is_strict() => {
            values.data.truncate(start);
            compat::decode_base64(text, &mut values.data)?;
        }
        Err(error) => return Err(format!("the text is not base64: {error}")),
    }
    values.offsets.push(u32::try_from(values.data.len()).map_err(|_| FULL.to_owned())?);
    Ok(())
}
