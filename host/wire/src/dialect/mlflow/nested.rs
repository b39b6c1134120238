//! Whether a cell's JSON text fits an array, object or map type of the signature.
//!
//! Called for each cell of such a column; the text itself goes on as it came. Strict as MLflow is: integers pass
//! for floats, nothing else is cast. Recursion is bounded by the type, whose depth the signature's reader limits.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::datetime::{Zones, moment};
use super::scalar::{Problem, Scalar, forward_scalars};
use crate::signature::{ColumnType, Property};

/// Checks `text`, which is valid JSON, against `column_type`; null is one where it is not `required`.
pub(in crate::dialect) fn check(text: &str, column_type: &ColumnType, required: bool) -> Result<(), Problem> {
    if *column_type == ColumnType::Any {
        return Ok(());
    }
    let problem = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let outcome = Typed { column_type, problem: &problem, nullable: !required, element: false }
        .deserialize(&mut deserializer);
    outcome.map_err(|error| problem.take().unwrap_or_else(|| error.to_string()))
}

/// Deserializes nothing, but fails where the value does not fit.
#[derive(Clone, Copy)]
struct Typed<'t> {
    column_type: &'t ColumnType,
    /// Where the reason goes, for serde's errors carry only text with a position that says nothing here.
    problem: &'t RefCell<Option<Problem>>,
    nullable: bool,
    /// Whether the value stands in a list, where pandas has a missing one of each type but integers.
    element: bool,
}

// === impl Typed ===

impl<'t> Typed<'t> {
    fn refuse<T, E: Error>(self, problem: Problem) -> Result<T, E> {
        self.problem.replace(Some(problem));
        Err(E::custom("refused"))
    }

    fn expected<T, E: Error>(self, found: &str) -> Result<T, E> {
        self.refuse(match self.column_type {
            ColumnType::Array(_) => format!("Expected data to be list or numpy array, got {found}"),
            ColumnType::Object(_) | ColumnType::Map(_) => format!("Expected data to be a dict, got {found}"),
            scalar => format!("expected {}, found {found}", scalar.name()),
        })
    }

    fn scalar<E: Error>(self, scalar: Scalar<'_>) -> Result<(), E> {
        let fits = match (self.column_type, scalar) {
            (ColumnType::Any, _)
            | (ColumnType::Boolean, Scalar::Boolean(_))
            | (ColumnType::Long, Scalar::Integer(_))
            | (ColumnType::Float | ColumnType::Double, Scalar::Float(_) | Scalar::Integer(_))
            | (ColumnType::Float | ColumnType::Double, Scalar::Unsigned(_))
            | (ColumnType::String | ColumnType::Binary, Scalar::Text(_)) => true,
            (ColumnType::Integer | ColumnType::Long, Scalar::Null) if self.element => false,
            (ColumnType::Array(inner) | ColumnType::Map(inner), Scalar::Null) => {
                self.nullable || **inner == ColumnType::Any
            }
            (ColumnType::Object(_), Scalar::Null) => self.nullable,
            (_, Scalar::Null) => self.nullable || self.element,
            (ColumnType::Integer, Scalar::Integer(value)) => i32::try_from(value).is_ok(),
            (ColumnType::Datetime, value) => match moment(value, Zones::Converted) {
                Ok(_) => true,
                Err(problem) => return self.refuse(problem),
            },
            _ => false,
        };
        if fits { Ok(()) } else { self.expected(scalar.kind()) }
    }

