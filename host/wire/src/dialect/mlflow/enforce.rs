//! Columns that come with a type of their own, enforced on the signature's as `_enforce_mlflow_datatype` of MLflow does:
//! what loses nothing is converted, nothing else is.
//!
//! Called for forms whose cells are no JSON, and in [`super::Compat::Strict`] for columns that MLflow casts twice. Must
//! refuse whatever MLflow refuses: the model was never asked such a thing.

use super::context::bad_input;
use super::nested;
use super::python::{push_bytes, push_float, push_moment, push_signed, push_text};
use super::refuse::INCOMPATIBLE;
use crate::fault::Fault;
use crate::signature::{ColumnSpec, ColumnType};
use crate::values::{Column, ColumnData, Packed};

/// The type that pandas has a column in, which may be narrower than [`ColumnData`]'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// Truth values.
    Boolean,
    /// Integers of as many bytes.
    Signed(u8),
    /// The same from 0 on.
    Unsigned(u8),
    /// Floats of as many bytes.
    Float(u8),
    /// Texts.
    Text,
    /// Moments.
    Datetime,
    /// Texts of a closed list, which MLflow refuses everywhere, durations and times of day.
    Unnamed(&'static str),
    /// Nothing but missing values.
    Nothing,
    /// Any Python object: lists, dictionaries, bytes, dates, and truth values of which some are missing.
    Object,
}

// === impl Dtype ===

impl Dtype {
    /// The type that pandas has a column of this signature's type in.
    pub(super) fn of(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Integer => Self::Signed(4),
            ColumnType::Long => Self::Signed(8),
            ColumnType::Float => Self::Float(4),
            ColumnType::Double => Self::Float(8),
            ColumnType::String => Self::Text,
            ColumnType::Datetime => Self::Datetime,
            _ => Self::Object,
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Signed(_) | Self::Unsigned(_) | Self::Float(_))
    }

    /// What numpy or pandas calls it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Boolean => "bool".to_owned(),
            Self::Signed(bytes) => format!("int{}", u32::from(bytes) * 8),
            Self::Unsigned(bytes) => format!("uint{}", u32::from(bytes) * 8),
            Self::Float(bytes) => format!("float{}", u32::from(bytes) * 8),
            Self::Text => "str".to_owned(),
            Self::Datetime => "datetime64[ns]".to_owned(),
            Self::Unnamed(name) => name.to_owned(),
            Self::Nothing | Self::Object => "object".to_owned(),
        }
    }

    /// Whether every value of this type is one of `wanted`, which is a number's.
    fn widens_to(self, wanted: Self) -> bool {
        match (self, wanted) {
            (Self::Signed(from), Self::Signed(to)) | (Self::Float(from), Self::Float(to)) => from <= to,
            (Self::Unsigned(from), Self::Signed(to)) => from < to,
            (Self::Signed(from) | Self::Unsigned(from), Self::Float(8)) => from <= 4,
            _ => false,
        }
    }
}

/// The column in the type that the signature wants.
pub(super) fn enforce(column: Column, dtype: Dtype, spec: &ColumnSpec) -> Result<Column, Fault> {
    let Column { name, data, validity } = column;
    let wanted = &spec.column_type;
    let target = Dtype::of(wanted);
    let outcome = match (wanted, data) {
        (wanted, data) if wanted.is_nested() => json(data, validity.as_deref(), spec),
        (wanted, data) if dtype == Dtype::Nothing => nothing(data, wanted),
        (ColumnType::Double, data @ ColumnData::F64(_)) if dtype == Dtype::Object => Ok(data),
        // Python objects are let through as they are: here they must be what the column holds.
        (ColumnType::Boolean, data @ ColumnData::Boolean(_))
        | (ColumnType::String, data @ ColumnData::Text(_))
        | (ColumnType::Binary, data @ ColumnData::Binary(_))
        | (ColumnType::Datetime, data @ ColumnData::Datetime(_))
            if !matches!(dtype, Dtype::Unnamed(_)) =>
        {
            Ok(data)
        }
        (ColumnType::Binary, ColumnData::Text(texts)) if dtype == Dtype::Text => {
            Ok(ColumnData::Binary(texts))
        }
        (_, data) if dtype.widens_to(target) => number(data, wanted),
        (ColumnType::Float | ColumnType::Double, ColumnData::S64(values))
            if dtype == Dtype::Signed(8) && values.iter().all(|value| matches!(value, 0 | 1)) =>
        {
            number(ColumnData::S64(values), wanted)
        }
        _ => Err(String::new()),
    };
    match outcome {
        Ok(data) => Ok(Column { name, data, validity }),
        Err(problem) if problem.is_empty() => {
            let wanted = match wanted {
                ColumnType::String => "<U0",
                ColumnType::Binary => "|S0",
                other => other.name(),
            };
            let found = dtype.name();
            Err(bad_input(format!("{INCOMPATIBLE}{name}. Can not safely convert {found} to {wanted}.")))
        }
        Err(problem) => Err(bad_input(format!("{INCOMPATIBLE}{name}. {problem}"))),
    }
}

