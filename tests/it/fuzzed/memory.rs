//! What the puppet is told: a memory with a program of calls at its beginning, and values that are as the canonical ABI lays
//! them out but for a few words that are anything. Near enough to right ones to get past the first check.

use super::random::Random;

/// Where the puppet copies it to.
const BASE: u32 = 65536;
/// In words.
const WORDS: usize = 1024;
/// The program's words: two, and eight for each call.
const PROGRAM: usize = 2 + 8 * CALLS;
const CALLS: usize = 8;
/// Names that a host knows.
const TEXTS: [&str; 8] =
    ["iris", "float_input", "label", "labels", "probabilities", "model", "a", "\u{e9}\u{1f600}"];
/// Variants of `elements`, and how many bytes an element has; the last is `packed`.
const ELEMENTS: [u32; 14] = [1, 2, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 0];
/// The same of `column-data`; 5, 6 and 8 are `packed`.
const COLUMNS: [u32; 9] = [8, 4, 8, 4, 1, 0, 0, 8, 0];

/// A memory that is being filled.
struct Image<'r> {
    words: Vec<u32>,
    random: &'r mut Random,
}

/// One memory.
pub(super) fn memory(random: &mut Random) -> Vec<u8> {
    let mut image = Image { words: vec![0; PROGRAM], random };
    let calls = image.random.below(4);
    for call in 0..calls {
        let words = image.call();
        let at = 2 + 8 * call;
        image.words[at..at + words.len()].copy_from_slice(&words);
    }
    image.words[0] = u32::try_from(calls).unwrap();
    image.words[1] = image.answer();
    image.words.resize(WORDS.max(image.words.len()), 0);
    // What is wrong with it: often nothing.
    for _ in 0..image.random.of(&[0, 0, 1, 2, 8]) {
        let at = image.random.below(image.words.len());
        image.words[at] = word(image.random);
    }
    image.words.into_iter().flat_map(u32::to_le_bytes).collect()
}

// === impl Image ===

