//! The JSON of MLflow's signatures, read into [`Signature`].
//!
//! Called by `bundle` once per model, through [`Signature::from_mlmodel`]. Format: `Schema.to_json` and
//! `ParamSchema.to_json` of MLflow 1.x to 3.x. Must never recurse deeper than [`MAX_TYPE_DEPTH`].

use serde_json::{Map, Value};

use super::{
    ColumnSpec, ColumnType, MAX_TYPE_DEPTH, ParamSpec, Property, Schema, Signature, SignatureError,
    TensorSpec,
};
use crate::values::ElementType;

type Object = Map<String, Value>;

// === impl Signature ===

impl Signature {
    /// Reads the `signature` section of an MLmodel file, whose three members are each a JSON text.
    ///
    /// # Errors
    ///
    /// A text that is no JSON, a type that MLflow does not have, or names that are missing or given twice.
    pub fn from_mlmodel(
        inputs: Option<&str>,
        outputs: Option<&str>,
        params: Option<&str>,
    ) -> Result<Self, SignatureError> {
        let params = match list("params", params)? {
            None => Vec::new(),
            Some(specs) => specs
                .iter()
                .enumerate()
                .map(|(index, spec)| param(spec, &format!("params[{index}]")))
                .collect::<Result<_, _>>()?,
        };
        unique("params", params.iter().map(|spec| Some(&spec.name)))?;
        Ok(Self { inputs: schema("inputs", inputs)?, outputs: schema("outputs", outputs)?, params })
    }
}

fn form(path: impl Into<String>, problem: impl Into<String>) -> SignatureError {
    SignatureError::Form { path: path.into(), problem: problem.into() }
}

fn list(part: &'static str, text: Option<&str>) -> Result<Option<Vec<Value>>, SignatureError> {
    let Some(text) = text else { return Ok(None) };
    match serde_json::from_str(text).map_err(|source| SignatureError::Json { part, source })? {
        Value::Null => Ok(None),
        Value::Array(specs) => Ok(Some(specs)),
        _ => Err(form(part, "is not a list")),
    }
}

fn schema(part: &'static str, text: Option<&str>) -> Result<Option<Schema>, SignatureError> {
    // A schema without members says nothing, as none does.
    let Some(specs) = list(part, text)?.filter(|specs| !specs.is_empty()) else { return Ok(None) };
    let tensors = specs.iter().filter(|spec| spec.get("type").is_some_and(|name| name == "tensor")).count();
    if tensors == 0 {
        let columns = specs
            .iter()
            .enumerate()
            .map(|(index, spec)| column(spec, &format!("{part}[{index}]")))
            .collect::<Result<Vec<_>, _>>()?;
        names(part, columns.iter().map(|column| column.name.as_ref()))?;
        return Ok(Some(Schema::Columns(columns)));
    }
    if tensors != specs.len() {
        return Err(form(part, "mixes columns and tensors"));
    }
    let tensors = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| tensor(spec, &format!("{part}[{index}]")))
        .collect::<Result<Vec<_>, _>>()?;
    names(part, tensors.iter().map(|tensor| tensor.name.as_ref()))?;
    if tensors.len() > 1 && tensors.iter().any(|tensor| tensor.name.is_none()) {
        return Err(form(part, "has several tensors without names"));
    }
    Ok(Some(Schema::Tensors(tensors)))
}

/// Either every member has a name or none has, and no name is given twice.
fn names<'a>(
    part: &str,
    names: impl ExactSizeIterator<Item = Option<&'a String>> + Clone,
) -> Result<(), SignatureError> {
    let named = names.clone().flatten().count();
    if named != 0 && named != names.len() {
        return Err(form(part, "names some of its members and not the others"));
    }
    unique(part, names)
}

fn unique<'a>(part: &str, names: impl Iterator<Item = Option<&'a String>>) -> Result<(), SignatureError> {
    let mut seen = std::collections::HashSet::new();
    match names.flatten().find(|name| !seen.insert(*name)) {
        Some(name) => Err(form(part, format!("has two members called `{name}`"))),
        None => Ok(()),
    }
}

fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Object, SignatureError> {
    value.as_object().ok_or_else(|| form(path, "is not an object"))
}

fn name(spec: &Object, path: &str) -> Result<Option<String>, SignatureError> {
    match spec.get("name") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        // Columns of a DataFrame made from an array are called by number.
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(form(format!("{path}.name"), "is not a text")),
    }
}

