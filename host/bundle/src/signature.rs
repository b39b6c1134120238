//! What is wrong with each column of a signature, not with the first alone.
//!
//! Called by `bundle/check.rs` once a signature cannot be read. The rules are `mlhost-wire`'s own, asked about one column
//! at a time.

use mlhost_wire::signature::{Signature, SignatureError};
use serde_json::Value;

use crate::model_file::SignatureTexts;

/// One error for each member that cannot be read; where each can and all together cannot, what is wrong with all.
pub(crate) fn problems(texts: &SignatureTexts) -> Vec<SignatureError> {
    let parts = [("inputs", &texts.inputs), ("outputs", &texts.outputs), ("params", &texts.params)];
    let mut problems = Vec::new();
    for (part, text) in parts {
        let Some(text) = text else { continue };
        let before = problems.len();
        let members: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
        for (index, member) in members.into_iter().enumerate() {
            let alone = Value::Array(vec![member]).to_string();
            problems.extend(read(part, &alone).map(|error| at(error, part, index)));
        }
        if problems.len() == before {
            problems.extend(read(part, text));
        }
    }
    problems
}

fn read(part: &str, text: &str) -> Option<SignatureError> {
    let only = |name: &str| (part == name).then_some(text);
    Signature::from_mlmodel(only("inputs"), only("outputs"), only("params")).err()
}

/// The error of a member that was read as the first of its part, with its own place.
fn at(error: SignatureError, part: &str, index: usize) -> SignatureError {
    match error {
        SignatureError::Form { path, problem } => {
            let path = match path.strip_prefix(&format!("{part}[0]")) {
                Some(rest) => format!("{part}[{index}]{rest}"),
                None => path,
            };
            SignatureError::Form { path, problem }
        }
        other @ SignatureError::Json { .. } => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_that_is_wrong_is_named() {
        let texts = SignatureTexts {
            inputs: Some(
                r#"[{"type":"int","name":"a"},{"type":"long","name":"b"},{"type":"array","name":"c"}]"#
                    .into(),
            ),
            outputs: Some(r#"[{"type":"long","name":"x"},{"type":"long","name":"x"}]"#.into()),
            params: Some("{".into()),
        };
        let found: Vec<_> = problems(&texts).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 4, "{found:#?}");
        for (problem, expected) in
            found.iter().zip(["`inputs[0].type`", "`inputs[2].items`", "called `x`", "`params`"])
        {
            assert!(problem.contains(expected), "{found:#?}");
        }
    }
}
