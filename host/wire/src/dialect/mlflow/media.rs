//! Which reader a `Content-Type` asks for.
//!
//! Called by [`super::Mlflow`] for every request. Media types are compared as MLflow compares them: exactly and
//! with case, except those that a bundle takes raw.

use crate::fault::{Fault, FaultKind};

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Csv,
    Json,
    /// Passed to the model as it is.
    Raw,
}

/// The media types with a reader, as MLflow's message lists them.
const SERVED: &str = "['text/csv', 'application/json']";

/// The reader for the header, which may be missing.
pub(super) fn media(header: Option<&str>, raw: &[String]) -> Result<Media, Fault> {
    let refuse = |public: String| Err(Fault::new(FaultKind::UnsupportedMedia, public));
    let Some(header) = header else {
        return refuse(format!(
            "The request has no Content-Type. This predictor only supports the following content types: Types: \
             {SERVED}."
        ));
    };
    let mut parts = header.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if raw.iter().any(|accepted| accepts(accepted, essence)) {
        return Ok(Media::Raw);
    }
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name != "charset" {
            return refuse(format!(
                "Unrecognized content type parameters: {name}. IMPORTANT: The MLflow Model scoring protocol has \
                 changed in MLflow version 2.0."
            ));
        }
        if !value.eq_ignore_ascii_case("utf-8") {
            return refuse("The scoring server only supports UTF-8".to_owned());
        }
    }
    match essence {
        "text/csv" => Ok(Media::Csv),
        "application/json" => Ok(Media::Json),
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
            ("text/plain; charset=utf-8", Err("Got 'text/plain; charset=utf-8'.")),
            ("application/json; charset=latin-1", Err("The scoring server only supports UTF-8")),
            ("application/json; format=pandas-split", Err("Unrecognized content type parameters: format.")),
            ("", Err("Got ''.")),
        ] {
            match (media(Some(header), &raw), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{header}"),
                (Err(fault), Err(expected)) => {
                    assert_eq!(fault.kind, FaultKind::UnsupportedMedia);
                    assert!(fault.public.contains(expected), "{header}: {}", fault.public);
                }
                (found, _) => panic!("{header}: {found:?}"),
            }
        }
        let missing = media(None, &raw).unwrap_err();
        assert!(missing.public.starts_with("The request has no Content-Type."), "{}", missing.public);
    }
}
