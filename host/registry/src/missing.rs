//! The words for what a store does not have: what there is instead, and what was probably meant.
//!
//! Used by `rest` and `file_store`, so that both say the same.

use crate::error::RegistryError;
use crate::secret::printable;
use crate::uri::{list, nearest};

/// So many names at most in a message.
const MOST: usize = 8;

/// No registered model of that name; `names` are those that are there.
pub(crate) fn model(server: String, name: &str, names: &[String]) -> RegistryError {
    let hint = match nearest(name, names) {
        Some(meant) => Some(format!("did you mean `{}`?", printable(meant))),
        None if names.is_empty() => Some("no model is registered there".to_owned()),
        None => Some(format!("registered there: {}", some(names))),
    };
    RegistryError::NotFound { server, what: format!("registered model `{}`", printable(name)), hint }
}

/// The model has no such version; `newest` is its newest one.
pub(crate) fn version(server: String, name: &str, number: u64, newest: Option<u64>) -> RegistryError {
    RegistryError::NotFound {
        server,
        what: format!("version {number} of model `{}`", printable(name)),
        hint: newest.map(|newest| format!("its newest version is {newest}")),
    }
}

/// The model has no version at all, or none in `stage`; `stages` are those that have one.
pub(crate) fn stage(server: String, name: &str, stage: Option<&str>, stages: &[String]) -> RegistryError {
    let name = printable(name);
    let (what, hint) = match stage {
        None => (format!("version of model `{name}`"), Some("the model is registered and empty".to_owned())),
        Some(stage) if stages.is_empty() => (format!("version of model `{name}` in stage `{stage}`"), None),
        Some(stage) => (
            format!("version of model `{name}` in stage `{stage}`"),
            Some(format!("it has versions in {}", list(stages))),
        ),
    };
    RegistryError::NotFound { server, what, hint }
}

/// The model has no such alias; `aliases` are those it has, each with its version.
pub(crate) fn alias(server: String, name: &str, alias: &str, aliases: &[(String, String)]) -> RegistryError {
    let names: Vec<&str> = aliases.iter().map(|(alias, _)| alias.as_str()).collect();
    let each: Vec<String> =
        aliases.iter().map(|(alias, version)| format!("{alias} (version {version})")).collect();
    let hint = match nearest(alias, &names) {
        Some(meant) => format!(
            "did you mean `models:/{}@{}`? its aliases: {}",
            printable(name),
            printable(meant),
            some(&each)
        ),
        None if each.is_empty() => format!(
            "it has no aliases; `client.set_registered_model_alias(\"{0}\", \"{1}\", VERSION)` makes one",
            printable(name),
            printable(alias)
        ),
        None => format!("its aliases: {}", some(&each)),
    };
    let what = format!("alias `{}` of model `{}`", printable(alias), printable(name));
    RegistryError::NotFound { server, what, hint: Some(hint) }
}

fn some(names: &[String]) -> String {
    match names.get(..MOST) {
        Some(first) if names.len() > MOST => format!("{} and {} more", list(first), names.len() - MOST),
        _ => list(names),
    }
}
