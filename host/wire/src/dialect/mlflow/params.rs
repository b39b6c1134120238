//! The `params` of a request, checked against the signature's parameters.
//!
//! Called by [`super::decode`]. Strict as MLflow is: an integer passes for a float, nothing else is cast. What the
//! schema does not name is ignored.

use serde_json::{Map, Value as Json};

use super::context::bad_input;
use super::datetime::{Zones, moment};
use super::lenient::without_infinities;
use super::refuse::{INVALID_PARAMETERS, NO_DICTIONARY};
use super::scalar::{Problem, Scalar, python_literal};
use crate::fault::{Fault, FaultKind};
use crate::signature::{ColumnType, ParamSpec};
use crate::values::{Param, Value};

/// Every parameter of the schema with its value: the request's, or else its default.
pub(in crate::dialect) fn enforce(given: Option<&str>, specs: &[ParamSpec]) -> Result<Vec<Param>, Fault> {
    if specs.is_empty() {
        // MLflow looks at nothing here, not even whether `params` is an object.
        return Ok(Vec::new());
    }
    let given = given.map(without_infinities);
    let given = match given.as_deref().filter(|text| *text != "null") {
        None => Map::new(),
        Some(text) => match serde_json::from_str(text) {
            Ok(Json::Object(given)) => given,
            Ok(other) => {
                let found = python_type(&other);
                return Err(bad_input(format!("{NO_DICTIONARY} Got type '{found}'.")));
            }
            Err(error) => return Err(bad_input(format!("{NO_DICTIONARY} {error}"))),
        },
    };
    let mut params = Vec::with_capacity(specs.len());
    let mut invalid = Vec::new();
    for spec in specs {
        let (json, from_request) = match given.get(&spec.name) {
            Some(json) => (json, true),
            None => (&spec.default, false),
        };
        match value(json, spec) {
            Ok(value) => params.push(Param { name: spec.name.clone(), value }),
            Err(problem) if from_request => {
                invalid.push(format!("('{}', \"{problem}\")", spec.name));
            }
            Err(problem) => {
                let name = &spec.name;
                let public = format!("the model's default for parameter `{name}` does not fit its type");
                return Err(Fault::new(FaultKind::Internal, public).with_detail(problem));
            }
        }
    }
    if invalid.is_empty() {
        return Ok(params);
    }
    Err(bad_input(format!("{INVALID_PARAMETERS}{{{}}}", invalid.join(", "))))
}

/// Parameters whose floats without a fraction are integers; a text that is no JSON stays one.
pub(super) fn whole(text: &str) -> String {
    serde_json::from_str(text).map_or_else(|_| text.to_owned(), |json: Json| whole_numbers(json).to_string())
}

/// Recursion is bounded by the JSON parser.
fn whole_numbers(json: Json) -> Json {
    // Up to here a float is exactly one integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match json {
        Json::Number(number) => match number.as_f64() {
            Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() <= EXACT => {
                Json::from(value as i64)
            }
            _ => Json::Number(number),
        },
        Json::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Json::Object(items) => {
            Json::Object(items.into_iter().map(|(key, value)| (key, whole_numbers(value))).collect())
        }
        other => other,
    }
}

fn value(json: &Json, spec: &ParamSpec) -> Result<Value, Problem> {
    let failed =
        |problem| format!("Failed to validate type and shape for {}, error: {problem}", described(spec));
    if !spec.list {
        return scalar(json, &spec.column_type).map_err(failed);
    }
    let items = match json {
        Json::Array(items) if !items.iter().any(Json::is_array) => items,
        other => {
            return Err(format!(
                "Value must be a 1D array with shape (-1,) for param {}, received {} with ndim {}",
                described(spec),
                python_type(other),
                dimensions(other)
            ));
        }
    };
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        values.push(match scalar(item, &spec.column_type).map_err(failed)? {
            // An integer becomes the float that it stands for.
            Value::Number(number) => Json::from(number),
            _ => item.clone(),
        });
    }
    Ok(Value::Json(Json::Array(values).to_string()))
}