/// Numbers in a type that holds them all; an empty problem where there is none.
fn number(data: ColumnData, wanted: &ColumnType) -> Result<ColumnData, String> {
    Ok(match (data, wanted) {
        (data @ ColumnData::F64(_), ColumnType::Double)
        | (data @ ColumnData::F32(_), ColumnType::Float)
        | (data @ ColumnData::S64(_), ColumnType::Long)
        | (data @ ColumnData::S32(_), ColumnType::Integer) => data,
        (ColumnData::F32(values), ColumnType::Double) => {
            ColumnData::F64(values.into_iter().map(f64::from).collect())
        }
        (ColumnData::S32(values), ColumnType::Long) => {
            ColumnData::S64(values.into_iter().map(i64::from).collect())
        }
        (ColumnData::S32(values), ColumnType::Double) => {
            ColumnData::F64(values.into_iter().map(f64::from).collect())
        }
        (ColumnData::S64(values), ColumnType::Double) => {
            ColumnData::F64(values.into_iter().map(|value| value as f64).collect())
        }
        (ColumnData::S64(values), ColumnType::Float) => {
            ColumnData::F32(values.into_iter().map(|value| value as f32).collect())
        }
        _ => return Err(String::new()),
    })
}

/// As many missing values of the type.
fn nothing(data: ColumnData, wanted: &ColumnType) -> Result<ColumnData, String> {
    let rows = data.len();
    Ok(match wanted {
        ColumnType::Double => data,
        ColumnType::Boolean => ColumnData::Boolean(vec![0; rows]),
        ColumnType::Datetime => ColumnData::Datetime(vec![0; rows]),
        ColumnType::String => ColumnData::Text(Packed { offsets: vec![0; rows + 1], data: Vec::new() }),
        ColumnType::Binary => ColumnData::Binary(Packed { offsets: vec![0; rows + 1], data: Vec::new() }),
        _ => return Err(String::new()),
    })
}

/// JSON texts of a nested type.
fn json(data: ColumnData, validity: Option<&[u8]>, spec: &ColumnSpec) -> Result<ColumnData, String> {
    let wanted = &spec.column_type;
    let texts = match data {
        ColumnData::Json(texts) => texts,
        other => scalars(&other, validity)?,
    };
    for (row, text) in texts.iter().enumerate() {
        let valid = validity.is_none_or(|validity| validity.get(row).is_some_and(|valid| *valid != 0));
        let text = if valid { std::str::from_utf8(text).unwrap_or_default() } else { "null" };
        nested::check(text, wanted, spec.required).map_err(|problem| format!("Row {row}: {problem}"))?;
    }
    Ok(ColumnData::Json(texts))
}

/// Single values as JSON texts; moments and bytes as answers spell them.
fn scalars(data: &ColumnData, validity: Option<&[u8]>) -> Result<Packed, String> {
    let mut texts = Packed::with_capacity(data.len(), data.len() * 8);
    let mut text = Vec::new();
    for row in 0..data.len() {
        text.clear();
        if validity.is_none_or(|validity| validity.get(row).is_some_and(|valid| *valid != 0)) {
            push_scalar(&mut text, data, row);
        }
        if !texts.push(&text) {
            return Err(super::column::FULL.to_owned());
        }
    }
    Ok(texts)
}

