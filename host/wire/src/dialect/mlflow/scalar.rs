//! One scalar of JSON and its casting to the types of MLflow.
//!
//! Called for every cell of a table and every element of a tensor, so nothing here allocates unless it fails.
//! Follows what MLflow 3.18 does through pandas and numpy, except where that destroys data: an integer never
//! wraps around, and the text `false` is false. Must never panic.

/// A JSON value that is neither a list nor an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::dialect) enum Scalar<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    /// Above `i64::MAX`.
    Unsigned(u64),
    Float(f64),
    Text(&'a str),
}

/// Why a value does not fit its type; whoever knows the column or tensor adds the place.
pub(in crate::dialect) type Problem = String;

/// Writes the methods of a `Visitor` that take a scalar, each calling `self.scalar(Scalar) -> Result<Value, E>`.
macro_rules! forward_scalars {
    () => {
        fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
            self.scalar(Scalar::Boolean(value))
        }
        fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
            self.scalar(Scalar::Integer(value))
        }
        fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
            self.scalar(i64::try_from(value).map_or(Scalar::Unsigned(value), Scalar::Integer))
        }
        fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
            self.scalar(Scalar::Float(value))
        }
        fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
            self.scalar(Scalar::Text(value))
        }
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            self.scalar(Scalar::Null)
        }
    };
}
pub(in crate::dialect) use forward_scalars;

// === impl Scalar ===

impl Scalar<'_> {
    /// What the value is, for a message.
    pub(in crate::dialect) fn kind(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) | Self::Unsigned(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
        }
    }

    /// A float as `float()` of Python reads it; null is NaN.
    #[inline]
    pub(super) fn float(self) -> Result<f64, Problem> {
        match self {
            Self::Float(value) => Ok(value),
            Self::Integer(value) => Ok(value as f64),
            Self::Unsigned(value) => Ok(value as f64),
            Self::Boolean(value) => Ok(f64::from(u8::from(value))),
            Self::Null => Ok(f64::NAN),
            Self::Text(text) => number(text)
                .ok_or_else(|| format!("could not convert string to float: {}", python_literal(text))),
        }
    }

    /// An integer: floats lose their fraction as in numpy, a value out of range is refused.
    #[inline]
    pub(super) fn integer<T: TryFrom<i128>>(self, type_name: &str) -> Result<T, Problem> {
        let wide = match self {
            Self::Integer(value) => i128::from(value),
            Self::Unsigned(value) => i128::from(value),
            Self::Boolean(value) => i128::from(value),
            // Saturates beyond 128 bits, which no type here holds.
            Self::Float(value) if value.is_finite() => value as i128,
            Self::Float(value) => return Err(format!("cannot convert {value} to {type_name}")),
            Self::Text(text) => number(text)
                .ok_or_else(|| format!("invalid literal for int() with base 10: {}", python_literal(text)))?,
            Self::Null => return Err(format!("null cannot be converted to {type_name}")),
        };
        T::try_from(wide).map_err(|_| format!("Python integer {wide} out of bounds for {type_name}"))
    }

    /// A truth value: numbers other than 0 are true, texts are `true`, `false` or empty; null is `None`.
    #[inline]
    pub(super) fn boolean(self) -> Result<Option<u8>, Problem> {
        let flag = match self {
            Self::Boolean(value) => value,
            Self::Integer(value) => value != 0,
            Self::Unsigned(_) => true,
            Self::Float(value) => value != 0.0,
            Self::Null => return Ok(None),
            Self::Text("") => false,
            Self::Text(text) if text.eq_ignore_ascii_case("true") => true,
            Self::Text(text) if text.eq_ignore_ascii_case("false") => false,
            Self::Text(text) => {
                return Err(format!("{} is neither \"true\" nor \"false\"", python_literal(text)));
            }
        };
        Ok(Some(u8::from(flag)))
    }

    /// The text that `str()` of Python gives, appended to `buffer` unless it is one already.
    pub(super) fn text(self, buffer: &mut String) -> Option<&str>
    where
        Self: Sized,
    {
        buffer.clear();
        match self {
            Self::Null => return None,
            Self::Boolean(value) => buffer.push_str(if value { "True" } else { "False" }),
            Self::Integer(value) => buffer.push_str(&value.to_string()),
            Self::Unsigned(value) => buffer.push_str(&value.to_string()),
            Self::Float(value) => buffer.push_str(&super::python::float_text(value)),
            Self::Text(text) => buffer.push_str(text),
        }
        Some(buffer)
    }
}