fn scalar(json: &Json, column_type: &ColumnType) -> Result<Value, Problem> {
    let unconvertible = || {
        let (found, wanted) = (python_type(json), type_name(column_type));
        Err(format!(
            "Can not safely convert `<class '{found}'>` to `DataType.{wanted}` for value `{}`",
            python_text(json)
        ))
    };
    match (column_type, json) {
        (nested, json) if nested.is_nested() => {
            let text = json.to_string();
            super::nested::check(&text, nested, true)?;
            Ok(Value::Json(text))
        }
        (_, Json::Null) => Ok(Value::Null),
        (ColumnType::Datetime, Json::String(text))
            if matches!(moment(Scalar::Text(text), Zones::Converted), Ok(Some(_))) =>
        {
            Ok(Value::Text(text.clone()))
        }
        (ColumnType::Datetime, _) => Err(format!(
            "Failed to convert value `{}` from type `<class '{}'>` to `DataType.datetime`",
            python_text(json),
            python_type(json)
        )),
        (_, Json::Array(_) | Json::Object(_)) => Err(format!(
            "Value must be a scalar for type `DataType.{}`, got `{}`",
            type_name(column_type),
            python_text(json)
        )),
        (ColumnType::Boolean, Json::Bool(flag)) => Ok(Value::Boolean(*flag)),
        (ColumnType::String, Json::String(text)) => Ok(Value::Text(text.clone())),
        // An integer of Python has no bounds, and neither type looks at any.
        (ColumnType::Integer | ColumnType::Long, Json::Number(number)) => {
            number.as_i64().map_or_else(unconvertible, |value| Ok(Value::Integer(value)))
        }
        (ColumnType::Float | ColumnType::Double, Json::Number(number)) => {
            number.as_f64().map_or_else(unconvertible, |value| Ok(Value::Number(value)))
        }
        _ => unconvertible(),
    }
}

/// A parameter as MLflow's messages show it.
fn described(spec: &ParamSpec) -> String {
    let shape = if spec.list { " (shape: (-1,))" } else { "" };
    let default = python_text(&spec.default);
    format!("'{}': {} (default: {default}){shape}", spec.name, type_name(&spec.column_type))
}

/// How deep lists nest, as numpy counts it for those of equal lengths.
fn dimensions(json: &Json) -> usize {
    match json {
        Json::Array(items) => 1 + items.first().map_or(0, dimensions),
        _ => 0,
    }
}

/// What `str` of Python gives.
fn python_text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => python_repr(other),
    }
}

/// What `repr` of Python gives, long texts shortened. Recursion is bounded by the JSON parser.
fn python_repr(json: &Json) -> String {
    match json {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) => match number.as_f64() {
            Some(value) if number.is_f64() => super::python::float_text(value),
            _ => number.to_string(),
        },
        Json::String(text) => python_literal(text),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(python_repr).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(items) => {
            let items =
                items.iter().map(|(key, value)| format!("{}: {}", python_literal(key), python_repr(value)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
        }
    }
}

/// MLflow's name of a type, as its signatures spell it.
fn type_name(column_type: &ColumnType) -> &'static str {
    match column_type {
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::Long => "long",
        ColumnType::Float => "float",
        ColumnType::Double => "double",
        ColumnType::String => "string",
        ColumnType::Binary => "binary",
        ColumnType::Datetime => "datetime",
        nested => nested.name(),
    }
}

