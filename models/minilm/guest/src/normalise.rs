//! The characters of a text as the model was trained on them: BERT's uncased normalisation.
//!
//! Called by `wordpiece`, a text at a time. Written after `BertNormalizer` and `BertPreTokenizer` of Hugging Face's
//! tokenizers, with `lowercase` and everything that follows from it; must give the same characters. Never keeps a
//! text: characters come one by one.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// The text without control characters, every white space a space, ideographs as words of their own, accents stripped,
/// in lower case.
pub(crate) fn normalised(text: &str) -> impl Iterator<Item = char> {
    let cleaned = text.chars().filter(|character| !is_dropped(*character));
    let spaced = cleaned.flat_map(|character| {
        let space = is_ideograph(character).then_some(' ');
        space.into_iter().chain([character]).chain(space)
    });
    // Each character by itself: the word's last sigma is not special here.
    spaced.nfd().filter(|character| !is_accent(*character)).flat_map(char::to_lowercase)
}

/// Whether a character is a word of its own, beside ideographs: ASCII's symbols, and what Unicode calls punctuation.
pub(crate) fn is_punctuation(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_punctuation()
    } else {
        character.general_category_group() == GeneralCategoryGroup::Punctuation
    }
}

/// What is not there for the model: controls, formats, private use, and what stands for undecodable bytes.
fn is_dropped(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\u{fffd}' => true,
        _ if character.is_ascii() => character.is_ascii_control(),
        _ => matches!(
            character.general_category(),
            GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse
        ),
    }
}

fn is_accent(character: char) -> bool {
    !character.is_ascii() && character.general_category() == GeneralCategory::NonspacingMark
}

/// The blocks of ideographs that BERT names; not kana and not Hangul, whose writers put spaces between words.
fn is_ideograph(character: char) -> bool {
    matches!(
        u32::from(character),
        0x3400..=0x4dbf
            | 0x4e00..=0x9fff
            | 0xf900..=0xfaff
            | 0x20000..=0x2a6df
            | 0x2a700..=0x2b73f
            | 0x2b740..=0x2b81f
            | 0x2b920..=0x2ceaf
            | 0x2f800..=0x2fa1f
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_does_what_berts_does() {
        for (text, expected) in [
            ("Hello", "hello"),
            ("a\u{0}b\u{200d}c\u{fffd}d\u{e000}e", "abcde"),
            ("a\tb\r\nc", "a\tb\r\nc"),
            ("Ångström ÉTÉ e\u{301}", "angstrom ete e"),
            ("İstanbul ΟΔΟΣ ß", "istanbul οδοσ ß"),
            ("漢字kana", " 漢  字 kana"),
            // NFD takes syllables apart; the vocabulary has their parts.
            ("한", "\u{1112}\u{1161}\u{11ab}"),
            // A spacing mark is no accent.
            ("कि", "क\u{93f}"),
        ] {
            assert_eq!(normalised(text).collect::<String>(), expected, "{text:?}");
        }
    }

    #[test]
    fn symbols_are_punctuation_in_ascii_only() {
        for (character, expected) in
            [('$', true), ('+', true), ('_', true), ('¿', true), ('。', true), ('€', false), ('×', false)]
        {
            assert_eq!(is_punctuation(character), expected, "{character}");
        }
    }
}
