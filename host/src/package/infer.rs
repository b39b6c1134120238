//! A signature from an example, as `mlflow.models.infer_signature` makes one of the same values.
//!
//! Called by `package.rs` where an example is given and no signature. A DataFrame form becomes columns: whole numbers
//! `long`, others `double`, `boolean`, `string`, lists `array`, objects `object`, what is mixed `any`; a column with a
//! missing value is not required. `inputs` and `instances` become tensors whose first axis is free. `params` become
//! parameters with these values for defaults. Outputs are not known from a request. MLflow 3.17.2 was asked about the same
//! values and answered the same.

use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::dialect::{Dialect as _, Interface, Request};
use mlhost_wire::signature::MAX_TYPE_DEPTH;
use mlhost_wire::values::{Column, ColumnData, Input, NamedTensor};
use serde_json::{Map, Value, json};

use super::signature::Texts;

/// What a request may be that looks like `body`; the error is for whoever wrote the example.
pub(super) fn from_example(body: &[u8]) -> Result<Texts, String> {
    let request = Request { content_type: Some("application/json"), body };
    let decoded = Mlflow::default().decode(request, &Interface::default()).map_err(|fault| fault.public)?;
    let inputs: Vec<Value> = match &decoded.call.input {
        Input::Table(table) => table.columns.iter().map(column).collect(),
        Input::Tensors(tensors) => tensors.iter().map(tensor).collect(),
        Input::Blob(_) => return Err("it is not JSON".to_owned()),
    };
    let whole: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let params = whole.get("params").and_then(Value::as_object).map(|params| {
        Value::Array(params.iter().map(|(name, value)| param(name, value)).collect()).to_string()
    });
    Ok(Texts { inputs: Some(Value::Array(inputs).to_string()), outputs: None, params })
}

fn column(column: &Column) -> Value {
    let mut spec = match &column.data {
        // Nothing but nulls, which say nothing.
        ColumnData::F64(values) if !values.is_empty() && values.iter().all(|value| value.is_nan()) => {
            scalar("any")
        }
        ColumnData::F64(_) => scalar("double"),
        ColumnData::F32(_) => scalar("float"),
        ColumnData::S64(_) => scalar("long"),
        ColumnData::S32(_) => scalar("integer"),
        ColumnData::Boolean(_) => scalar("boolean"),
        ColumnData::Text(_) => scalar("string"),
        ColumnData::Binary(_) => scalar("binary"),
        ColumnData::Datetime(_) => scalar("datetime"),
        ColumnData::Json(texts) => {
            let cells = (0..texts.len()).map(|row| {
                texts.get(row).and_then(|text| serde_json::from_slice(text).ok()).unwrap_or(Value::Null)
            });
            nested(&cells.collect::<Vec<_>>().iter().collect::<Vec<_>>(), 0)
        }
    };
    let nan = matches!(&column.data, ColumnData::F64(values) if values.iter().any(|value| value.is_nan()));
    let missing = column.validity.as_ref().is_some_and(|validity| validity.contains(&0));
    spec.insert("name".to_owned(), column.name.clone().into());
    spec.insert("required".to_owned(), (!nan && !missing).into());
    Value::Object(spec)
}

fn tensor(NamedTensor { name, tensor }: &NamedTensor) -> Value {
    let axes = tensor.shape.iter().enumerate();
    let shape: Vec<i64> = axes.map(|(axis, size)| if axis == 0 { -1 } else { (*size).into() }).collect();
    let dtype = tensor.elements.element_type().to_string();
    let mut spec = Map::new();
    if !name.is_empty() {
        spec.insert("name".to_owned(), name.clone().into());
    }
    spec.insert("type".to_owned(), "tensor".into());
    spec.insert("tensor-spec".to_owned(), json!({"dtype": dtype, "shape": shape}));
    Value::Object(spec)
}

fn param(name: &str, value: &Value) -> Value {
    let (spec, shape) = match value {
        Value::Array(items) => (nested(&items.iter().collect::<Vec<_>>(), 0), json!([-1])),
        value => (nested(&[value], 0), Value::Null),
    };
    json!({"name": name, "type": spec["type"], "default": value, "shape": shape})
}

