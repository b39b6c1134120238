//! Numbers, texts and moments spelled as Python's `json.dumps` and `isoformat` spell them.
//!
//! Called by the encoder for every value of an answer, and by the decoder where a number becomes a text. Writes
//! into a growing buffer and never fails.

use std::io::Write as _;

/// Appends a float as `repr` of Python: shortest digits, exponents from 1e16 up and below 1e-4.
///
/// `value` must be finite.
pub(in crate::dialect) fn push_finite(out: &mut Vec<u8>, value: f64) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    let small = value != 0.0 && value.abs() < 1e-4;
    if let Some((mantissa, exponent)) = text.split_once('e') {
        out.extend_from_slice(mantissa.strip_suffix(".0").unwrap_or(mantissa).as_bytes());
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => (b'-', digits),
            None => (b'+', exponent.strip_prefix('+').unwrap_or(exponent)),
        };
        out.extend_from_slice(&[b'e', sign]);
        if digits.len() < 2 {
            out.push(b'0');
        }
        out.extend_from_slice(digits.as_bytes());
    } else if small {
        // `zmij` writes 0.000012, Python 1.2e-05.
        if value < 0.0 {
            out.push(b'-');
        }
        let fraction = text.trim_start_matches('-').strip_prefix("0.").unwrap_or_default();
        let digits = fraction.trim_start_matches('0');
        let exponent = fraction.len() - digits.len() + 1;
        let (first, rest) = digits.split_at(usize::from(!digits.is_empty()));
        out.extend_from_slice(first.as_bytes());
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest.as_bytes());
        }
        out.extend_from_slice(b"e-0");
        push_unsigned(out, exponent as u64);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends a float as JSON: what is no number is null, where Python would write a bare `NaN`.
#[inline]
pub(super) fn push_float(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() { push_finite(out, value) } else { out.extend_from_slice(b"null") }
}

/// A float as `str` of Python, `nan` and `inf` included.
pub(super) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    let mut out = Vec::with_capacity(24);
    push_finite(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends a number of decimal digits.
pub(in crate::dialect) fn push_unsigned(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends a signed number.
pub(in crate::dialect) fn push_signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_unsigned(out, value.unsigned_abs());
}

/// Appends a JSON string with everything outside printable ASCII escaped, as `ensure_ascii` does.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    while let Some(stop) =
        rest.bytes().position(|byte| !matches!(byte, b' '..=b'~') || byte == b'"' || byte == b'\\')
    {
        let (plain, special) = rest.split_at(stop);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = special.chars();
        if let Some(character) = characters.next() {
            push_escaped(out, character);
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

fn push_escaped(out: &mut Vec<u8>, character: char) {
    let short: &[u8] = match character {
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        '\u{8}' => b"\\b",
        '\u{c}' => b"\\f",
        _ => {
            let mut units = [0u16; 2];
            for unit in character.encode_utf16(&mut units) {
                out.extend_from_slice(b"\\u");
                for shift in [12, 8, 4, 0] {
                    out.push(b"0123456789abcdef"[usize::from(*unit >> shift & 0xf)]);
                }
            }
            return;
        }
    };
    out.extend_from_slice(short);
}

/// Appends a moment, in nanoseconds since the epoch, as pandas' `Timestamp.isoformat` does, quoted.
pub(in crate::dialect) fn push_moment(out: &mut Vec<u8>, nanoseconds: i64) {
    // Every i64 of nanoseconds, 1677 to 2262, lies within jiff's range.
    let Ok(timestamp) = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)) else {
        out.extend_from_slice(b"null");
        return;
    };
    let moment = jiff::tz::Offset::UTC.to_datetime(timestamp);
    let (year, month, day) = (moment.year(), moment.month(), moment.day());
    let (hour, minute, second) = (moment.hour(), moment.minute(), moment.second());
    // Writing to a Vec cannot fail.
    let _ = write!(out, "\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let fraction = nanoseconds.rem_euclid(1_000_000_000);
    let _ = match (fraction, fraction % 1000) {
        (0, _) => Ok(()),
        (_, 0) => write!(out, ".{:06}", fraction / 1000),
        _ => write!(out, ".{fraction:09}"),
    };
    out.push(b'"');
}

/// Appends bytes as `base64.encodebytes` does, as a JSON string: lines of 76 characters, each with its line feed.
pub(super) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    use base64::Engine as _;
    out.push(b'"');
    let mut line = [0u8; 76];
    for chunk in bytes.chunks(57) {
        // 57 bytes are exactly 76 characters, so the line always has room.
        let length = base64::engine::general_purpose::STANDARD.encode_slice(chunk, &mut line).unwrap_or(0);
        out.extend_from_slice(&line[..length]);
        out.extend_from_slice(b"\\n");
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_written_as_python_does() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.000_012_345, "-1.2345e-05"),
            (9.999_999e-5, "9.999999e-05"),
            (1e-7, "1e-07"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.234_567_890_123_456_8e17, "1.2345678901234568e+17"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::from(3.1f32), "3.0999999046325684"),
        ] {
            assert_eq!(written(|out| push_float(out, value)), expected);
        }
        assert_eq!(written(|out| push_float(out, f64::NAN)), "null");
    }

    #[test]
    fn texts_are_escaped_as_python_does() {
        let expected = r#""a\"\\\n\u0001\u007f\u00e9\u4f60\ud83d\ude00""#;
        assert_eq!(written(|out| push_text(out, "a\"\\\n\u{1}\u{7f}é你😀")), expected);
    }

    #[test]
    fn moments_have_as_many_digits_as_they_need() {
        for (value, expected) in [
            (0, "\"1970-01-01T00:00:00\""),
            (1_612_269_296_789_000_000, "\"2021-02-02T12:34:56.789000\""),
            (1, "\"1970-01-01T00:00:00.000000001\""),
            (-1, "\"1969-12-31T23:59:59.999999999\""),
            (i64::MIN, "\"1677-09-21T00:12:43.145224192\""),
        ] {
            assert_eq!(written(|out| push_moment(out, value)), expected);
        }
    }

    #[test]
    fn bytes_are_wrapped_in_lines() {
        assert_eq!(written(|out| push_bytes(out, &[0, 1, 2])), "\"AAEC\\n\"");
        assert_eq!(written(|out| push_bytes(out, &[])), "\"\"");
        let lines = format!("\"{}\\n{}\\n\"", "A".repeat(76), "AA==");
        assert_eq!(written(|out| push_bytes(out, &[0; 58])), lines);
    }

    #[test]
    fn integers_are_written_to_their_ends() {
        assert_eq!(written(|out| push_signed(out, i64::MIN)), i64::MIN.to_string());
        assert_eq!(written(|out| push_unsigned(out, u64::MAX)), u64::MAX.to_string());
    }
}
