//! The tokens that the graph has embeddings for, and the search for the longest one at the start of a word.
//!
//! Read from the bundle's `vocab` artifact in `load_context`, used by `wordpiece`. Three flat buffers and no pointers:
//! every call starts from a copy-on-write image of them and touches only the pages that its words lead to. Never
//! changes after it was read.

use mlhost_guest::Error;

/// What marks a token that continues a word.
const CONTINUING: &str = "##";

/// A slot's low bits hold the number of a token plus one, the others bits of its hash: a word that is not there
/// mostly shows without a look at the text.
const NUMBER_BITS: u32 = 20;
const NUMBER_MASK: u32 = (1 << NUMBER_BITS) - 1;

/// Tokens, numbered by their lines.
pub(crate) struct Vocabulary {
    /// As it came, a token a line.
    text: Box<[u8]>,
    /// Where each token starts, and where another one would.
    starts: Box<[u32]>,
    /// A hash table with open addressing, a power of two of slots, at most half of them taken; 0 is free.
    slots: Box<[u32]>,
    /// The bytes of the longest token, the mark left out.
    longest: usize,
}

/// FNV-1a, which takes a byte at a time: the hashes of all prefixes of a word cost one pass over it.
#[derive(Clone, Copy)]
struct Hash(u32);

// === impl Vocabulary ===

impl Vocabulary {
    /// `text` is one token a line, the first line number 0.
    ///
    /// # Errors
    ///
    /// Failed, when a token is empty, there twice, or one too many.
    pub(crate) fn parse(text: String) -> Result<Self, Error> {
        let mut starts = vec![0];
        for (end, byte) in text.bytes().enumerate() {
            if byte == b'\n' {
                starts.push(u32::try_from(end + 1)?);
            }
        }
        let count = starts.len() - 1;
        if !text.ends_with('\n') || count >= NUMBER_MASK as usize {
            return Err(Error::failed(format_args!(
                "the vocabulary must be 1 to {} lines, each ended, not {count}",
                NUMBER_MASK - 1
            )));
        }
        let slots = vec![0; (2 * count).next_power_of_two()];
        let mut vocabulary =
            Self { text: text.into_bytes().into(), starts: starts.into(), slots: slots.into(), longest: 0 };
        for number in 0..count {
            vocabulary.insert(number)?;
        }
        Ok(vocabulary)
    }

    /// The number of the token that is spelled so, mark included.
    pub(crate) fn number(&self, token: &str) -> Option<u32> {
        let (start, spelled) = match token.strip_prefix(CONTINUING) {
            Some(rest) if !rest.is_empty() => (Hash::continuing(), rest),
            _ => (Hash::first(), token),
        };
        let hash = spelled.bytes().fold(start, Hash::then);
        self.find(hash, token.as_bytes().split_at(token.len() - spelled.len()))
    }

    /// The longest token that `word` starts with, as its number and its length in bytes. Within a word, when it is
    /// `continuing`, only marked tokens count, and only others at its start.
    pub(crate) fn longest_prefix(&self, word: &str, continuing: bool) -> Option<(u32, usize)> {
        let (mut hash, mark) =
            if continuing { (Hash::continuing(), CONTINUING) } else { (Hash::first(), "") };
        let mut longest = None;
        for (index, byte) in word.bytes().take(self.longest).enumerate() {
            hash = hash.then(byte);
            let end = index + 1;
            if word.is_char_boundary(end) {
                let found = self.find(hash, (mark.as_bytes(), &word.as_bytes()[..end]));
                longest = found.map(|number| (number, end)).or(longest);
            }
        }
        longest
    }

    /// Token `number` as mark and rest; a token that is nothing but the mark is no mark.
    fn token(&self, number: usize) -> (&[u8], &[u8]) {
        let (start, end) = (self.starts[number] as usize, self.starts[number + 1] as usize - 1);
        let token = &self.text[start..end];
        let marked = token.len() > CONTINUING.len() && token.starts_with(CONTINUING.as_bytes());
        token.split_at(if marked { CONTINUING.len() } else { 0 })
    }

    fn insert(&mut self, number: usize) -> Result<(), Error> {
        let (mark, rest) = self.token(number);
        let (line, length) = (number + 1, rest.len());
        let start = if mark.is_empty() { Hash::first() } else { Hash::continuing() };
        let hash = rest.iter().copied().fold(start, Hash::then);
        if rest.is_empty() || self.find(hash, (mark, rest)).is_some() {
            return Err(Error::failed(format_args!("line {line} of the vocabulary is empty or there twice")));
        }
        let mut slot = hash.0 as usize % self.slots.len();
        while self.slots[slot] != 0 {
            slot = (slot + 1) % self.slots.len();
        }
        self.slots[slot] = hash.0 & !NUMBER_MASK | line as u32;
        self.longest = self.longest.max(length);
        Ok(())
    }

    fn find(&self, hash: Hash, token: (&[u8], &[u8])) -> Option<u32> {
        let slots = self.slots.len();
        let first = hash.0 as usize % slots;
        let probes = (first..slots).chain(0..first).map(|slot| self.slots[slot]);
        for slot in probes.take_while(|slot| *slot != 0) {
            let number = (slot & NUMBER_MASK) - 1;
            if (slot ^ hash.0) & !NUMBER_MASK == 0 && self.token(number as usize) == token {
                return Some(number);
            }
        }
        None
    }
}

// === impl Hash ===

impl Hash {
    fn first() -> Self {
        Self(0x811c_9dc5)
    }

    fn continuing() -> Self {
        CONTINUING.bytes().fold(Self::first(), Self::then)
    }

    fn then(self, byte: u8) -> Self {
        Self((self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(text: &str) -> Result<Vocabulary, Error> {
        Vocabulary::parse(text.to_owned())
    }

    #[test]
    fn the_longest_token_wins_and_marked_ones_count_within_a_word_only() {
        let vocabulary = vocabulary("em\nembed\n##d\n##ding\n##s\n#\n##\nü\n").unwrap();
        for (word, continuing, expected) in [
            ("embedding", false, Some((1, 5))),
            ("embe", false, Some((0, 2))),
            ("ding", false, None),
            ("ding", true, Some((3, 4))),
            ("dings", true, Some((3, 4))),
            ("dung", true, Some((2, 1))),
            ("em", true, None),
            ("#", false, Some((5, 1))),
            ("##d", false, Some((6, 2))),
            ("über", false, Some((7, 2))),
            ("ù", false, None),
            ("", false, None),
        ] {
            assert_eq!(vocabulary.longest_prefix(word, continuing), expected, "{word}, {continuing}");
        }
    }

    #[test]
    fn every_token_of_the_bundle_is_found_by_its_line() {
        let text = include_str!("../../vocab.txt");
        let vocabulary = vocabulary(text).unwrap();
        assert_eq!((vocabulary.starts.len(), vocabulary.slots.len()), (30_523, 65_536));
        for (line, token) in text.lines().enumerate() {
            assert_eq!(vocabulary.number(token), Some(line as u32), "{token}");
            let (word, continuing) = token.strip_prefix("##").map_or((token, false), |rest| (rest, true));
            if !word.is_empty() {
                let expected = Some((line as u32, word.len()));
                assert_eq!(vocabulary.longest_prefix(word, continuing), expected, "{token}");
            }
        }
        assert_eq!(vocabulary.number("[MISSING]"), None);
    }

    #[test]
    fn a_vocabulary_that_is_none_is_refused() {
        for text in ["", "a", "a\nb", "\n", "a\n\nb\n", "a\n##b\na\n"] {
            assert!(vocabulary(text).is_err(), "{text:?}");
        }
    }
}
