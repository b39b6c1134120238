//! From what componentize-py says of a model that it could not import to what its author wants to know.
//!
//! componentize-py ends with a Python traceback from inside its sandbox, where the SDK's folder is `/0` and the model's `/1`,
//! and with traces of its own. Kept is the traceback from the user's code on, with the user's own file names.

use super::Source;
use crate::guest_build::BuildError;

/// What `mlhost_predictor.py` raises, after `ImportError: `.
const NO_MODEL: &str = "mlhost: no model";
const SEVERAL: &str = "mlhost: several models: ";

const HEAD: &str = "Traceback (most recent call last):";
const MODEL_FOLDER: &str = "  File \"/1/";

/// What `said`, componentize-py's stderr, means to the author of `source`.
pub(super) fn explain(said: &str, source: &Source) -> BuildError {
    let path = source.file.clone();
    let Some(traceback) = of_python(said) else {
        return BuildError::Componentize {
            program: "componentize-py".into(),
            detail: said.trim().to_owned(),
        };
    };
    let last = traceback.last().copied().unwrap_or_default();
    if last.ends_with(NO_MODEL) {
        return BuildError::NoModel { path };
    }
    if let Some((_, known)) = last.split_once(SEVERAL) {
        return BuildError::SeveralModels { path, known: known.to_owned() };
    }
    let hint = if last.starts_with("ModuleNotFoundError") || last.starts_with("ImportError") {
        "\nhint: a component has Python's standard library, what lies beside the model and what the active virtual \
         environment has in pure Python; packages with native code, such as NumPy, cannot be in it"
    } else {
        ""
    };
    BuildError::Import { path, traceback: in_users_terms(&traceback, source), hint }
}

/// The lines of the first traceback from inside the sandbox.
fn of_python(said: &str) -> Option<Vec<&str>> {
    let inner = said.lines().skip_while(|line| !line.ends_with(HEAD) || line.starts_with(HEAD));
    let lines: Vec<&str> = inner.skip(1).take_while(|line| *line != "Caused by:").collect();
    let end = lines.iter().rposition(|line| !line.trim().is_empty())?;
    Some(lines[..=end].to_vec())
}

/// Without the frames before the user's code, and with the folder of the model for its place in the sandbox.
fn in_users_terms(traceback: &[&str], source: &Source) -> String {
    // A module that does not parse has no frame of its own, but such a line as well.
    let begin = traceback.iter().position(|line| line.starts_with(MODEL_FOLDER)).unwrap_or_default();
    let folder = format!("  File \"{}/", source.folder.display());
    let lines: Vec<String> =
        traceback[begin..].iter().map(|line| line.replacen(MODEL_FOLDER, &folder, 1)).collect();
    lines.join("\n")
}
