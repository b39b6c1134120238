//! The `params` of a request, checked against the signature's parameters.
//!
//! Called by [`super::decode`]. Strict as MLflow is: an integer passes for a float, nothing else is cast. What the
//! schema does not name is ignored.

use serde_json::{Map, Value as Json};

use super::context::bad_input;
use super::datetime::{Zones, moment};
use super::refuse::INVALID_PARAMETERS;
use super::scalar::{Problem, Scalar, python_literal};
use crate::fault::{Fault, FaultKind};
use crate::signature::{ColumnType, ParamSpec};
use crate::values::{Param, Value};

/// Every parameter of the schema with its value: the request's, or else its default.
pub(super) fn enforce(given: Option<&str>, specs: &[ParamSpec]) -> Result<Vec<Param>, Fault> {
    if specs.is_empty() {
        // MLflow looks at nothing here, not even whether `params` is an object.
        return Ok(Vec::new());
    }
    let given = match given.filter(|text| *text != "null") {
        None => Map::new(),
        Some(text) => serde_json::from_str::<Map<String, Json>>(text)
            .map_err(|_| bad_input(super::refuse::NO_DICTIONARY))?,
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

fn value(json: &Json, spec: &ParamSpec) -> Result<Value, Problem> {
    let name = &spec.name;
    let described = || format!("'{name}': {}", type_name(&spec.column_type));
    match json {
        Json::Null => Ok(Value::Null),
        Json::Array(items) if spec.list => {
            for item in items {
                if let Err(problem) = scalar(item, &spec.column_type) {
                    return Err(format!(
                        "Failed to validate type and shape for {}, error: {problem}",
                        described()
                    ));
                }
            }
            Ok(Value::Json(json.to_string()))
        }
        _ if spec.list => Err(format!(
            "Value must be a 1D array with shape (-1,) for param {}, received {}",
            described(),
            python_type(json)
        )),
        _ => scalar(json, &spec.column_type).map_err(|problem| {
            format!("Failed to validate type and shape for {}, error: {problem}", described())
        }),
    }
}

fn scalar(json: &Json, column_type: &ColumnType) -> Result<Value, Problem> {
    let cannot = || {
        let (found, wanted) = (python_type(json), type_name(column_type));
        let shown = match json {
            Json::String(text) => python_literal(text).trim_matches('\'').to_owned(),
            other => other.to_string(),
        };
        format!("Can not safely convert `<class '{found}'>` to `DataType.{wanted}` for value `{shown}`")
    };
    match (column_type, json) {
        (ColumnType::Boolean, Json::Bool(flag)) => Ok(Value::Boolean(*flag)),
        (ColumnType::String, Json::String(text)) => Ok(Value::Text(text.clone())),
        (ColumnType::Datetime, Json::String(text)) => match moment(Scalar::Text(text), Zones::Converted) {
            Ok(_) => Ok(Value::Text(text.clone())),
            Err(_) => Err(format!(
                "Failed to convert value `{text}` from type `<class 'str'>` to `DataType.datetime`"
            )),
        },
        (ColumnType::Integer, Json::Number(number)) => number
            .as_i64()
            .filter(|value| i32::try_from(*value).is_ok())
            .map(Value::Integer)
            .ok_or_else(cannot),
        (ColumnType::Long, Json::Number(number)) => number.as_i64().map(Value::Integer).ok_or_else(cannot),
        (ColumnType::Float | ColumnType::Double, Json::Number(number)) => {
            number.as_f64().map(Value::Number).ok_or_else(cannot)
        }
        (nested, json) if nested.is_nested() => {
            let text = json.to_string();
            super::nested::check(&text, nested)?;
            Ok(Value::Json(text))
        }
        _ => Err(cannot()),
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
            (ColumnType::Integer, false, "2147483648", None),
            (ColumnType::Long, false, "2147483648", Some(Value::Integer(2147483648))),
            (ColumnType::Double, false, "2", Some(Value::Number(2.0))),
            (ColumnType::Boolean, false, "1", None),
            (ColumnType::String, false, "1", None),
            (ColumnType::Datetime, false, "\"2021-01-01\"", Some(Value::Text("2021-01-01".into()))),
            (ColumnType::Datetime, false, "1", None),
            (ColumnType::Long, true, "[1, 2]", Some(Value::Json("[1,2]".into()))),
            (ColumnType::Long, true, "[1.5]", None),
            (ColumnType::Long, true, "1", None),
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

    #[test]
    fn a_default_that_does_not_fit_is_not_the_clients_fault() {
        let specs = [ParamSpec { default: Json::Bool(true), ..spec(ColumnType::Long, false) }];
        assert_eq!(enforce(None, &specs).unwrap_err().kind, FaultKind::Internal);
        assert!(enforce(Some("[1]"), &specs).unwrap_err().public.starts_with("Parameters must be"));
        assert_eq!(enforce(Some("[1]"), &[]), Ok(vec![]));
    }
}
