//! Bare `NaN`, `Infinity` and `-Infinity`: Python writes and reads them, JSON does not have them.
//!
//! Called only after a body was refused as JSON, so the usual body never pays for it. Must change nothing inside
//! strings.

use std::borrow::Cow;

/// A body with its bare literals replaced by what JSON has.
#[derive(Debug)]
pub(in crate::dialect) struct Rewritten {
    /// `NaN` is `null`, the infinities are texts.
    pub(in crate::dialect) text: String,
    /// Where each replacement ends in `text`, and how many bytes longer it and those before it made the text.
    shifts: Vec<(usize, usize)>,
}

/// What stands for an infinity, between quotes: a number to whoever trims it, and no text that a client would send.
pub(in crate::dialect) const INFINITY: &str = "Infinity\u{2029}";
pub(in crate::dialect) const NEGATIVE_INFINITY: &str = "-Infinity\u{2029}";

const LITERALS: [(&str, &str); 3] =
    [("NaN", "null"), ("Infinity", "\"Infinity\u{2029}\""), ("-Infinity", "\"-Infinity\u{2029}\"")];

/// A text that is passed on as JSON, which has no infinities: null stands for them as for a bare `NaN`.
pub(super) fn without_infinities(text: &str) -> Cow<'_, str> {
    if !text.contains(INFINITY) {
        return Cow::Borrowed(text);
    }
    let [_, positive, negative] = LITERALS.map(|(_, json)| json);
    Cow::Owned(text.replace(negative, "null").replace(positive, "null"))
}

// === impl Rewritten ===

impl Rewritten {
    /// `None` where there is nothing to replace.
    pub(in crate::dialect) fn new(body: &str) -> Option<Self> {
        let bytes = body.as_bytes();
        let mut rewritten = Self { text: String::new(), shifts: Vec::new() };
        let (mut copied, mut position) = (0, 0);
        while let Some(byte) = bytes.get(position) {
            match byte {
                b'"' => position = after_string(bytes, position),
                b'N' | b'I' | b'-' => {
                    let found =
                        LITERALS.iter().find(|(bare, _)| bytes[position..].starts_with(bare.as_bytes()));
                    let Some((bare, json)) = found else {
                        position += 1;
                        continue;
                    };
                    rewritten.text.push_str(body.get(copied..position).unwrap_or_default());
                    rewritten.text.push_str(json);
                    position += bare.len();
                    copied = position;
                    let end = rewritten.text.len();
                    rewritten.shifts.push((end, end.saturating_sub(position)));
                }
                _ => position += 1,
            }
        }
        if rewritten.shifts.is_empty() {
            return None;
        }
        rewritten.text.push_str(body.get(copied..).unwrap_or_default());
        Some(rewritten)
    }

    /// The offset in the body as it came of an offset in the text.
    pub(in crate::dialect) fn original(&self, offset: usize) -> usize {
        let before = self.shifts.partition_point(|(end, _)| *end <= offset);
        offset.saturating_sub(before.checked_sub(1).map_or(0, |index| self.shifts[index].1))
    }
}

/// The position behind the string that starts at `start`.
fn after_string(bytes: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'"' => return position + 1,
            b'\\' => position += 2,
            _ => position += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_outside_strings_are_replaced() {
        let body = r#"{"a NaN\" NaN":[NaN,-Infinity,Infinity,-1]}"#;
        let rewritten = Rewritten::new(body).unwrap();
        assert_eq!(
            rewritten.text,
            "{\"a NaN\\\" NaN\":[null,\"-Infinity\u{2029}\",\"Infinity\u{2029}\",-1]}"
        );
        let offset = rewritten.text.find("-1").unwrap();
        assert_eq!(rewritten.original(offset), body.find("-1").unwrap());
        assert_eq!(rewritten.original(3), 3);
    }

    #[test]
    fn a_body_without_literals_is_left_alone() {
        for body in ["", "{\"NaN\":1}", "[-1]", "\"NaN", "\"\\"] {
            assert!(Rewritten::new(body).is_none(), "{body}");
        }
    }
}
