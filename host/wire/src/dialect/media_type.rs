//! `Content-Type` and `Accept` headers, read as RFC 9110 has them: names in any case, parameters in any order.
//!
//! Called by the dialects that are no more strict than that; MLflow's has rules of its own.

use crate::fault::{Fault, FaultKind};

/// What stands before the parameters.
pub(super) fn essence(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

/// A parameter's value, without its quotes.
pub(super) fn parameter<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    header.split(';').skip(1).find_map(|parameter| {
        let (found, value) = parameter.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// Whether the header says JSON: `application/json`, or a type that is written in it.
pub(super) fn is_json(header: &str) -> bool {
    let essence = essence(header);
    let suffix = essence.len().checked_sub(5).and_then(|at| essence.get(at..));
    essence.eq_ignore_ascii_case("application/json")
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
}

/// Whether one of `accepted`, each `type/subtype` or `type/*` in lower case, covers the header.
pub(super) fn is_accepted(accepted: &[String], header: &str) -> bool {
    let essence = essence(header).to_ascii_lowercase();
    accepted.iter().any(|accepted| match accepted.strip_suffix('*') {
        Some(prefix) => essence.len() > prefix.len() && essence.starts_with(prefix),
        None => essence == *accepted,
    })
}

/// The header's media ranges, the one that is wanted most first; those that are not wanted are left out.
pub(super) fn preferred(accept: &str) -> Vec<&str> {
    let mut ranges: Vec<(&str, f32)> = accept
        .split(',')
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .map(|range| (essence(range), parameter(range, "q").and_then(|q| q.parse().ok()).unwrap_or(1.0)))
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    // Stable: of equal ones the first.
    ranges.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    ranges.into_iter().map(|(range, _)| range).collect()
}

/// A media type that the protocol does not take.
pub(super) fn unsupported(header: &str, served: &str) -> Fault {
    let public = format!("`{}` is not served here; send {served}", header.escape_debug());
    Fault::new(FaultKind::UnsupportedMedia, public)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_in_any_case_and_order() {
        for (header, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/cloudevents+json", true),
            ("text/json5", false),
            ("é+json", true),
            ("json", false),
            ("", false),
        ] {
            assert_eq!(is_json(header), json, "{header}");
        }
        assert_eq!(parameter("text/csv; charset=utf-8; Header=\"absent\"", "header"), Some("absent"));
        assert_eq!(parameter("text/csv", "header"), None);
        let accepted = ["image/*".to_owned(), "audio/wav".to_owned()];
        assert!(is_accepted(&accepted, "Image/PNG;q=1") && is_accepted(&accepted, "audio/wav"));
        assert!(!is_accepted(&accepted, "image/") && !is_accepted(&accepted, "audio/wave"));
    }

    #[test]
    fn the_range_that_is_wanted_most_comes_first() {
        assert_eq!(preferred("text/csv;q=0.5, application/json, */*;q=0"), ["application/json", "text/csv"]);
        assert_eq!(preferred("a/b, c/d"), ["a/b", "c/d"]);
        assert!(preferred("").is_empty() && preferred("a/b;q=0").is_empty());
        assert_eq!(preferred("a/b;q=nan,c/d").len(), 1);
    }
}
