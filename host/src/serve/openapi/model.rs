//! The models of the document, and the schemas that their signatures make.
//!
//! Made by [`super::document`] for a request. Each model has three schemas: `NAME.input` for the forms of a request,
//! `NAME.output` for predictions as MLflow lays them out, `NAME.rows` for predictions row by row.

use std::collections::BTreeSet;
use std::sync::Arc;

use mlhost_wire::signature::{Schema, Signature};
use serde_json::{Map, Value, json};

use super::operation::reference;
use super::schema::{cell, params, record, row, tensor};
use crate::deployment::Deployment;

/// Every model that is served.
pub(super) struct Models {
    models: Vec<Model>,
}

/// One of them.
struct Model {
    name: String,
    /// The name in a schema's name.
    key: String,
    version: String,
    signature: Signature,
    raw_media_types: Vec<String>,
    sandboxed: bool,
    /// A body of `/invocations` that was saved with the model.
    example: Option<Value>,
}

// === impl Models ===

impl Models {
    /// Those of them that are ready.
    pub(super) fn of(models: Vec<(String, Arc<Deployment>)>) -> Self {
        let mut keys = BTreeSet::new();
        let models = models.into_iter().filter_map(|(name, deployment)| {
            let release = deployment.current()?;
            let plain = |character: char| {
                if character.is_ascii_alphanumeric() || "._-".contains(character) { character } else { '_' }
            };
            let mut key: String = name.chars().map(plain).collect();
            while !keys.insert(key.clone()) {
                key.push('_');
            }
            let interface = &release.app.interface;
            Some(Model {
                key,
                version: release.version.name().to_owned(),
                signature: interface.signature.clone(),
                raw_media_types: interface.raw_media_types.clone(),
                sandboxed: release.app.is_sandboxed(),
                example: release.app.example.as_deref().and_then(|text| serde_json::from_slice(text).ok()),
                name,
            })
        });
        Self { models: models.collect() }
    }

    /// The models, for people.
    pub(super) fn listed(&self) -> String {
        let listed: Vec<String> = self
            .models
            .iter()
            .map(|model| format!("model `{}`, version {}", model.name, model.version))
            .collect();
        if listed.is_empty() { "no model yet".to_owned() } else { listed.join("; ") }
    }

    pub(super) fn names_schema(&self) -> Value {
        let names: Vec<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
        if names.is_empty() {
            json!({ "type": "string" })
        } else {
            json!({ "type": "string", "enum": names })
        }
    }

    pub(super) fn versions_schema(&self) -> Value {
        let versions: BTreeSet<&str> = self.models.iter().map(|model| model.version.as_str()).collect();
        if versions.is_empty() {
            json!({ "type": "string" })
        } else {
            json!({ "type": "string", "enum": versions })
        }
    }

    /// Every model's schemas.
    pub(super) fn schemas(&self) -> Map<String, Value> {
        let mut schemas = Map::new();
        for model in &self.models {
            let key = &model.key;
            schemas.insert(format!("{key}.instances"), model.instances());
            schemas.insert(format!("{key}.inputs"), model.inputs());
            schemas.insert(format!("{key}.params"), params(&model.signature.params));
            schemas.insert(format!("{key}.input"), model.input());
            schemas.insert(format!("{key}.output"), model.output());
            schemas.insert(format!("{key}.rows"), model.rows());
        }
        schemas
    }

    /// What any of the models has under `part`.
    pub(super) fn any(&self, part: &str) -> Value {
        let parts: Vec<Value> =
            self.models.iter().map(|model| reference(&format!("{}.{part}", model.key))).collect();
        match <[Value; 1]>::try_from(parts) {
            Ok([only]) => only,
            Err(none) if none.is_empty() => json!({}),
            Err(several) => json!({ "anyOf": several }),
        }
    }

    /// A request of the first model that was saved with one.
    pub(super) fn example(&self) -> Option<&Value> {
        self.models.iter().find_map(|model| model.example.as_ref())
    }

    /// JSON of `schema`, with the example where there is one.
    #[expect(clippy::needless_pass_by_value, reason = "whoever calls has made it for this")]
    pub(super) fn json_request(&self, schema: Value) -> Map<String, Value> {
        let mut media = json!({ "schema": schema });
        if let Some(example) = self.example() {
            media["examples"] = json!({ "saved": { "summary": "Saved with the model", "value": example } });
        }
        Map::from_iter([("application/json".to_owned(), media)])
    }

    /// The media types that some model takes raw, as the keys of a body's content.
    pub(super) fn raw(&self) -> Map<String, Value> {
        let types = self.models.iter().flat_map(|model| &model.raw_media_types);
        types.map(|media_type| (media_type.clone(), json!({}))).collect()
    }

    /// The media types that a component may answer with itself: any, where there is one that may.
    pub(super) fn answers_raw(&self) -> bool {
        self.models.iter().any(|model| model.sandboxed && model.signature.outputs.is_none())
    }

