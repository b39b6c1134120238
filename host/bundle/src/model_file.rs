//! The MLmodel file's text: its shape, and nothing of what its paths lead to.
//!
//! Called by `bundle` with the file's bytes. Keys that MLflow or other flavors own are skipped unread; keys of
//! `flavors.mlhost` are this project's, so an unknown one is an error. Never expands YAML beyond [`options`].

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::{MessageFormatter as _, UserMessageFormatter};

use crate::error::{BundleError, Position, is_hidden, printable};
use crate::grant::Grant;
use crate::media_type::MediaType;
use crate::quantity;

/// The top level of MLmodel, as far as it is read.
#[derive(Debug, Deserialize)]
pub(crate) struct ModelFile {
    #[serde(default)]
    pub(crate) flavors: Flavors,
    #[serde(default)]
    pub(crate) signature: Option<SignatureTexts>,
    #[serde(default)]
    pub(crate) mlflow_version: Option<String>,
}

/// MLflow's `ModelSignature.to_dict`: each part is one JSON text.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SignatureTexts {
    #[serde(default)]
    pub(crate) inputs: Option<String>,
    #[serde(default)]
    pub(crate) outputs: Option<String>,
    #[serde(default)]
    pub(crate) params: Option<String>,
}

/// The three flavors that are read, and the names of all.
#[derive(Debug, Default)]
pub(crate) struct Flavors {
    pub(crate) names: Vec<String>,
    pub(crate) mlhost: Option<MlhostFlavor>,
    pub(crate) onnx: Option<OnnxFlavor>,
    pub(crate) python_function: Option<PythonFunctionFlavor>,
}

/// `flavors.mlhost`: this project's own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MlhostFlavor {
    pub(crate) component: Option<String>,
    pub(crate) graphs: BTreeMap<EntryName, String>,
    pub(crate) artifacts: BTreeMap<EntryName, String>,
    pub(crate) accepts: Vec<MediaType>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) limits: AskedLimits,
    pub(crate) batching: BTreeMap<EntryName, AskedBatching>,
}

/// One entry of `flavors.mlhost.batching`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AskedBatching {
    #[serde(deserialize_with = "count")]
    pub(crate) max_rows: Option<u32>,
    #[serde(deserialize_with = "count")]
    pub(crate) max_elements: Option<u64>,
    #[serde(deserialize_with = "time")]
    pub(crate) max_delay: Option<Duration>,
    #[serde(deserialize_with = "count")]
    pub(crate) max_queue: Option<usize>,
}

/// `flavors.mlhost.limits`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AskedLimits {
    #[serde(deserialize_with = "size")]
    pub(crate) memory: Option<u64>,
    #[serde(deserialize_with = "time")]
    pub(crate) time: Option<Duration>,
    #[serde(deserialize_with = "size")]
    pub(crate) data: Option<u64>,
    #[serde(deserialize_with = "count")]
    pub(crate) concurrency: Option<usize>,
}

/// `flavors.onnx`, as `mlflow.onnx.save_model` writes it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OnnxFlavor {
    #[serde(default)]
    pub(crate) data: Option<String>,
}

/// `flavors.python_function`, as far as it says something to a model that is not Python.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PythonFunctionFlavor {
    /// MLflow's `model_config`.
    #[serde(default)]
    pub(crate) config: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    pub(crate) artifacts: Option<BTreeMap<String, PythonArtifact>>,
}

/// One entry of `flavors.python_function.artifacts`.
#[derive(Debug, Deserialize)]
pub(crate) struct PythonArtifact {
    #[serde(default)]
    pub(crate) path: Option<String>,
}

/// How a graph or an artifact is called by the user's code.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub(crate) struct EntryName(pub(crate) String);

struct FlavorsVisitor;

// === impl ModelFile ===

impl ModelFile {
    /// `path` is for messages.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self, BundleError> {
        serde_saphyr::from_slice_with_options(bytes, options()).map_err(|error| malformed(&error, path))
    }
}

/// What a real MLmodel stays far under, and what keeps an alias bomb small: replayed scalars count as well.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_aliases: 100,
            max_anchors: 100,
            max_depth: 64,
            max_documents: 1,
            max_nodes: 100_000,
            max_total_scalar_bytes: 8 << 20,
            max_recorded_anchor_bytes: 8 << 20,
            max_merge_keys: 100,
        },
        // Foreign flavors may hold NaN, and skipping a value applies the policy too: `Reject` would refuse them.
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        // The snippets quote several lines of the file; position and message are enough.
        with_snippet: false,
    }
}

fn malformed(error: &serde_saphyr::Error, path: &Path) -> BundleError {
    let error = error.without_snippet();
    let message = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected),
        _ => UserMessageFormatter.format_message(error).into_owned(),
    };
    let position = error.location().map(|at| Position { line: at.line(), column: at.column() });
    BundleError::Malformed { path: path.to_owned(), position, message: printable(&message) }
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, key), *name))
        .min()
        .filter(|(distance, name)| *distance <= name.len() / 2);
    let listed = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match nearest {
        Some((_, name)) => {
            format!("unknown key `{key}` (did you mean `{name}`?), the known keys are {listed}")
        }
        None => format!("unknown key `{key}`, the known keys are {listed}"),
    }
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| quantity::bytes(&text)).transpose().map_err(serde::de::Error::custom)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| quantity::duration(&text)).transpose().map_err(serde::de::Error::custom)
}

fn count<'de, D: Deserializer<'de>, N: FromStr + Default + PartialEq>(
    deserializer: D,
) -> Result<Option<N>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let parse = |text: String| {
        let number = text.parse::<N>().ok().filter(|number| *number != N::default());
        number.ok_or_else(|| {
            serde::de::Error::custom(BundleError::Word {
                kind: "count",
                text,
                rule: "write a whole number above 0, such as `32`",
                suggestion: None,
            })
        })
    };
    text.map(parse).transpose()
}

// === impl Flavors ===

// By hand, because `#[serde(flatten)]` would hold every foreign flavor in memory to learn its name.
impl<'de> Deserialize<'de> for Flavors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FlavorsVisitor)
    }
}

// === impl FlavorsVisitor ===

impl<'de> Visitor<'de> for FlavorsVisitor {
    type Value = Flavors;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping from flavor names to flavors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flavors, A::Error> {
        let mut flavors = Flavors::default();
        while let Some(name) = map.next_key::<String>()? {
            // A flavor without content, `onnx:`, is null; it is there all the same.
            match name.as_str() {
                "mlhost" => flavors.mlhost = Some(map.next_value::<Option<_>>()?.unwrap_or_default()),
                "onnx" => flavors.onnx = Some(map.next_value::<Option<_>>()?.unwrap_or_default()),
                "python_function" => flavors.python_function = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            flavors.names.push(name);
        }
        Ok(flavors)
    }
}

// === impl EntryName ===

impl Borrow<str> for EntryName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EntryName {
    type Error = BundleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if (1..=128).contains(&text.len()) && !text.chars().any(is_hidden) {
            return Ok(Self(text));
        }
        let shown: String = text.chars().take(128).collect();
        Err(BundleError::Word {
            kind: "name",
            text: shown,
            rule: "write 1 to 128 bytes without control characters",
            suggestion: None,
        })
    }
}