impl Image<'_> {
    /// Puts words at a place that everything may be at, and answers where that is.
    fn put(&mut self, words: &[u32]) -> u32 {
        if self.words.len() % 2 == 1 {
            self.words.push(0);
        }
        let at = BASE + u32::try_from(self.words.len()).unwrap() * 4;
        self.words.extend_from_slice(words);
        at
    }

    /// A list's or a text's pointer and length.
    fn text(&mut self) -> [u32; 2] {
        let text = self.random.of(&TEXTS).as_bytes();
        let words: Vec<u32> = text
            .chunks(4)
            .map(|four| {
                let mut bytes = [0; 4];
                bytes[..four.len()].copy_from_slice(four);
                u32::from_le_bytes(bytes)
            })
            .collect();
        [self.put(&words), u32::try_from(text.len()).unwrap()]
    }

    fn list(&mut self, length: u32, size: u32) -> [u32; 2] {
        let words = (length * size).div_ceil(4);
        let words: Vec<u32> = (0..words).map(|_| self.random.of(&[0, 1, 0x0101_0101, 0x3f80_0000])).collect();
        [self.put(&words), length]
    }

    /// Offsets and data of as many values.
    fn packed(&mut self, values: u32) -> [u32; 4] {
        let offsets: Vec<u32> = (0..=values).collect();
        let offsets = self.put(&offsets);
        let data = self.put(&vec![0x6161_6161; (values as usize).div_ceil(4)]);
        [offsets, values + 1, data, values]
    }

    /// A list of so many bytes an element, or of packed values where that is 0, as a variant's payload.
    fn payload(&mut self, length: u32, size: u32) -> [u32; 4] {
        if size == 0 {
            return self.packed(length);
        }
        let [pointer, length] = self.list(length, size);
        [pointer, length, 0, 0]
    }

    fn tensors(&mut self) -> [u32; 2] {
        let count = self.random.below(3);
        let mut records = Vec::new();
        for _ in 0..count {
            let rows = self.random.of(&[1, 1, 2, 3, 0]);
            let kind = self.random.of(&[3, 3, 3, 0, 1, 4, 8, 13]);
            let name = self.text();
            let shape = self.put(&[rows, 4]);
            let payload = self.payload(rows * 4, ELEMENTS[kind]);
            records.extend([name[0], name[1], shape, 2, u32::try_from(kind).unwrap()]);
            records.extend(payload);
        }
        [self.put(&records), u32::try_from(count).unwrap()]
    }

    fn columns(&mut self, rows: u32) -> [u32; 2] {
        let count = self.random.below(4);
        let mut records = Vec::new();
        for _ in 0..count {
            let kind = self.random.below(COLUMNS.len());
            let name = self.text();
            let payload = self.payload(rows, COLUMNS[kind]);
            let validity = if self.random.once_in(3) { self.list(rows, 1) } else { [0, 0] };
            records.extend([name[0], name[1], u32::try_from(kind).unwrap()]);
            records.extend(payload);
            records.extend([u32::from(validity[0] != 0), validity[0], validity[1]]);
        }
        [self.put(&records), u32::try_from(count).unwrap()]
    }

    /// `result<output, failure>`, and where it is.
    fn answer(&mut self) -> u32 {
        let words = match self.random.below(6) {
            0 | 1 => {
                let rows = u32::try_from(self.random.below(4)).unwrap();
                let columns = self.columns(rows);
                [0, 0, columns[0], columns[1], rows, 0]
            }
            2 | 3 => {
                let tensors = self.tensors();
                [0, 1, tensors[0], tensors[1], 0, 0]
            }
            4 => {
                let (text, data) = (self.text(), self.text());
                [0, self.random.of(&[2, 3]), text[0], text[1], data[0], data[1]]
            }
            _ => {
                let text = self.text();
                [1, self.random.of(&[0, 1]), text[0], text[1], 0, 0]
            }
        };
        self.put(&words)
    }

    /// One call: which import, and its arguments.
    fn call(&mut self) -> Vec<u32> {
        let into = self.put(&[0; 8]);
        // Handles begin at 1, and are given out in order.
        let handle = self.random.of(&[1, 1, 2, 3]);
        let text = self.text();
        match u32::try_from(self.random.below(17)).unwrap() {
            0 => vec![0, self.random.of(&[0, 1, 2, 3, 4]), text[0], text[1]],
            kind @ (1 | 3 | 5) => vec![kind, text[0], text[1], into],
            2 => vec![2, into],
            4 => {
                let inputs = self.tensors();
                let wanted = self.random.below(2);
                let outputs = self.put(&text);
                vec![4, text[0], text[1], inputs[0], inputs[1], outputs, u32::try_from(wanted).unwrap(), into]
            }
            6 => {
                let builders = self.put(&text);
                vec![6, builders, 1, self.random.of(&[0, 1, 6]), self.random.of(&[0, 1, 2]), into]
            }
            9 => {
                let inputs = self.put(&[text[0], text[1], handle]);
                vec![9, handle, inputs, 1, into]
            }
            10 => {
                let dimensions = self.put(&[1, 4]);
                let data = self.list(16, 1);
                vec![10, dimensions, 2, self.random.of(&[0, 1, 2, 4, 6]), data[0], data[1], into]
            }
            kind @ (7 | 11 | 12 | 13 | 15 | 16) => vec![kind, handle, into],
            kind => vec![kind, handle],
        }
    }
}

/// Any word, those that mean something more often than others.
fn word(random: &mut Random) -> u32 {
    match random.below(6) {
        0 => u32::try_from(random.below(20)).unwrap(),
        1 | 2 => BASE + u32::try_from(random.below(WORDS)).unwrap() * 4,
        3 => random.of(&[0x7fc0_0000, 0x0001_0000, 0x0002_0000, 0x0003_fffc, 0x0004_0000, 0x0100_0100]),
        4 => random.of(&[u32::MAX, i32::MAX as u32, 1 << 31, 1 << 16, 1 << 28, (1 << 30) + 1]),
        _ => u32::try_from(random.next() >> 32).unwrap(),
    }
}
