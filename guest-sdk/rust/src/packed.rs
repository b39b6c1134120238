//! Many byte strings in two buffers.
//!
//! What text, binary and JSON columns and text tensors are made of. Never trusts its offsets: a value that they
//! put outside the data reads as missing.

/// A list of byte strings in two buffers, which cross the sandbox's border as two copies instead of one a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    pub(crate) offsets: Vec<u32>,
    pub(crate) data: Vec<u8>,
}

// === impl Packed ===

impl Packed {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self { offsets: vec![0], data: Vec::new() }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a value.
    ///
    /// # Panics
    ///
    /// Past 4 GiB of data, which WebAssembly's memory cannot hold anyway.
    pub fn push(&mut self, value: &[u8]) {
        let end = self.data.len() + value.len();
        assert!(u32::try_from(end).is_ok(), "packed values exceed 4 GiB");
        self.data.extend_from_slice(value);
        self.offsets.push(end as u32);
    }

    /// Value `index`, or `None` when there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let start = *self.offsets.get(index)? as usize;
        let end = *self.offsets.get(index + 1)? as usize;
        self.data.get(start..end)
    }

    /// Value `index` as text, or `None` when there is none or it is not UTF-8.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<&str> {
        self.get(index).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }
}

impl Default for Packed {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Packed {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut packed = Self::new();
        for value in values {
            packed.push(value.as_ref());
        }
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_comes_back() {
        let packed: Packed = ["", "ä", "xyz"].iter().collect();
        assert_eq!(packed.iter().collect::<Vec<_>>(), ["".as_bytes(), "ä".as_bytes(), b"xyz"]);
        assert_eq!(packed.text(1), Some("ä"));
        assert_eq!(packed.get(3), None);
        assert!(Packed::default().is_empty());
    }

    #[test]
    fn broken_offsets_read_as_missing_and_do_not_panic() {
        let packed = Packed { offsets: vec![0, 2, 1, 9], data: b"ab".to_vec() };
        assert_eq!(packed.get(0), Some(b"ab".as_slice()));
        assert_eq!(packed.get(1), None);
        assert_eq!(packed.get(2), None);
        assert_eq!(packed.iter().len(), 3);
        assert_eq!(Packed { offsets: vec![], data: vec![] }.len(), 0);
        assert_eq!(Packed { offsets: vec![0, 1], data: vec![0xff] }.text(0), None);
    }
}