    /// Whether some model answers chats, which have no envelope.
    pub(super) fn answers_bare(&self) -> bool {
        self.models.iter().any(|model| !matches!(model.signature.inputs, Some(Schema::Tensors(_))))
    }
}

// === impl Model ===

impl Model {
    /// One entry a row.
    fn instances(&self) -> Value {
        match &self.signature.inputs {
            None => json!({ "type": "array", "minItems": 1 }),
            Some(Schema::Columns(columns)) => {
                let rows = json!({ "anyOf": [record(columns, false), row(columns)] });
                json!({ "type": "array", "items": rows, "minItems": 1 })
            }
            Some(Schema::Tensors(specs)) => match specs.as_slice() {
                [only] => tensor(only, 0, false),
                specs => {
                    let parts: Map<String, Value> = specs
                        .iter()
                        .map(|spec| (spec.name.clone().unwrap_or_default(), tensor(spec, 1, false)))
                        .collect();
                    let names: Vec<&String> = parts.keys().collect();
                    let part = json!({ "type": "object", "required": names, "properties": parts });
                    json!({ "type": "array", "items": part, "minItems": 1 })
                }
            },
        }
    }

    /// Columns or tensors, each as a whole.
    fn inputs(&self) -> Value {
        match &self.signature.inputs {
            None => json!({ "type": ["array", "object"] }),
            Some(Schema::Columns(columns)) => {
                let lists: Map<String, Value> = columns
                    .iter()
                    .enumerate()
                    .map(|(position, column)| {
                        let list =
                            json!({ "type": "array", "items": cell(&column.column_type), "minItems": 1 });
                        (column.name.clone().unwrap_or_else(|| position.to_string()), list)
                    })
                    .collect();
                let required: Vec<&str> = columns
                    .iter()
                    .filter(|column| column.required)
                    .filter_map(|column| column.name.as_deref())
                    .collect();
                json!({ "type": "object", "properties": lists, "required": required })
            }
            Some(Schema::Tensors(specs)) => match specs.as_slice() {
                [only] => tensor(only, 0, false),
                specs => {
                    let whole: Map<String, Value> = specs
                        .iter()
                        .map(|spec| (spec.name.clone().unwrap_or_default(), tensor(spec, 0, false)))
                        .collect();
                    let names: Vec<&String> = whole.keys().collect();
                    json!({ "type": "object", "required": names, "properties": whole })
                }
            },
        }
    }

    /// MLflow's forms.
    fn input(&self) -> Value {
        let key = &self.key;
        let form = |name: &str, value: Value| {
            json!({
                "type": "object",
                "properties": { name: value, "params": reference(&format!("{key}.params")) },
                "required": [name],
                "additionalProperties": false,
            })
        };
        let mut forms = vec![
            form("instances", reference(&format!("{key}.instances"))),
            form("inputs", reference(&format!("{key}.inputs"))),
        ];
        if let Some(Schema::Columns(columns)) = &self.signature.inputs {
            let names: Vec<String> = columns
                .iter()
                .enumerate()
                .map(|(position, column)| column.name.clone().unwrap_or_else(|| position.to_string()))
                .collect();
            let split = json!({
                "type": "object",
                "properties": {
                    "columns": { "const": names },
                    "data": { "type": "array", "items": row(columns), "minItems": 1 },
                    "index": { "type": "array", "items": { "type": "integer" } },
                },
                "required": ["columns", "data"],
                "additionalProperties": false,
            });
            forms.push(form("dataframe_split", split));
            let records = json!({ "type": "array", "items": record(columns, false), "minItems": 1 });
            forms.push(form("dataframe_records", records));
        }
        json!({ "anyOf": forms })
    }

    /// Predictions as MLflow lays them out. A graph that is served as it is answers a table with rows of its own making.
    fn output(&self) -> Value {
        match &self.signature.outputs {
            Some(Schema::Columns(columns)) if self.sandboxed => {
                json!({ "type": "array", "items": record(columns, true) })
            }
            Some(Schema::Tensors(specs))
                if self.is_tensors() && specs.iter().all(|spec| spec.name.is_some()) =>
            {
                let whole: Map<String, Value> = specs
                    .iter()
                    .map(|spec| (spec.name.clone().unwrap_or_default(), tensor(spec, 0, true)))
                    .collect();
                json!({ "type": "object", "properties": whole })
            }
            _ => json!({}),
        }
    }

    /// Predictions row by row.
    fn rows(&self) -> Value {
        match &self.signature.outputs {
            Some(Schema::Columns(_)) => self.output(),
            Some(Schema::Tensors(_)) if self.is_tensors() => json!({ "type": ["array", "object"] }),
            _ => json!({}),
        }
    }

    fn is_tensors(&self) -> bool {
        self.sandboxed || matches!(self.signature.inputs, Some(Schema::Tensors(_)))
    }
}