/// MLflow before 2.3 wrote `optional`, later ones write `required`.
fn required(spec: &Object, path: &str) -> Result<bool, SignatureError> {
    for (key, meaning) in [("required", true), ("optional", false)] {
        match spec.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::Bool(flag)) => return Ok(*flag == meaning),
            Some(_) => return Err(form(format!("{path}.{key}"), "is not true or false")),
        }
    }
    Ok(true)
}

fn column(value: &Value, path: &str) -> Result<ColumnSpec, SignatureError> {
    let spec = object(value, path)?;
    Ok(ColumnSpec {
        name: name(spec, path)?,
        numbered: matches!(spec.get("name"), Some(Value::Number(_))),
        column_type: column_type(spec, path, 0)?,
        required: required(spec, path)?,
    })
}

fn column_type(spec: &Object, path: &str, depth: usize) -> Result<ColumnType, SignatureError> {
    if depth > MAX_TYPE_DEPTH {
        return Err(form(path, format!("nests deeper than {MAX_TYPE_DEPTH} types")));
    }
    let inner = |key: &str| -> Result<Box<ColumnType>, SignatureError> {
        let path = format!("{path}.{key}");
        let inner = spec.get(key).ok_or_else(|| form(path.as_str(), "is missing"))?;
        Ok(Box::new(column_type(object(inner, &path)?, &path, depth + 1)?))
    };
    let Some(Value::String(name)) = spec.get("type") else {
        return Err(form(format!("{path}.type"), "is missing or not a text"));
    };
    Ok(match name.as_str() {
        "boolean" => ColumnType::Boolean,
        "integer" => ColumnType::Integer,
        "long" => ColumnType::Long,
        "float" => ColumnType::Float,
        "double" => ColumnType::Double,
        "string" => ColumnType::String,
        "binary" => ColumnType::Binary,
        "datetime" => ColumnType::Datetime,
        "any" => ColumnType::Any,
        "array" => ColumnType::Array(inner("items")?),
        "map" => ColumnType::Map(inner("values")?),
        "object" => ColumnType::Object(properties(spec, path, depth)?),
        other => {
            return Err(form(format!("{path}.type"), format!("is `{other}`, which is not a type of MLflow")));
        }
    })
}

fn properties(spec: &Object, path: &str, depth: usize) -> Result<Vec<Property>, SignatureError> {
    let path = format!("{path}.properties");
    let properties = spec.get("properties").ok_or_else(|| form(path.as_str(), "is missing"))?;
    object(properties, &path)?
        .iter()
        .map(|(name, value)| {
            let path = format!("{path}.{name}");
            let spec = object(value, &path)?;
            Ok(Property {
                name: name.clone(),
                column_type: column_type(spec, &path, depth + 1)?,
                required: required(spec, &path)?,
            })
        })
        .collect()
}

fn tensor(value: &Value, path: &str) -> Result<TensorSpec, SignatureError> {
    let spec = object(value, path)?;
    let name = name(spec, path)?;
    let path = format!("{path}.tensor-spec");
    let detail = spec.get("tensor-spec").ok_or_else(|| form(path.as_str(), "is missing"))?;
    let detail = object(detail, &path)?;
    let element_type = detail
        .get("dtype")
        .and_then(Value::as_str)
        .and_then(element_type)
        .ok_or_else(|| form(format!("{path}.dtype"), "is not a type that is served"))?;
    let axes = detail.get("shape").and_then(Value::as_array);
    let shape = axes
        .ok_or_else(|| form(format!("{path}.shape"), "is not a list"))?
        .iter()
        .map(|axis| match axis.as_i64() {
            Some(-1) => Ok(None),
            Some(size) if u32::try_from(size).is_ok() => Ok(u32::try_from(size).ok()),
            _ => Err(form(format!("{path}.shape"), "has an axis that is neither -1 nor a size")),
        })
        .collect::<Result<_, _>>()?;
    Ok(TensorSpec { name, element_type, shape })
}

/// numpy's name of a type; texts are `object`, `str`, or `str320` and `<U10` with their width.
fn element_type(name: &str) -> Option<ElementType> {
    Some(match name {
        "bool" => ElementType::Boolean,
        "bfloat16" => ElementType::Bf16,
        "float16" => ElementType::F16,
        "float32" => ElementType::F32,
        "float64" => ElementType::F64,
        "int8" => ElementType::S8,
        "int16" => ElementType::S16,
        "int32" => ElementType::S32,
        "int64" => ElementType::S64,
        "uint8" => ElementType::U8,
        "uint16" => ElementType::U16,
        "uint32" => ElementType::U32,
        "uint64" => ElementType::U64,
        "object" => ElementType::Text,
        text => {
            let text = text.trim_start_matches(['<', '>', '=', '|']);
            let width = text.strip_prefix("str").or_else(|| text.strip_prefix('U'))?;
            width.bytes().all(|byte| byte.is_ascii_digit()).then_some(ElementType::Text)?
        }
    })
}

