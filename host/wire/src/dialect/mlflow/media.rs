//! Which reader a `Content-Type` asks for.
//!
//! Called by [`super::Mlflow`] for every request. Media types are compared as MLflow compares them: exactly and
//! with case, except those that a bundle takes raw.

use super::compat::Compat;
use crate::fault::{Fault, FaultKind};

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Csv,
    Json,
    Parquet,
    /// Passed to the model as it is.
    Raw,
}

/// The media types with a reader, as MLflow's message lists them.
const SERVED: &str = "['text/csv', 'application/json', 'application/vnd.apache.parquet']";

/// How the message begins for a request that does not say what it is.
pub(super) const NO_CONTENT_TYPE: &str = "The request has no Content-Type.";

const PROTOCOL_CHANGE: &str = "IMPORTANT: The MLflow Model scoring protocol has changed in MLflow version 2.0. If you \
                               are seeing this error, you are likely using an outdated scoring request format.";

/// The reader for the header, which may be missing.
pub(super) fn media(header: Option<&str>, raw: &[String], compat: Compat) -> Result<Media, Fault> {
    let refuse = |public: String| Err(Fault::new(FaultKind::UnsupportedMedia, public));
    let Some(header) = header else {
        return refuse(format!(
            "{NO_CONTENT_TYPE} This predictor only supports the following content types: Types: \
             {SERVED}."
        ));
    };
    let mut parts = header.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if raw.iter().any(|accepted| accepts(accepted, essence)) {
        return Ok(Media::Raw);
    }
    // To MLflow a semicolon at the end begins a parameter without a name.
    let parameters = parts.filter(|parameter| compat.is_strict() || !parameter.is_empty());
    let parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    let mut unknown = Vec::new();
    for (name, value) in parameters {
        if name != "charset" {
            unknown.push(name);
        } else if !value.eq_ignore_ascii_case("utf-8") {
            return refuse("The scoring server only supports UTF-8".to_owned());
        }
    }
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        return refuse(format!("Unrecognized content type parameters: {unknown}. {PROTOCOL_CHANGE}"));
    }
    match essence {
        "text/csv" => Ok(Media::Csv),
        "application/json" => Ok(Media::Json),
        "application/vnd.apache.parquet" => Ok(Media::Parquet),
        _ => refuse(format!(
            "This predictor only supports the following content types: Types: {SERVED}. Got '{header}'."
        )),
    }
}

/// Whether `accepted`, `type/subtype` or `type/*` in lower case, covers `essence`.
fn accepts(accepted: &str, essence: &str) -> bool {
    match accepted.strip_suffix('*') {
        Some(prefix) => {
            let start = essence.as_bytes().get(..prefix.len());
            essence.len() > prefix.len()
                && start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        }
        None => essence.eq_ignore_ascii_case(accepted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_matched_as_mlflow_does() {
        let raw = ["image/*".to_owned(), "audio/wav".to_owned()];
        for (header, expected) in [
            ("application/json", Ok(Media::Json)),
            ("application/json; charset=UTF-8", Ok(Media::Json)),
            ("application/json;", Ok(Media::Json)),
            ("Image/PNG; q=1", Ok(Media::Raw)),
            ("audio/wav", Ok(Media::Raw)),
            ("image/", Err("This predictor only supports")),
            ("imag\u{e9}/png", Err("This predictor only supports")),
            ("audio/wave", Err("Got 'audio/wave'.")),
            ("Application/JSON", Err("Got 'Application/JSON'.")),
            ("text/csv", Ok(Media::Csv)),
            ("text/csv; charset=utf-8", Ok(Media::Csv)),
            ("application/vnd.apache.parquet", Ok(Media::Parquet)),
            ("text/plain; charset=utf-8", Err("Got 'text/plain; charset=utf-8'.")),
            ("application/json; charset=latin-1", Err("The scoring server only supports UTF-8")),
            ("application/json; format=pandas-split", Err("Unrecognized content type parameters: format.")),
            ("", Err("Got ''.")),
        ] {
            match (media(Some(header), &raw, Compat::Sane), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{header}"),
                (Err(fault), Err(expected)) => {
                    assert_eq!(fault.kind, FaultKind::UnsupportedMedia);
                    assert!(fault.public.contains(expected), "{header}: {}", fault.public);
                }
                (found, _) => panic!("{header}: {found:?}"),
            }
        }
        let missing = media(None, &raw, Compat::Sane).unwrap_err();
        assert!(missing.public.starts_with(NO_CONTENT_TYPE), "{}", missing.public);
        assert!(media(Some("application/json;"), &raw, Compat::Strict).is_err());
    }
}
