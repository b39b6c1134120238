//! What is wrong with each entry of `flavors.mlhost`, not with the first alone.
//!
//! Called by `model_file` once MLmodel cannot be read as it is: each leaf of the flavor is read by itself, by the same
//! types as the whole, and those that cannot be are left out. Never runs longer than [`MOST`] problems take.

use serde_json::{Map, Value};

use super::{MlhostFlavor, options};

/// Nobody mends more at one time.
const MOST: usize = 100;

/// The way from the flavor to a leaf.
#[derive(Clone)]
enum Step {
    Key(String),
    Item,
}

/// A leaf that cannot be read.
pub(super) struct Misfit {
    /// From the top of MLmodel, such as `flavors.mlhost.limits.memory`.
    pub(super) path: String,
    pub(super) error: serde_saphyr::Error,
}

/// What of `flavor` can be read, and what cannot.
pub(super) fn sift(flavor: Value) -> (Option<MlhostFlavor>, Vec<Misfit>) {
    let mut misfits = Vec::new();
    let rest = sifted(flavor, &mut Vec::new(), &mut misfits).unwrap_or_else(|| Value::Object(Map::new()));
    (read(&rest).ok(), misfits)
}

/// `value` without the leaves that cannot be read behind `way`.
fn sifted(value: Value, way: &mut Vec<Step>, misfits: &mut Vec<Misfit>) -> Option<Value> {
    if misfits.len() >= MOST {
        return None;
    }
    let mut step = |step: Step, child: Value, misfits: &mut Vec<Misfit>| {
        way.push(step);
        let child = sifted(child, way, misfits);
        way.pop();
        child
    };
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            let mut kept = Map::new();
            for (key, child) in entries {
                if let Some(child) = step(Step::Key(key.clone()), child, misfits) {
                    kept.insert(key, child);
                }
            }
            // What is left of an unknown key would be one still.
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) if !items.is_empty() => {
            let items: Vec<_> =
                items.into_iter().filter_map(|item| step(Step::Item, item, misfits)).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        leaf => match read(&alone(&leaf, way)) {
            Ok(_) => Some(leaf),
            Err(error) => {
                let path = spelled(way, &error);
                let text = error.to_string();
                if misfits.iter().all(|known: &Misfit| known.path != path || known.error.to_string() != text)
                {
                    misfits.push(Misfit { path, error });
                }
                None
            }
        },
    }
}

/// A flavor that holds this leaf and nothing else.
fn alone(leaf: &Value, way: &[Step]) -> Value {
    way.iter().rev().fold(leaf.clone(), |inner, step| match step {
        Step::Key(key) => Value::Object(Map::from_iter([(key.clone(), inner)])),
        Step::Item => Value::Array(vec![inner]),
    })
}

/// An unknown key is said where it stands, not at what stands beneath it.
fn spelled(way: &[Step], error: &serde_saphyr::Error) -> String {
    let mut path = "flavors.mlhost".to_owned();
    for step in way {
        let Step::Key(key) = step else { continue };
        if matches!(error.without_snippet(), serde_saphyr::Error::SerdeUnknownField { field, .. } if field == key)
        {
            break;
        }
        path.push('.');
        path.push_str(key);
    }
    path
}

/// JSON is YAML, so that the types' own rules and messages apply.
fn read(flavor: &Value) -> Result<MlhostFlavor, serde_saphyr::Error> {
    serde_saphyr::from_slice_with_options(flavor.to_string().as_bytes(), options())
}
