//! Where records of text end: a file's bytes cut into blocks of whole records, without reading what is in them.
//!
//! Used by [`crate::read`]. A record of CSV may hold line ends between quotes, as RFC 4180 and pandas read them; one of JSON
//! Lines is a line. Blank lines are no records and go with the one after them. Never holds much more than a block.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

/// How much is read at a time.
const READ: usize = 1 << 20;

/// A record longer than this is no record: a quote that was never closed would have the whole file read.
const LONGEST: usize = 64 << 20;

/// Whose records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Quotes, commas, line ends.
    Csv,
    /// Line ends.
    Lines,
}

/// What a block may be at most; one record it is in any case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// Some records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    /// Where each record ends in `bytes`, its line end included.
    pub(crate) ends: Vec<u32>,
}

/// A stream of text, record by record.
pub(crate) struct Records<R> {
    reader: R,
    syntax: Syntax,
    buffer: Vec<u8>,
    /// What of the buffer has been given out.
    start: usize,
    at_end: bool,
}

/// Where a record ends that begins where a search did.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Behind its line end.
    End(usize),
    /// Not in what is known so far.
    Open,
}

// === impl Records ===

impl<R: Read> Records<R> {
    pub(crate) fn new(reader: R, syntax: Syntax) -> Self {
        Self { reader, syntax, buffer: Vec::new(), start: 0, at_end: false }
    }

    /// The next records; `None` behind the last one.
    pub(crate) fn next(&mut self, most: Most) -> io::Result<Option<Block>> {
        let mut ends = Vec::new();
        // Relative to `start`.
        let mut scanned = 0;
        loop {
            let rest = self.buffer.get(self.start + scanned..).unwrap_or_default();
            if ends.len() >= most.records || (scanned >= most.bytes && !ends.is_empty()) {
                break;
            }
            match self.record(rest)? {
                Some(record) => {
                    let blank = is_blank(&rest[record.clone()]);
                    scanned += record.end;
                    if !blank {
                        ends.push(u32::try_from(scanned).map_err(|_| too_long())?);
                    }
                }
                None if self.at_end => break,
                None => self.fill(scanned)?,
            }
        }
        let Some(end) = ends.last().map(|end| *end as usize) else { return Ok(None) };
        let bytes = self.buffer.get(self.start..self.start + end).unwrap_or_default().to_vec();
        self.start += end;
        Ok(Some(Block { bytes, ends }))
    }

    /// The next record, which stays there; empty behind the last one.
    pub(crate) fn peek(&mut self) -> io::Result<&[u8]> {
        let start = self.start;
        let block = self.next(Most { records: 1, bytes: usize::MAX })?;
        // `next` may have moved what was before it out of the buffer, and nothing else.
        let length = block.map_or(0, |block| block.bytes.len());
        self.start = if length == 0 { start.min(self.start) } else { self.start - length };
        Ok(self.buffer.get(self.start..self.start + length).unwrap_or_default())
    }

    /// The record that `rest` begins with, as far as it is known to be whole.
    fn record(&self, rest: &[u8]) -> io::Result<Option<Range<usize>>> {
        if rest.is_empty() {
            return Ok(None);
        }
        match end_of_record(rest, self.syntax) {
            // The other half of a line end may be still to come.
            Found::End(end) if end == rest.len() && !self.at_end && rest.ends_with(b"\r") => Ok(None),
            Found::End(end) => Ok(Some(0..end)),
            Found::Open if self.at_end => Ok(Some(0..rest.len())),
            Found::Open if rest.len() > LONGEST => Err(too_long()),
            Found::Open => Ok(None),
        }
    }