/// A number as Python reads it out of a text: with space around it, and underscores between its digits.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim();
    let parsed = text.parse().ok();
    if parsed.is_some() || !text.contains('_') {
        return parsed;
    }
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let between =
        |at: usize| digit(at.checked_sub(1).and_then(|at| bytes.get(at))) && digit(bytes.get(at + 1));
    let placed = bytes.iter().enumerate().all(|(at, byte)| *byte != b'_' || between(at));
    if placed { text.replace('_', "").parse().ok() } else { None }
}

/// A text as Python's `repr` writes it, shortened where it is long.
pub(super) fn python_literal(text: &str) -> String {
    const LONGEST: usize = 100;
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut literal = String::with_capacity(text.len().min(LONGEST) + 2);
    literal.push(quote);
    for (count, character) in text.chars().enumerate() {
        match character {
            _ if count == LONGEST => {
                literal.push('…');
                break;
            }
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\\' => literal.push_str("\\\\"),
            _ if character == quote => literal.extend(['\\', quote]),
            _ if character.is_control() => literal.extend(character.escape_unicode()),
            _ => literal.push(character),
        }
    }
    literal.push(quote);
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_lose_fractions_but_never_wrap() {
        for (scalar, expected) in [
            (Scalar::Float(1.9), Some(1)),
            (Scalar::Float(-1.9), Some(-1)),
            (Scalar::Text(" 7 "), Some(7)),
            (Scalar::Boolean(true), Some(1)),
            (Scalar::Float(-2147483648.5), Some(i32::MIN)),
            (Scalar::Integer(2147483648), None),
            (Scalar::Unsigned(u64::MAX), None),
            (Scalar::Float(3e10), None),
            (Scalar::Float(f64::NAN), None),
            (Scalar::Float(1e300), None),
            (Scalar::Text("1.5"), None),
            (Scalar::Text("1_000"), Some(1000)),
            (Scalar::Text("1__0"), None),
            (Scalar::Text("_1"), None),
            (Scalar::Text("1_"), None),
            (Scalar::Null, None),
        ] {
            assert_eq!(scalar.integer::<i32>("int32").ok(), expected, "{scalar:?}");
        }
        let message = Scalar::Integer(2147483648).integer::<i32>("int32").unwrap_err();
        assert_eq!(message, "Python integer 2147483648 out of bounds for int32");
    }

    #[test]
    fn the_text_false_is_false() {
        for (scalar, expected) in [
            (Scalar::Text("False"), Some(Some(0))),
            (Scalar::Text("TRUE"), Some(Some(1))),
            (Scalar::Text(""), Some(Some(0))),
            (Scalar::Float(0.5), Some(Some(1))),
            (Scalar::Null, Some(None)),
            (Scalar::Text("no"), None),
        ] {
            assert_eq!(scalar.boolean().ok(), expected, "{scalar:?}");
        }
    }

    #[test]
    fn texts_are_floats_where_python_reads_them_so() {
        for (text, expected) in [
            ("1.5", 1.5),
            ("1_0.5", 10.5),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            (" 2 ", 2.0),
        ] {
            assert_eq!(Scalar::Text(text).float(), Ok(expected));
        }
        assert!(Scalar::Text("NaN").float().unwrap().is_nan());
        assert_eq!(Scalar::Text("x").float().unwrap_err(), "could not convert string to float: 'x'");
    }

    #[test]
    fn literals_are_quoted_as_python_does() {
        assert_eq!(python_literal("a'b"), "\"a'b\"");
        assert_eq!(python_literal("a'\"\n"), "'a\\'\"\\n'");
        assert_eq!(python_literal(&"x".repeat(200)).chars().count(), 103);
    }
}