fn scalar(name: &str) -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), name.into())])
}

/// The one type of all these values; `any` where there is none.
fn nested(values: &[&Value], depth: usize) -> Map<String, Value> {
    let present: Vec<&Value> = values.iter().copied().filter(|value| !value.is_null()).collect();
    let all = |is: fn(&Value) -> bool| present.iter().all(|value| is(value));
    if present.is_empty() || depth >= MAX_TYPE_DEPTH {
        scalar("any")
    } else if all(Value::is_boolean) {
        scalar("boolean")
    } else if all(Value::is_i64) {
        scalar("long")
    } else if all(Value::is_number) {
        scalar("double")
    } else if all(Value::is_string) {
        scalar("string")
    } else if all(Value::is_array) {
        let items: Vec<&Value> = present.iter().filter_map(|value| value.as_array()).flatten().collect();
        let mut spec = scalar("array");
        spec.insert("items".to_owned(), Value::Object(nested(&items, depth + 1)));
        spec
    } else if all(Value::is_object) {
        let mut properties = Map::new();
        for key in present.iter().filter_map(|value| value.as_object()).flat_map(Map::keys) {
            if properties.contains_key(key) {
                continue;
            }
            let under: Vec<&Value> = present.iter().filter_map(|value| value.get(key)).collect();
            let required = under.len() == present.len() && !under.iter().any(|value| value.is_null());
            let mut property = nested(&under, depth + 1);
            property.insert("required".to_owned(), required.into());
            properties.insert(key.clone(), Value::Object(property));
        }
        let mut spec = scalar("object");
        spec.insert("properties".to_owned(), Value::Object(properties));
        spec
    } else {
        scalar("any")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(body: &Value) -> Value {
        serde_json::from_str(&from_example(body.to_string().as_bytes()).unwrap().inputs.unwrap()).unwrap()
    }

    #[test]
    fn a_dataframe_form_becomes_columns() {
        let found = inputs(&json!({"dataframe_split": {
            "columns": ["d", "l", "b", "s", "gap", "list", "object", "mixed", "nulls"],
            "data": [[1.5, 1, true, "x", null, [1, 2], {"k": 1.5}, [1], null],
                     [2, 2, false, "y", "z", [3], {"k": 2, "o": "p"}, {"a": 1}, null]],
        }}));
        let column = |name: &str, mut spec: Value, required: bool| {
            spec["name"] = name.into();
            spec["required"] = required.into();
            spec
        };
        let plain = |name: &str| json!({"type": name});
        let object = json!({"type": "object", "properties": {
            "k": {"type": "double", "required": true}, "o": {"type": "string", "required": false}}});
        assert_eq!(
            found,
            json!([
                column("d", plain("double"), true),
                column("l", plain("long"), true),
                column("b", plain("boolean"), true),
                column("s", plain("string"), true),
                column("gap", plain("string"), false),
                column("list", json!({"type": "array", "items": {"type": "long"}}), true),
                column("object", object, true),
                column("mixed", plain("any"), true),
                column("nulls", plain("any"), false),
            ])
        );
    }

    #[test]
    fn arrays_become_tensors_with_a_free_first_axis() {
        assert_eq!(
            inputs(&json!({"inputs": [[1.5, 2], [3, 4]]})),
            json!([{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}])
        );
        assert_eq!(
            inputs(&json!({"inputs": {"ids": [[1, 2, 3]]}})),
            json!([{"name": "ids", "type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1, 3]}}])
        );
    }

    #[test]
    fn params_keep_their_values_as_defaults() {
        let body = json!({"inputs": [1], "params": {"k": 3, "t": 0.5, "words": ["a"]}}).to_string();
        let params: Value =
            serde_json::from_str(&from_example(body.as_bytes()).unwrap().params.unwrap()).unwrap();
        assert_eq!(
            params,
            json!([
                {"name": "k", "type": "long", "default": 3, "shape": null},
                {"name": "t", "type": "double", "default": 0.5, "shape": null},
                {"name": "words", "type": "string", "default": ["a"], "shape": [-1]},
            ])
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert!(from_example(b"{}").is_err());
        assert!(from_example(b"a,b\n1,2\n").is_err());
    }
}
