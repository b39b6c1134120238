//! From a text to the numbers of its tokens: words, and the pieces that the vocabulary has of them.
//!
//! Called by `lib` for each text. Written after the tokenizer of Hugging Face's `all-MiniLM-L6-v2`; must give the same
//! numbers. Never reads more of a text than its tokens need, and never holds more of it than one word.

use mlhost_guest::Error;

use crate::normalise::{is_punctuation, normalised};
use crate::vocabulary::Vocabulary;

/// A word with more characters is unknown as a whole.
const LONGEST_WORD: usize = 100;

/// Tokens that are one wherever a text spells them, as for the original; the first three are also put there by us.
const SPECIAL: [&str; 5] = ["[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"];

/// The tokenizer.
pub(crate) struct WordPiece {
    vocabulary: Vocabulary,
    /// The numbers of [`SPECIAL`].
    special: [i64; SPECIAL.len()],
}

/// The tokens found so far, and the word that is being read.
struct Tokens<'v> {
    tokenizer: &'v WordPiece,
    numbers: Vec<i64>,
    /// How many numbers are wanted.
    room: usize,
    word: String,
    /// The characters of the word, those included that were too many to keep.
    characters: usize,
}

// === impl WordPiece ===

impl WordPiece {
    /// # Errors
    ///
    /// Failed, when the vocabulary lacks a special token.
    pub(crate) fn new(vocabulary: Vocabulary) -> Result<Self, Error> {
        let mut special = [0; SPECIAL.len()];
        for (number, token) in special.iter_mut().zip(SPECIAL) {
            let found = vocabulary.number(token);
            let found = found.ok_or_else(|| Error::failed(format_args!("the vocabulary lacks `{token}`")))?;
            *number = i64::from(found);
        }
        Ok(Self { vocabulary, special })
    }

    /// The numbers of the text's tokens, at most `limit` of them with the marks of start and end, which are always
    /// there; `limit` is at least 2.
    pub(crate) fn encode(&self, text: &str, limit: usize) -> Vec<i64> {
        let [start, end, ..] = self.special;
        let mut tokens = Tokens {
            tokenizer: self,
            numbers: vec![start],
            room: limit.saturating_sub(1),
            word: String::new(),
            characters: 0,
        };
        let mut rest = text;
        while !tokens.is_full() {
            let (before, special, after) = self.next_special(rest);
            tokens.read(before);
            let Some(special) = special else { break };
            tokens.numbers.push(special);
            rest = after;
        }
        let mut numbers = tokens.numbers;
        numbers.truncate(limit.saturating_sub(1));
        numbers.push(end);
        numbers
    }

    /// What stands before the first special token that is spelled in the text, its number, and what stands after it.
    fn next_special<'t>(&self, text: &'t str) -> (&'t str, Option<i64>, &'t str) {
        for (at, _) in text.match_indices('[') {
            for (number, token) in self.special.iter().zip(SPECIAL) {
                if let Some(after) = text[at..].strip_prefix(token) {
                    return (&text[..at], Some(*number), after);
                }
            }
        }
        (text, None, "")
    }

    fn unknown(&self) -> i64 {
        self.special[2]
    }
}

// === impl Tokens ===

impl Tokens<'_> {
    fn is_full(&self) -> bool {
        self.numbers.len() >= self.room
    }

    /// Takes the words of a text that spells no special token.
    fn read(&mut self, text: &str) {
        for character in normalised(text) {
            if character.is_whitespace() {
                self.end_word();
            } else if is_punctuation(character) {
                self.end_word();
                self.push(character);
                self.end_word();
            } else {
                self.push(character);
            }
            if self.is_full() {
                return;
            }
        }
        self.end_word();
    }

    fn push(&mut self, character: char) {
        self.characters += 1;
        if self.characters <= LONGEST_WORD {
            self.word.push(character);
        }
    }

    /// The word's pieces, each the longest there is; unknown as a whole where one of them is.
    fn end_word(&mut self) {
        let before = self.numbers.len();
        let mut rest = self.word.as_str();
        if self.characters > LONGEST_WORD {
            self.numbers.push(self.tokenizer.unknown());
            rest = "";
        }
        while !rest.is_empty() {
            let continuing = rest.len() < self.word.len();
            match self.tokenizer.vocabulary.longest_prefix(rest, continuing) {
                Some((number, length)) => {
                    self.numbers.push(i64::from(number));
                    rest = &rest[length..];
                }
                None => {
                    self.numbers.truncate(before);
                    self.numbers.push(self.tokenizer.unknown());
                    break;
                }
            }
        }
        self.word.clear();
        self.characters = 0;
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// What `models/minilm/reference.py` writes.
    #[derive(Deserialize)]
    struct Fixture {
        limit: usize,
        texts: Vec<(String, Vec<i64>)>,
    }

    fn tokenizer() -> WordPiece {
        WordPiece::new(Vocabulary::parse(include_str!("../../vocab.txt").to_owned()).unwrap()).unwrap()
    }

    #[test]
    fn every_text_of_the_fixture_has_the_numbers_that_hugging_face_gives_it() {
        let fixture: Fixture = serde_json::from_str(include_str!("../fixtures/tokens.json")).unwrap();
        assert!(fixture.texts.len() >= 40);
        let tokenizer = tokenizer();
        for (text, expected) in &fixture.texts {
            assert_eq!(&tokenizer.encode(text, fixture.limit), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_cut_where_its_tokens_reach_the_limit() {
        let tokenizer = tokenizer();
        let whole = tokenizer.encode("unbelievably long words, and [MASK] more of them", 512);
        for limit in 2..whole.len() {
            let cut = tokenizer.encode("unbelievably long words, and [MASK] more of them", limit);
            assert_eq!(cut.len(), limit);
            assert_eq!(cut[..limit - 1], whole[..limit - 1]);
            assert_eq!(cut.last(), whole.last());
        }
    }

    #[test]
    fn a_word_without_end_is_one_unknown_and_kept_nowhere() {
        assert_eq!(tokenizer().encode(&"a".repeat(1_000_000), 8), [101, 100, 102]);
    }

    #[test]
    fn a_vocabulary_without_special_tokens_is_refused() {
        let vocabulary = Vocabulary::parse("[PAD]\n[UNK]\n[CLS]\n[SEP]\n".to_owned()).unwrap();
        let error = WordPiece::new(vocabulary).err().unwrap();
        assert_eq!(error, Error::failed("the vocabulary lacks `[MASK]`"));
    }
}