    fn properties<'de, A: MapAccess<'de>>(self, properties: &[Property], mut map: A) -> Result<(), A::Error> {
        let mut seen = vec![false; properties.len()];
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let Some(index) = properties.iter().position(|property| property.name == key) else {
                let key = super::scalar::python_literal(&key);
                return self.refuse(format!("Invalid properties not defined in the schema found: {{{key}}}"));
            };
            seen[index] = true;
            let Property { column_type, required, .. } = &properties[index];
            map.next_value_seed(Typed { column_type, nullable: !required, element: false, ..self })?;
        }
        if self.nullable && !seen.contains(&true) {
            return Ok(());
        }
        match properties.iter().zip(seen).find(|(property, seen)| property.required && !seen) {
            Some((property, _)) => {
                let name = super::scalar::python_literal(&property.name);
                self.refuse(format!("Missing required properties: {{{name}}}"))
            }
            None => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Typed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Typed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.column_type.name())
    }

    forward_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        match self.column_type {
            ColumnType::Array(column_type) => {
                while seq.next_element_seed(Typed { column_type, element: true, ..self })?.is_some() {}
                Ok(())
            }
            ColumnType::Any => {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }
            _ => self.expected("list"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self.column_type {
            ColumnType::Object(properties) => self.properties(properties, map),
            ColumnType::Map(column_type) => {
                while map.next_key::<IgnoredAny>()?.is_some() {
                    map.next_value_seed(Typed { column_type, element: false, ..self })?;
                }
                Ok(())
            }
            ColumnType::Any => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(())
            }
            _ => self.expected("dict"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_types_are_strict() {
        let long = || Box::new(ColumnType::Long);
        let property =
            |name: &str, column_type, required| Property { name: name.into(), column_type, required };
        let object = ColumnType::Object(vec![
            property("x", ColumnType::Double, true),
            property("y", ColumnType::String, false),
        ]);
        for (column_type, text, problem) in [
            (ColumnType::Array(long()), "[]", ""),
            (ColumnType::Array(long()), "[1,2]", ""),
            (ColumnType::Array(long()), "[1.5]", "expected int64"),
            (ColumnType::Array(long()), "[true]", "expected int64"),
            (ColumnType::Array(long()), "1", "Expected data to be list"),
            (ColumnType::Array(long()), "null", "Expected data to be list"),
            (ColumnType::Array(Box::new(ColumnType::Array(long()))), "[[1],[]]", ""),
            (ColumnType::Map(long()), r#"{"k":1}"#, ""),
            (ColumnType::Map(long()), r#"{"k":"x"}"#, "expected int64"),
            (ColumnType::Map(long()), "[1]", "Expected data to be a dict, got list"),
            (object.clone(), r#"{"x":1}"#, ""),
            (object.clone(), r#"{"x":1,"y":null}"#, ""),
            (object.clone(), r#"{"y":"q"}"#, "Missing required properties: {'x'}"),
            (object, r#"{"x":1,"zz":1}"#, "Invalid properties not defined in the schema found: {'zz'}"),
            (ColumnType::Any, "[1,{}]", ""),
        ] {
            let found = check(text, &column_type, true).err().unwrap_or_default();
            assert!(found.starts_with(problem) && found.is_empty() == problem.is_empty(), "{text}: {found}");
        }
    }

    /// By experiment with `_enforce_schema` of MLflow 3.17.
    #[test]
    fn nulls_are_values_where_mlflow_has_them_so() {
        let array = |item| ColumnType::Array(Box::new(item));
        let map = |value| ColumnType::Map(Box::new(value));
        let object = |column_type, required| {
            ColumnType::Object(vec![Property { name: "x".into(), column_type, required }])
        };
        let (long, double, text) = (ColumnType::Long, ColumnType::Double, ColumnType::String);
        for (column_type, json, required, optional) in [
            (array(long.clone()), "null", false, true),
            (array(long.clone()), "[1,null]", false, false),
            (array(double.clone()), "[1.5,null]", true, true),
            (array(text.clone()), "[null]", true, true),
            (array(ColumnType::Boolean), "[true,null]", true, true),
            (array(ColumnType::Datetime), "[null]", true, true),
            (array(ColumnType::Any), "null", true, true),
            (array(array(long.clone())), "[[1],null]", false, true),
            (object(double.clone(), true), "{\"x\":null}", false, false),
            (object(double.clone(), true), "{}", false, true),
            (object(double.clone(), true), "null", false, true),
            (object(double, false), "{\"x\":null}", true, true),
            (object(text, true), "{\"x\":null}", false, false),
            (object(array(long.clone()), false), "{\"x\":null}", true, true),
            (object(array(long.clone()), true), "{\"x\":null}", false, false),
            (object(ColumnType::Any, true), "{\"x\":null}", true, true),
            (map(long.clone()), "{\"k\":null}", false, true),
            (map(long.clone()), "{}", true, true),
            (map(long), "null", false, true),
            (map(ColumnType::Any), "null", true, true),
        ] {
            let found = (check(json, &column_type, true).is_ok(), check(json, &column_type, false).is_ok());
            assert_eq!(found, (required, optional), "{column_type:?}: {json}");
        }
    }
}