fn param(value: &Value, path: &str) -> Result<ParamSpec, SignatureError> {
    let spec = object(value, path)?;
    let name = name(spec, path)?.ok_or_else(|| form(format!("{path}.name"), "is missing"))?;
    let list = match spec.get("shape") {
        None | Some(Value::Null) => false,
        Some(Value::Array(axes)) if axes.len() == 1 => true,
        Some(_) => return Err(form(format!("{path}.shape"), "is neither null nor of one axis")),
    };
    let default = spec.get("default").cloned().unwrap_or(Value::Null);
    Ok(ParamSpec { name, column_type: column_type(spec, path, 0)?, default, list })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(text: &str) -> Result<Option<Schema>, SignatureError> {
        Signature::from_mlmodel(Some(text), None, None).map(|signature| signature.inputs)
    }

    #[test]
    fn every_column_type_is_read() {
        let text = r#"[{"type":"boolean","name":"a"},{"type":"integer","name":"b","required":false},
            {"type":"long","name":"c","optional":true},{"type":"float","name":"d"},{"type":"double","name":"e"},
            {"type":"string","name":"f"},{"type":"binary","name":"g"},{"type":"datetime","name":"h"},
            {"type":"any","name":"i"},{"type":"array","items":{"type":"map","values":{"type":"object",
             "properties":{"x":{"type":"long","required":false}}}},"name":3}]"#;
        let Ok(Some(Schema::Columns(columns))) = inputs(text) else { panic!("columns") };
        assert_eq!(columns.len(), 10);
        let optional: Vec<_> = columns.iter().filter(|column| !column.required).collect();
        assert_eq!(optional.len(), 2);
        assert_eq!(columns[9].name.as_deref(), Some("3"));
        let property = Property { name: "x".into(), column_type: ColumnType::Long, required: false };
        let object = ColumnType::Object(vec![property]);
        assert_eq!(columns[9].column_type, ColumnType::Array(Box::new(ColumnType::Map(Box::new(object)))));
    }

    #[test]
    fn tensors_and_numpy_texts_are_read() {
        for (dtype, expected) in
            [("float32", ElementType::F32), ("<U10", ElementType::Text), ("str320", ElementType::Text)]
        {
            let text = format!(r#"[{{"type":"tensor","tensor-spec":{{"dtype":"{dtype}","shape":[-1,4]}}}}]"#);
            let expected = TensorSpec { name: None, element_type: expected, shape: vec![None, Some(4)] };
            assert_eq!(inputs(&text).unwrap(), Some(Schema::Tensors(vec![expected])));
        }
    }

    #[test]
    fn parameters_keep_their_defaults() {
        let text = r#"[{"name":"k","type":"long","default":[1,2],"shape":[-1]},
            {"name":"s","type":"string","default":null,"shape":null}]"#;
        let signature = Signature::from_mlmodel(None, Some("null"), Some(text)).unwrap();
        assert_eq!(signature.params.len(), 2);
        assert!(signature.params[0].list && !signature.params[1].list);
        assert_eq!(signature.params[0].default, serde_json::json!([1, 2]));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let deep =
            format!("[{}{{\"type\":\"long\"}}{}]", r#"{"type":"array","items":"#.repeat(40), "}".repeat(40));
        for (text, expected) in [
            ("{", "is not JSON"),
            ("{}", "the signature's `inputs` is not a list"),
            (r#"[{"type":"int"}]"#, "`inputs[0].type` is `int`"),
            (r#"[{"type":"array"}]"#, "`inputs[0].items` is missing"),
            (r#"[{"type":"long","name":"a"},{"type":"long"}]"#, "names some of its members"),
            (r#"[{"type":"long","name":"a"},{"type":"long","name":"a"}]"#, "two members called `a`"),
            (r#"[{"type":"long"},{"type":"tensor"}]"#, "mixes columns and tensors"),
            (
                r#"[{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-2]}}]"#,
                "an axis that is neither",
            ),
            (r#"[{"type":"tensor","tensor-spec":{"dtype":"void","shape":[]}}]"#, "not a type that is served"),
            (deep.as_str(), "nests deeper than 32"),
        ] {
            let found = inputs(text).unwrap_err().to_string();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}