/// Appends a single value as JSON; moments and bytes as answers spell them.
pub(super) fn push_scalar(out: &mut Vec<u8>, data: &ColumnData, row: usize) {
    let text = |values: &Packed| String::from_utf8_lossy(values.get(row).unwrap_or_default()).into_owned();
    match data {
        ColumnData::F64(values) => push_float(out, values[row]),
        ColumnData::F32(values) => push_float(out, values[row].into()),
        ColumnData::S64(values) => push_signed(out, values[row]),
        ColumnData::S32(values) => push_signed(out, values[row].into()),
        ColumnData::Boolean(values) => {
            out.extend_from_slice(if values[row] == 0 { b"false" } else { b"true" });
        }
        ColumnData::Datetime(values) => push_moment(out, values[row]),
        ColumnData::Binary(values) => push_bytes(out, values.get(row).unwrap_or_default()),
        ColumnData::Text(values) => push_text(out, &text(values)),
        ColumnData::Json(values) => out.extend_from_slice(values.get(row).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(column_type: &ColumnType) -> ColumnSpec {
        ColumnSpec { name: None, numbered: false, column_type: column_type.clone(), required: true }
    }

    /// What `_enforce_schema` of MLflow 3.17 did with one column of pandas 3.1.
    #[test]
    fn only_what_loses_nothing_is_converted() {
        let s64 = |values: &[i64]| ColumnData::S64(values.to_vec());
        let s32 = || ColumnData::S32(vec![1, 2]);
        let text = || ColumnData::Text(["a"].iter().collect());
        for (data, dtype, taken) in [
            (s32(), Dtype::Signed(1), "integer long double"),
            (s32(), Dtype::Signed(4), "integer long double"),
            (s64(&[1, 2]), Dtype::Signed(8), "long"),
            (s64(&[1, 0]), Dtype::Signed(8), "long float double"),
            (s32(), Dtype::Unsigned(1), "integer long double"),
            (s64(&[1, 2]), Dtype::Unsigned(4), "long double"),
            (ColumnData::F64(vec![2.0]), Dtype::Unsigned(8), ""),
            (ColumnData::F32(vec![1.5]), Dtype::Float(2), "float double"),
            (ColumnData::F64(vec![1.0]), Dtype::Float(8), "double"),
            (ColumnData::Boolean(vec![1]), Dtype::Boolean, "boolean"),
            (ColumnData::Boolean(vec![1]), Dtype::Object, "boolean"),
            (text(), Dtype::Text, "string binary"),
            (text(), Dtype::Unnamed("category"), ""),
            (ColumnData::Binary(["a"].iter().collect()), Dtype::Object, "binary"),
            (ColumnData::Datetime(vec![1]), Dtype::Datetime, "datetime"),
        ] {
            let types = [
                ("boolean", ColumnType::Boolean),
                ("integer", ColumnType::Integer),
                ("long", ColumnType::Long),
                ("float", ColumnType::Float),
                ("double", ColumnType::Double),
                ("string", ColumnType::String),
                ("binary", ColumnType::Binary),
                ("datetime", ColumnType::Datetime),
            ];
            let column = Column { name: "a".into(), data, validity: None };
            let found: Vec<_> = types
                .iter()
                .filter(|(_, wanted)| enforce(column.clone(), dtype, &spec(wanted)).is_ok())
                .map(|(name, _)| *name)
                .collect();
            assert_eq!(found.join(" "), taken, "{dtype:?}");
            assert!(enforce(column, dtype, &spec(&ColumnType::Any)).is_ok(), "{dtype:?}");
        }
        let column = Column { name: "a".into(), data: s64(&[2]), validity: None };
        let fault = enforce(column, Dtype::Signed(8), &spec(&ColumnType::Double)).unwrap_err();
        assert_eq!(
            fault.public,
            "Incompatible input types for column a. Can not safely convert int64 to float64."
        );
    }

    #[test]
    fn nested_columns_are_checked_cell_by_cell() {
        let array = ColumnType::Array(Box::new(ColumnType::Long));
        let column = |cells: &[&str]| Column {
            name: "a".into(),
            data: ColumnData::Json(cells.iter().collect()),
            validity: None,
        };
        assert!(enforce(column(&["[1]", "[]"]), Dtype::Object, &spec(&array)).is_ok());
        let fault = enforce(column(&["[1]", "[1.5]"]), Dtype::Object, &spec(&array)).unwrap_err();
        assert!(fault.public.contains("column a. Row 1: expected int64"), "{}", fault.public);
        let scalar = Column { name: "a".into(), data: ColumnData::S64(vec![7]), validity: None };
        assert!(enforce(scalar.clone(), Dtype::Signed(8), &spec(&array)).is_err());
        let any = enforce(scalar, Dtype::Signed(8), &spec(&ColumnType::Any)).unwrap();
        assert_eq!(any.data, ColumnData::Json(["7"].iter().collect()));
    }
}