fn python_type(json: &Json) -> &'static str {
    match json {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(column_type: ColumnType, list: bool) -> ParamSpec {
        ParamSpec { name: "p".into(), column_type, default: Json::Null, list }
    }

    #[test]
    fn parameters_are_strict() {
        for (column_type, list, text, expected) in [
            (ColumnType::Integer, false, "2", Some(Value::Integer(2))),
            (ColumnType::Integer, false, "2.0", None),
            (ColumnType::Integer, false, "true", None),
            (ColumnType::Integer, false, "2147483648", Some(Value::Integer(2147483648))),
            (ColumnType::Long, false, "9223372036854775808", None),
            (ColumnType::Long, false, "2147483648", Some(Value::Integer(2147483648))),
            (ColumnType::Double, false, "2", Some(Value::Number(2.0))),
            (ColumnType::Boolean, false, "1", None),
            (ColumnType::String, false, "1", None),
            (ColumnType::Datetime, false, "\"2021-01-01\"", Some(Value::Text("2021-01-01".into()))),
            (ColumnType::Datetime, false, "1", None),
            (ColumnType::Long, true, "[1, 2]", Some(Value::Json("[1,2]".into()))),
            (ColumnType::Long, true, "[1.5]", None),
            (ColumnType::Long, true, "1", None),
            (ColumnType::Long, true, "null", None),
            (ColumnType::Long, true, "[[1]]", None),
            (ColumnType::Long, true, "[1, null]", Some(Value::Json("[1,null]".into()))),
            (ColumnType::Double, true, "[1, 2.5]", Some(Value::Json("[1.0,2.5]".into()))),
            (ColumnType::Double, true, "[true]", None),
            (ColumnType::Boolean, true, "[]", Some(Value::Json("[]".into()))),
            (
                ColumnType::Datetime,
                false,
                "\"2021-01-01T00:00:00Z\"",
                Some(Value::Text("2021-01-01T00:00:00Z".into())),
            ),
            (ColumnType::Map(Box::new(ColumnType::Long)), false, "null", None),
            (
                ColumnType::Map(Box::new(ColumnType::Long)),
                false,
                r#"{"k":1}"#,
                Some(Value::Json(r#"{"k":1}"#.into())),
            ),
            (ColumnType::Long, false, "[1]", None),
            (ColumnType::Long, false, "null", Some(Value::Null)),
        ] {
            let found = enforce(Some(&format!("{{\"p\":{text}}}")), &[spec(column_type, list)]);
            match (found, expected) {
                (Ok(found), Some(value)) => assert_eq!(found, [Param { name: "p".into(), value }], "{text}"),
                (Err(fault), None) => {
                    assert!(fault.public.starts_with(INVALID_PARAMETERS), "{}", fault.public);
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    /// As MLflow 3.17 words them.
    #[test]
    fn messages_show_the_parameter_and_the_value() {
        let default = |spec: ParamSpec, default: Json| ParamSpec { default, ..spec };
        let texts = default(spec(ColumnType::String, true), serde_json::json!(["z"]));
        for (spec, text, expected) in [
            (
                default(spec(ColumnType::Integer, false), 1.into()),
                "true",
                "Failed to validate type and shape for 'p': integer (default: 1), error: Can not safely convert `<class \
                 'bool'>` to `DataType.integer` for value `True`",
            ),
            (
                default(spec(ColumnType::Datetime, false), "2020-01-01".into()),
                "[1]",
                "Failed to validate type and shape for 'p': datetime (default: 2020-01-01), error: Failed to convert \
                 value `[1]` from type `<class 'list'>` to `DataType.datetime`",
            ),
            (
                default(spec(ColumnType::Boolean, false), false.into()),
                r#"{"a": ["b"]}"#,
                "Failed to validate type and shape for 'p': boolean (default: False), error: Value must be a scalar for \
                 type `DataType.boolean`, got `{'a': ['b']}`",
            ),
            (
                texts.clone(),
                "[[1]]",
                "Value must be a 1D array with shape (-1,) for param 'p': string (default: ['z']) (shape: (-1,)), \
                 received list with ndim 2",
            ),
            (
                texts,
                "null",
                "Value must be a 1D array with shape (-1,) for param 'p': string (default: ['z']) (shape: (-1,)), \
                 received NoneType with ndim 0",
            ),
        ] {
            let fault = enforce(Some(&format!("{{\"p\":{text}}}")), &[spec]).unwrap_err();
            assert_eq!(fault.public, format!("{INVALID_PARAMETERS}{{('p', \"{expected}\")}}"));
        }
    }

    #[test]
    fn a_default_that_does_not_fit_is_not_the_clients_fault() {
        let specs = [ParamSpec { default: Json::Bool(true), ..spec(ColumnType::Long, false) }];
        assert_eq!(enforce(None, &specs).unwrap_err().kind, FaultKind::Internal);
        assert!(enforce(Some("[1]"), &specs).unwrap_err().public.starts_with("Parameters must be"));
        assert_eq!(enforce(Some("[1]"), &[]), Ok(vec![]));
    }
}
