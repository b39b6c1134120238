//! Sizes and times as people write them: `64MiB`, `500ms`.
//!
//! Called while MLmodel is read, and by `host` for the same words on the command line. Strict, because a limit
//! that is read as something else than was meant is worse than none: whole numbers, no blanks, no unit left out.

use std::time::Duration;

use crate::BundleError;

const SIZES: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
const TIMES: [(&str, u64); 2] = [("ms", 1), ("s", 1000)];
const SIZE_RULE: &str = "write a whole number above 0 and `B`, `KiB`, `MiB` or `GiB`, such as `64MiB`";
const TIME_RULE: &str = "write a whole number above 0 and `ms` or `s`, such as `500ms`";

/// A size in bytes: `512B`, `16KiB`, `64MiB`, `2GiB`.
///
/// # Errors
///
/// [`BundleError::Word`] for anything else, zero and what does not fit 64 bits included.
pub fn bytes(text: &str) -> Result<u64, BundleError> {
    scaled(text, &SIZES).ok_or_else(|| BundleError::Word {
        kind: "size",
        text: text.to_owned(),
        rule: SIZE_RULE,
        suggestion: meant(text, size_unit).filter(|word| scaled(word, &SIZES).is_some()),
    })
}

/// A time: `500ms`, `2s`.
///
/// # Errors
///
/// [`BundleError::Word`] for anything else, zero and what does not fit 64 bits of milliseconds included.
pub fn duration(text: &str) -> Result<Duration, BundleError> {
    let milliseconds = scaled(text, &TIMES).ok_or_else(|| BundleError::Word {
        kind: "time",
        text: text.to_owned(),
        rule: TIME_RULE,
        suggestion: meant(text, time_unit).filter(|word| scaled(word, &TIMES).is_some()),
    })?;
    Ok(Duration::from_millis(milliseconds))
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, unit) = split(text);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    // `parse` alone would take a leading `+`; `split` leaves digits only.
    digits.parse::<u64>().ok()?.checked_mul(*factor).filter(|product| *product > 0)
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// The same number with the unit that was probably meant.
fn meant(text: &str, unit: fn(&str) -> Option<&'static str>) -> Option<String> {
    let (digits, rest) = split(text.trim());
    unit(&rest.trim().to_ascii_lowercase()).map(|unit| format!("{digits}{unit}"))
}

fn size_unit(text: &str) -> Option<&'static str> {
    match text {
        "b" | "byte" | "bytes" => Some("B"),
        "k" | "kb" | "ki" | "kib" => Some("KiB"),
        "m" | "mb" | "mi" | "mib" => Some("MiB"),
        "g" | "gb" | "gi" | "gib" => Some("GiB"),
        _ => None,
    }
}

fn time_unit(text: &str) -> Option<&'static str> {
    match text {
        "ms" | "msec" | "millis" | "milliseconds" => Some("ms"),
        "s" | "sec" | "secs" | "second" | "seconds" => Some("s"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_exactly() {
        for (text, expected) in [("1B", 1), ("16KiB", 16_384), ("64MiB", 67_108_864), ("2GiB", 2_147_483_648)]
        {
            assert_eq!(bytes(text).unwrap(), expected, "{text}");
        }
        for (text, expected) in [("1ms", 1), ("500ms", 500), ("2s", 2000)] {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_rule() {
        for text in [
            "",
            "64",
            "MiB",
            "0MiB",
            "-1MiB",
            "+1MiB",
            "1.5GiB",
            "64 MiB",
            "64mib",
            "64MB",
            "1TiB",
            "٣MiB",
            "18446744073709551615KiB",
        ] {
            let message = bytes(text).unwrap_err().to_string();
            assert!(message.contains("is no size: write a whole number"), "{text}: {message}");
        }
        for text in ["", "5", "0s", "1.5s", "5 s", "5S", "5m", "18446744073709551615s"] {
            let message = duration(text).unwrap_err().to_string();
            assert!(message.contains("is no time: write a whole number"), "{text}: {message}");
        }
    }

    #[test]
    fn what_was_probably_meant_is_suggested_and_can_be_written() {
        for (text, suggested) in [("64MB", "64MiB"), ("64 MiB", "64MiB"), ("16k", "16KiB"), (" 1gb ", "1GiB")]
        {
            assert!(
                bytes(text).unwrap_err().to_string().ends_with(&format!("(did you mean `{suggested}`?)"))
            );
            bytes(suggested).unwrap();
        }
        for (text, suggested) in [("5 s", "5s"), ("5sec", "5s"), ("5MS", "5ms")] {
            assert!(
                duration(text).unwrap_err().to_string().ends_with(&format!("(did you mean `{suggested}`?)"))
            );
            duration(suggested).unwrap();
        }
        for text in ["64", "0MB", "5m", "1.5GiB"] {
            assert!(!bytes(text).unwrap_err().to_string().contains("did you mean `0"), "{text}");
        }
    }
}
