//! Values as Python's `repr` spells them, and JSON read as Python's `json` reads it.
//!
//! Called for every value that is described. Never rounds: floats have the shortest digits that read back as the same
//! number.

use std::fmt;

use mlhost_guest::Error;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// What a JSON text is to Python. Objects keep the order of their keys.
#[derive(Debug)]
pub(crate) enum Python {
    None,
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Python>),
    Dict(Vec<(String, Python)>),
}

struct PythonVisitor;

/// `True` or `False`.
pub(crate) fn boolean(value: bool) -> String {
    if value { "True" } else { "False" }.to_owned()
}

/// `1.0`, `1e-05`, `1e+16`, `nan`, `-inf`.
pub(crate) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = scientific(value);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let count = digits.bytes().filter(u8::is_ascii_digit).count() as i32;
        let places = (count - 1 - exponent).max(0);
        let plain = format!("{value:.*}", places as usize);
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// The shortest digits that read back as the same number, and of several such the closest: Rust's shortest ones are not
/// always that.
fn scientific(value: f64) -> String {
    let shortest = format!("{value:e}");
    let digits = shortest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    let closest = format!("{value:.*e}", digits.saturating_sub(1));
    if closest.parse() == Ok(value) { closest } else { shortest }
}

/// `'text'`, or `"it's"` where that saves an escape.
pub(crate) fn text(text: &str) -> String {
    let quote = quote(text.contains('\''), text.contains('"'));
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str(r"\\"),
            '\n' => out.push_str(r"\n"),
            '\r' => out.push_str(r"\r"),
            '\t' => out.push_str(r"\t"),
            _ if character == quote => out.extend(['\\', quote]),
            _ if is_printable(character) => out.push(character),
            _ => out.push_str(&match u32::from(character) {
                code @ 0..0x100 => format!(r"\x{code:02x}"),
                code @ 0x100..0x1_0000 => format!(r"\u{code:04x}"),
                code => format!(r"\U{code:08x}"),
            }),
        }
    }
    out.push(quote);
    out
}

/// `b'\x01AQI='`.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let quote = quote(bytes.contains(&b'\''), bytes.contains(&b'"'));
    let mut out = format!("b{quote}");
    for byte in bytes {
        match byte {
            b'\\' => out.push_str(r"\\"),
            b'\n' => out.push_str(r"\n"),
            b'\r' => out.push_str(r"\r"),
            b'\t' => out.push_str(r"\t"),
            0x20..0x7f if char::from(*byte) == quote => out.extend(['\\', quote]),
            0x20..0x7f => out.push(char::from(*byte)),
            _ => out.push_str(&format!(r"\x{byte:02x}")),
        }
    }
    out.push(quote);
    out
}

fn quote(single: bool, double: bool) -> char {
    if single && !double { '"' } else { '\'' }
}

/// Python's `str.isprintable`.
fn is_printable(character: char) -> bool {
    use GeneralCategory as Is;
    character == ' '
        || !matches!(
            character.general_category(),
            Is::Control
                | Is::Format
                | Is::Surrogate
                | Is::PrivateUse
                | Is::Unassigned
                | Is::LineSeparator
                | Is::ParagraphSeparator
                | Is::SpaceSeparator
        )
}

// === impl Python ===

impl Python {
    /// Reads a JSON text.
    pub(crate) fn parse(json: &str) -> Result<Self, Error> {
        Ok(serde_json::from_str(json)?)
    }
}

impl fmt::Display for Python {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Boolean(value) => f.write_str(&boolean(*value)),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&float(*value)),
            Self::Text(value) => f.write_str(&text(value)),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Dict(items) => {
                let items: Vec<String> =
                    items.iter().map(|(key, value)| format!("{}: {value}", text(key))).collect();
                write!(f, "{{{}}}", items.join(", "))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Python {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PythonVisitor)
    }
}

impl<'de> Visitor<'de> for PythonVisitor {
    type Value = Python;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Python, E> {
        Ok(Python::None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Python, E> {
        Ok(Python::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Python, E> {
        Ok(Python::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Python, E> {
        Ok(Python::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Python, E> {
        Ok(Python::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Python, E> {
        Ok(Python::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Python, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Python::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Python, A::Error> {
        let mut dict: Vec<(String, Python)> = Vec::new();
        while let Some((key, value)) = items.next_entry::<String, Python>()? {
            match dict.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = value,
                None => dict.push((key, value)),
            }
        }
        Ok(Python::Dict(dict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelled_as_python_does() {
        let floats = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.25e-7, "1.25e-07"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (5.1f32.into(), "5.099999904632568"),
            (-1_238_314_832_091_034.2, "-1238314832091034.2"),
            (1.5e-323, "1.5e-323"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (123.0, "123.0"),
            (0.000_123_4, "0.0001234"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
        ];
        for (value, text) in floats {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn texts_and_bytes_are_quoted_as_python_does() {
        let texts = [
            ("a", "'a'"),
            ("it's", "\"it's\""),
            ("it's \"so\"", r#"'it\'s "so"'"#),
            ("\\\n\r\t\0\u{7f}\u{a0}", r"'\\\n\r\t\x00\x7f\xa0'"),
            ("é你\u{200b}\u{1f600}\u{e0001}", "'é你\\u200b\u{1f600}\\U000e0001'"),
        ];
        for (value, spelled) in texts {
            assert_eq!(text(value), spelled);
        }
        assert_eq!(bytes(b"\x00\xffa'\\"), r#"b"\x00\xffa'\\""#);
        assert_eq!(bytes(b"'\""), r#"b'\'"'"#);
    }

    #[test]
    fn json_is_read_as_python_reads_it() {
        let texts = [
            (r#"{"b": 1, "a": {"b": [true, null]}, "b": 2.0}"#, "{'b': 2.0, 'a': {'b': [True, None]}}"),
            ("18446744073709551615", "18446744073709551615"),
            ("-1", "-1"),
            ("1.0", "1.0"),
            ("\"x\"", "'x'"),
            ("[]", "[]"),
            ("{}", "{}"),
        ];
        for (json, spelled) in texts {
            assert_eq!(Python::parse(json).unwrap().to_string(), spelled);
        }
        assert!(!Python::parse("{").unwrap_err().is_rejected());
    }
}
