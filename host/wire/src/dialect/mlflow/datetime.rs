//! Texts that name a moment, read as pandas' `to_datetime` and numpy's `datetime64` read ISO 8601.
//!
//! Called for the cells of datetime columns and for datetime parameters. Must never guess at other formats.

use super::refuse::ZONED;
use super::scalar::{Problem, Scalar, python_literal};

/// What to do with a text that says its offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Zones {
    /// As pandas with MLflow: refused.
    Refused,
    /// As numpy: converted to UTC.
    Converted,
}

/// Texts that pandas and numpy have for no moment at all.
const MISSING: [&str; 5] = ["", "NaT", "nat", "NaN", "nan"];

/// Nanoseconds since the epoch; null is `None`, integers are nanoseconds already.
pub(in crate::dialect) fn moment(scalar: Scalar<'_>, zones: Zones) -> Result<Option<i64>, Problem> {
    match scalar {
        Scalar::Null => Ok(None),
        Scalar::Integer(value) => Ok(Some(value)),
        // pandas takes a float for nanoseconds, numpy refuses it.
        Scalar::Float(_) if zones == Zones::Refused => scalar.integer("datetime64[ns]").map(Some),
        Scalar::Text(text) if MISSING.contains(&text) => Ok(None),
        Scalar::Text(text) => parse(text, zones).map(Some),
        other => Err(format!("{} cannot be converted to datetime64[ns]", other.kind())),
    }
}

fn parse(text: &str, zones: Zones) -> Result<i64, Problem> {
    // A year, or a year and a month, are their first day.
    let completed;
    let whole = match text.as_bytes() {
        [_, _, _, _] => {
            completed = format!("{text}-01-01");
            &completed
        }
        [_, _, _, _, b'-', _, _] => {
            completed = format!("{text}-01");
            &completed
        }
        _ => text,
    };
    let pieces = jiff::fmt::temporal::Pieces::parse(whole)
        .map_err(|_| format!("{} is not a datetime of ISO 8601", python_literal(text)))?;
    let offset = match (pieces.to_numeric_offset(), zones) {
        (Some(_), Zones::Refused) => {
            let text = python_literal(text);
            return Err(format!("{ZONED}Error: {text} has a time zone; give it in UTC and without one"));
        }
        (Some(offset), Zones::Converted) => offset,
        (None, _) => jiff::tz::Offset::UTC,
    };
    let moment = pieces.date().to_datetime(pieces.time().unwrap_or_else(jiff::civil::Time::midnight));
    offset
        .to_timestamp(moment)
        .ok()
        .and_then(|timestamp| i64::try_from(timestamp.as_nanosecond()).ok())
        .ok_or_else(|| format!("{} is out of range: 1677-09-21 to 2262-04-11", python_literal(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_texts_are_nanoseconds() {
        let day = 1_609_459_200_000_000_000;
        for (text, expected) in [
            ("2021-01-01", Some(day)),
            ("2021-01-01T00:00:00", Some(day)),
            ("2021-01-01 00:00:01", Some(day + 1_000_000_000)),
            ("2021-01-01T00:00:00.123456789", Some(day + 123_456_789)),
            ("1969-12-31T23:59:59", Some(-1_000_000_000)),
            ("1500-01-01", None),
            ("2021-01", Some(day)),
            ("2021", Some(day)),
            ("NaT", None),
            ("x", None),
            ("1", None),
            ("01/02/2021", None),
            ("", None),
        ] {
            for zones in [Zones::Refused, Zones::Converted] {
                assert_eq!(moment(Scalar::Text(text), zones).ok().flatten(), expected, "{text}");
            }
        }
    }

    #[test]
    fn zones_are_converted_or_refused() {
        let text = Scalar::Text("2021-01-01T00:00:00+02:00");
        assert_eq!(moment(text, Zones::Converted), Ok(Some(1_609_452_000_000_000_000)));
        assert!(moment(text, Zones::Refused).is_err());
        let zulu = Scalar::Text("2021-01-01T00:00:00Z");
        assert_eq!(moment(zulu, Zones::Converted), Ok(Some(1_609_459_200_000_000_000)));
    }
}
