//! As much of Thrift's compact protocol as it takes to look at a Parquet file's headers before a library believes them.
//!
//! Called by [`super::bounds`]. `None` is text that is no Thrift. Must never panic, nor recurse deeper than
//! [`MAX_DEPTH`]. Format: `thrift-compact-protocol.md` of Apache Thrift.

/// The deepest nesting of values that are skipped.
const MAX_DEPTH: usize = 32;

/// The types of fields and elements that are read.
pub(super) const I32: u8 = 5;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

/// A place in encoded bytes.
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    position: usize,
}

/// A field's number and the type of its value, which follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) number: i16,
    pub(super) kind: u8,
}

// === impl Reader ===

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn advance(&mut self, bytes: u64) -> Option<()> {
        let end = self.position.checked_add(usize::try_from(bytes).ok()?)?;
        self.position = (end <= self.bytes.len()).then_some(end)?;
        Some(())
    }

    /// A signed integer of any width.
    pub(super) fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next field of a structure; within, `None` at its end.
    pub(super) fn field(&mut self, before: &mut i16) -> Option<Option<Field>> {
        let header = self.byte()?;
        let (kind, delta) = (header & 0x0f, header >> 4);
        if kind == 0 {
            return Some(None);
        }
        *before = match delta {
            0 => i16::try_from(self.integer()?).ok()?,
            delta => before.checked_add(delta.into())?,
        };
        Some(Some(Field { number: *before, kind }))
    }

    /// The number of a list's elements, and their type.
    pub(super) fn list(&mut self) -> Option<(u64, u8)> {
        let header = self.byte()?;
        let count = match header >> 4 {
            15 => self.varint()?,
            count => count.into(),
        };
        Some((count, header & 0x0f))
    }

    /// Passes over a field's value.
    pub(super) fn skip(&mut self, kind: u8) -> Option<()> {
        match kind {
            // A field's header holds its truth value.
            1 | 2 => Some(()),
            kind => self.skip_value(kind, MAX_DEPTH),
        }
    }

    fn skip_value(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            1..=3 => self.byte().map(|_| ()),
            4..=6 => self.varint().map(|_| ()),
            7 => self.advance(8),
            8 => {
                let length = self.varint()?;
                self.advance(length)
            }
            9 | 10 => {
                let (count, kind) = self.list()?;
                // Each element takes a byte at least, so that this ends with the bytes.
                (0..count).try_for_each(|_| self.skip_value(kind, depth))
            }
            11 => {
                let count = self.varint()?;
                if count == 0 {
                    return Some(());
                }
                let kinds = self.byte()?;
                (0..count).try_for_each(|_| {
                    self.skip_value(kinds >> 4, depth)?;
                    self.skip_value(kinds & 0x0f, depth)
                })
            }
            12 => {
                let mut before = 0;
                while let Some(field) = self.field(&mut before)? {
                    match field.kind {
                        1 | 2 => {}
                        kind => self.skip_value(kind, depth)?,
                    }
                }
                Some(())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_or_passed_over() {
        // 1: i32 = -3, 2: binary = "ab", 3: list of two i32, 4: true, 20: struct {1: i64 = 1}
        let bytes = [0x15, 5, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0x11, 0x0c, 40, 0x16, 2, 0, 0];
        let mut reader = Reader::new(&bytes);
        let mut before = 0;
        assert_eq!(reader.field(&mut before), Some(Some(Field { number: 1, kind: I32 })));
        assert_eq!(reader.integer(), Some(-3));
        for number in [2, 3, 4, 20] {
            let field = reader.field(&mut before).unwrap().unwrap();
            assert_eq!(field.number, number);
            reader.skip(field.kind).unwrap();
        }
        assert_eq!(reader.field(&mut before), Some(None));
        assert_eq!(reader.position(), bytes.len());
    }

    #[test]
    fn nonsense_is_none() {
        for bytes in [&[][..], &[0x18, 200, 1], &[0x15, 0x80], &[0x1d], &[0x19, 0xf5, 0xff, 0xff, 0xff, 0x7f]]
        {
            let mut reader = Reader::new(bytes);
            let field = reader.field(&mut 0).flatten();
            assert!(field.is_none_or(|field| reader.skip(field.kind).is_none()), "{bytes:?}");
        }
        let deep = vec![0x1c; 100];
        assert_eq!(Reader::new(&deep).skip(STRUCT), None);
    }
}
