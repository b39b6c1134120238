//! How close to MLflow: what MLflow does, or what it should do where it destroys data or answers what is no JSON.
//!
//! Chosen by the operator, `--mlflow-compat`. Here are the casts of [`Compat::Strict`] alone, each tried only after the
//! usual one has failed, so that the default never pays for them. What MLflow does and no mode repeats stands in
//! `tests/mlflow_vectors/differences.rs`, with the reason.

use super::scalar::{Problem, Scalar};

/// How close to MLflow the dialect keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// A value that MLflow would change into another is refused, and every answer is JSON.
    #[default]
    Sane,
    /// As MLflow does it: integers wrap around, the text `false` is true, answers have bare `NaN`.
    Strict,
}

// === impl Compat ===

impl Compat {
    /// Every mode, for tests.
    pub const ALL: [Self; 2] = [Self::Sane, Self::Strict];

    /// What the operator types.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sane => "sane",
            Self::Strict => "strict",
        }
    }

    pub(super) fn is_strict(self) -> bool {
        self == Self::Strict
    }
}

/// The 64 bits of which numpy's `astype` keeps as many as the integer type has; `None` where it fails, too. `wide` says
/// whether the type has 64 of them: a float out of range of the cast's register is its smallest integer.
pub(super) fn wrapped(scalar: Scalar<'_>, wide: bool) -> Option<i64> {
    match scalar {
        Scalar::Integer(value) => Some(value),
        Scalar::Unsigned(value) => Some(value as i64),
        Scalar::Float(value) if value.is_finite() => {
            let (smallest, end) =
                if wide { (i64::MIN, -(i64::MIN as f64)) } else { (i32::MIN.into(), -f64::from(i32::MIN)) };
            let value = value.trunc();
            Some(if (smallest as f64..end).contains(&value) { value as i64 } else { smallest })
        }
        _ => None,
    }
}

/// The same for 64 bits without a sign, of which a float beyond them has none left.
pub(super) fn wrapped_unsigned(scalar: Scalar<'_>) -> Result<u64, Problem> {
    scalar.integer("uint64").or_else(|problem| match scalar {
        Scalar::Float(value) if value.is_finite() && value > 0.0 => Ok(0),
        other => wrapped(other, true).map(|value| value as u64).ok_or(problem),
    })
}

/// The truth of a text in Python and numpy: whether there is any.
pub(super) fn truth(text: &str) -> u8 {
    u8::from(!text.is_empty())
}

/// Appends what `base64.decodebytes` of Python makes of a text: characters of no meaning are skipped, and all that
/// follows the padding.
pub(super) fn decode_base64(text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
    let (mut bits, mut position, mut padding) = (0u32, 0u8, 0u8);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                if position >= 2 && position + padding >= 4 {
                    return Ok(());
                }
                padding = padding.min(4);
                continue;
            }
            _ => continue,
        };
        padding = 0;
        bits = bits << 6 | u32::from(value);
        // Each character but the first of four completes a byte.
        match position {
            1 => out.push((bits >> 4) as u8),
            2 => out.push((bits >> 2) as u8),
            3 => out.push(bits as u8),
            _ => {}
        }
        position = (position + 1) % 4;
    }
    match position {
        0 => Ok(()),
        1 => Err("Invalid base64-encoded string: the number of data characters cannot be 1 more than a multiple of 4"
            .to_owned()),
        _ => Err("Incorrect padding".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_wrap_as_in_numpy() {
        for (scalar, narrow, wide) in [
            (Scalar::Integer(2147483648), -2147483648, 2147483648),
            (Scalar::Integer(-2147483649), 2147483647, -2147483649),
            (Scalar::Unsigned(1 << 63), 0, i64::MIN),
            (Scalar::Float(3e10), -2147483648, 30_000_000_000),
            (Scalar::Float(1e19), -2147483648, i64::MIN),
            (Scalar::Float(-1.9), -1, -1),
        ] {
            assert_eq!(wrapped(scalar, false).map(|value| value as i32), Some(narrow), "{scalar:?}");
            assert_eq!(wrapped(scalar, true), Some(wide), "{scalar:?}");
        }
        assert_eq!(wrapped(Scalar::Float(f64::NAN), true), None);
        assert_eq!(wrapped(Scalar::Null, true), None);
        assert_eq!(wrapped_unsigned(Scalar::Integer(-1)), Ok(u64::MAX));
        assert_eq!(wrapped_unsigned(Scalar::Float(1e39)), Ok(0));
        assert!(wrapped_unsigned(Scalar::Null).is_err());
    }

    #[test]
    fn base64_is_read_as_python_does() {
        // From `base64.decodebytes` of Python 3.12.
        for (text, expected) in [
            ("AQI=", Some(&[1u8, 2][..])),
            ("AQ ID\n", Some(&[1, 2, 3])),
            ("###", Some(&[])),
            ("A#Q#I=", Some(&[1, 2])),
            ("AQI=AQI=", Some(&[1, 2])),
            ("=AQI=", Some(&[1, 2])),
            ("AQ==", Some(&[1])),
            ("AQ", None),
            ("A", None),
            ("abc", None),
        ] {
            let mut out = Vec::new();
            let outcome = decode_base64(text, &mut out);
            assert_eq!(outcome.is_ok().then_some(out.as_slice()), expected, "{text}");
        }
    }
}