    /// Reads more, where `scanned` bytes of the rest are part of the block.
    fn fill(&mut self, scanned: usize) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let known = self.buffer.len();
        // As much again as there is of an open record, so that a long one is not searched once for each read.
        let open = known.saturating_sub(scanned);
        self.buffer.resize(known + READ.max(open), 0);
        let mut filled = known;
        while filled < self.buffer.len() {
            match self.reader.read(&mut self.buffer[filled..]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.truncate(filled);
                    return Err(error);
                }
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}

fn too_long() -> io::Error {
    let problem = format!("a record takes more than {} MiB: is a quote not closed?", LONGEST >> 20);
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// Whether there is nothing in a line but blanks and its end.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Where the record ends that `text` begins with.
fn end_of_record(text: &[u8], syntax: Syntax) -> Found {
    let Some(line) = memchr2(b'\n', b'\r', text) else { return Found::Open };
    match syntax {
        Syntax::Csv if memchr(b'"', &text[..line]).is_some() => end_of_quoted(text),
        _ => Found::End(behind_line_end(text, line)),
    }
}

fn behind_line_end(text: &[u8], at: usize) -> usize {
    if text[at..].starts_with(b"\r\n") { at + 2 } else { at + 1 }
}

/// The same where there are quotes: those that a field begins with hide what is between them.
fn end_of_quoted(text: &[u8]) -> Found {
    let mut at = 0;
    loop {
        if text.get(at) == Some(&b'"') {
            at += 1;
            loop {
                let Some(quote) = memchr(b'"', &text[at..]) else { return Found::Open };
                at += quote + 1;
                // Two are one that is meant.
                if text.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
        }
        let Some(stop) = memchr3(b',', b'\n', b'\r', &text[at..]) else { return Found::Open };
        at += stop;
        if text[at] != b',' {
            return Found::End(behind_line_end(text, at));
        }
        at += 1;
    }
}

/// How many lines end in `text`.
pub(crate) fn lines(text: &[u8]) -> usize {
    let ends = memchr::memchr_iter(b'\n', text).count();
    if ends > 0 { ends } else { memchr::memchr_iter(b'\r', text).count() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn blocks(text: &str, syntax: Syntax, records: usize) -> Vec<Vec<String>> {
        let mut reader = Records::new(Slow(text.as_bytes(), 3), syntax);
        let mut found = Vec::new();
        while let Some(block) = reader.next(Most { records, bytes: usize::MAX }).unwrap() {
            let mut start = 0;
            let mut texts = Vec::new();
            for end in block.ends {
                texts.push(String::from_utf8(block.bytes[start..end as usize].to_vec()).unwrap());
                start = end as usize;
            }
            found.push(texts);
        }
        found
    }

    #[test]
    fn records_end_where_pandas_has_them_end() {
        for (text, expected) in [
            ("a,b\n1,2\n", &["a,b\n", "1,2\n"][..]),
            ("a,b\r\n1,2", &["a,b\r\n", "1,2"]),
            ("a\rb\r", &["a\r", "b\r"]),
            ("a,\"b\nc\",d\ne\n", &["a,\"b\nc\",d\n", "e\n"]),
            ("\"a\"\"\n\",b\nc\n", &["\"a\"\"\n\",b\n", "c\n"]),
            // A quote within a field is a character like others.
            ("5\" pipe,x\ny,z\n", &["5\" pipe,x\n", "y,z\n"]),
            ("\n\na\n \n\nb\n\n", &["\n\na\n", " \n\nb\n"]),
            ("", &[]),
            ("\n \n", &[]),
            ("a,\"open\nb\n", &["a,\"open\nb\n"]),
        ] {
            assert_eq!(blocks(text, Syntax::Csv, 100).concat(), expected, "{text:?}");
        }
        assert_eq!(blocks("{\"a\":\"\n\"b\n", Syntax::Lines, 1).concat(), ["{\"a\":\"\n", "\"b\n"]);
    }

    #[test]
    fn a_block_has_as_many_records_as_it_may() {
        let counts: Vec<_> = blocks("1\n2\n3\n4\n5\n", Syntax::Lines, 2).iter().map(Vec::len).collect();
        assert_eq!(counts, [2, 2, 1]);
    }

    proptest! {
        #[test]
        fn blocks_of_any_size_are_the_text_and_its_records(
            cells in prop::collection::vec(prop::collection::vec("[a,\"\n ]{0,6}", 1..4), 0..20),
            records in 1usize..5,
        ) {
            let mut writer = ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for record in &cells {
                writer.write_record(record).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let found = blocks(&text, Syntax::Csv, records).concat();
            let mut read = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected = read.records().map(|record| record.unwrap());
            let expected: Vec<_> = expected.filter(|record| record.iter().any(|cell| !cell.trim_matches([' ', '\n']).is_empty() || record.len() > 1)).collect();
            let again: Vec<_> = found
                .iter()
                .map(|text| {
                    let mut one = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
                    one.records().map(|record| record.unwrap()).collect::<Vec<_>>()
                })
                .collect();
            let again: Vec<_> = again.into_iter().flatten().filter(|record| record.iter().any(|cell| !cell.trim_matches([' ', '\n']).is_empty() || record.len() > 1)).collect();
            prop_assert_eq!(again, expected);
        }
    }
}
