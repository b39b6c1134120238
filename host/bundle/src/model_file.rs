//! The MLmodel file's text: its shape, and nothing of what its paths lead to.
//!
//! Called by `bundle` with the file's bytes. Keys that MLflow or other flavors own are skipped unread; keys of
//! `flavors.mlhost` are this project's, so an unknown one is an error. Never expands YAML beyond [`options`].

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
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

mod sift;

/// The top level of MLmodel, as far as it is read.
///
/// `M` is what `flavors.mlhost` is read as.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "M: Deserialize<'de> + Default"))]
pub(crate) struct ModelFile<M = MlhostFlavor> {
    #[serde(default = "Flavors::none")]
    pub(crate) flavors: Flavors<M>,
    #[serde(default)]
    pub(crate) signature: Option<SignatureTexts>,
    #[serde(default)]
    pub(crate) mlflow_version: Option<String>,
    #[serde(default)]
    pub(crate) saved_input_example_info: Option<SavedExample>,
}

/// `saved_input_example_info`, as far as it says what a request looks like.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SavedExample {
    /// The body of a request; MLflow before 2.14 wrote none.
    #[serde(default)]
    pub(crate) serving_input_path: Option<String>,
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
#[derive(Debug)]
pub(crate) struct Flavors<M = MlhostFlavor> {
    pub(crate) names: Vec<String>,
    pub(crate) mlhost: Option<M>,
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
    pub(crate) name: Option<EntryName>,
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

struct FlavorsVisitor<M>(PhantomData<M>);

// === impl ModelFile ===

impl ModelFile {
    /// `path` is for messages.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self, BundleError> {
        serde_saphyr::from_slice_with_options(bytes, options()).map_err(|error| malformed(&error, path))
    }

    /// The same with all that is wrong under `flavors.mlhost`, and with the rest of it where there is one. What is wrong
    /// elsewhere is the end.
    pub(crate) fn parse_all(bytes: &[u8], path: &Path) -> (Option<Self>, Vec<BundleError>) {
        let first = match Self::parse(bytes, path) {
            Ok(file) => return (Some(file), Vec::new()),
            Err(first) => first,
        };
        let Ok(lenient) =
            serde_saphyr::from_slice_with_options::<ModelFile<serde_json::Value>>(bytes, options())
        else {
            return (None, vec![first]);
        };
        let (mlhost, misfits) = sift::sift(lenient.flavors.mlhost.unwrap_or_default());
        let Some(mlhost) = mlhost.filter(|_| !misfits.is_empty()) else { return (None, vec![first]) };
        let mut problems = vec![first];
        for sift::Misfit { path: at, error } in misfits {
            let message = message(&error);
            // The first one's place is known from reading the whole; read by itself a leaf has none.
            if matches!(&problems[0], BundleError::Malformed { message: said, .. } if *said == message) {
                continue;
            }
            let message = format!("in `{}`: {message}", printable(&at));
            problems.push(BundleError::Malformed { path: path.to_owned(), position: None, message });
        }
        let Flavors { names, onnx, python_function, .. } = lenient.flavors;
        let flavors = Flavors { names, mlhost: Some(mlhost), onnx, python_function };
        let ModelFile { signature, mlflow_version, saved_input_example_info, .. } = lenient;
        (Some(Self { flavors, signature, mlflow_version, saved_input_example_info }), problems)
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
    let position = error.location().map(|at| Position { line: at.line(), column: at.column() });
    BundleError::Malformed { path: path.to_owned(), position, message: message(error) }
}

fn message(error: &serde_saphyr::Error) -> String {
    let error = error.without_snippet();
    printable(&match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected),
        _ => UserMessageFormatter.format_message(error).into_owned(),
    })
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

impl<M> Flavors<M> {
    fn none() -> Self {
        Self { names: Vec::new(), mlhost: None, onnx: None, python_function: None }
    }
}

// By hand, because `#[serde(flatten)]` would hold every foreign flavor in memory to learn its name.
impl<'de, M: Deserialize<'de> + Default> Deserialize<'de> for Flavors<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FlavorsVisitor(PhantomData))
    }
}

// === impl FlavorsVisitor ===

impl<'de, M: Deserialize<'de> + Default> Visitor<'de> for FlavorsVisitor<M> {
    type Value = Flavors<M>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping from flavor names to flavors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flavors<M>, A::Error> {
        let mut flavors = Flavors::none();
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
