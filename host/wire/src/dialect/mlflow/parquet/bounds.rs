//! How much a Parquet file may take, found in its headers before a page is decompressed.
//!
//! Called by [`super`]. The library takes lengths as the file says them: a schema nested without end would overflow its
//! stack, a page of some bytes could ask for two gigabytes. Must see the headers that the library sees, so what is not
//! as it should be is refused.

use std::io::Read as _;

use ::parquet::basic::Compression;
use ::parquet::file::metadata::ColumnChunkMetaData;

use super::thrift::{I32, LIST, Reader, STRUCT};
use crate::dialect::mlflow::scalar::Problem;

/// Bytes that any file may become, however short it is.
const FREE_BYTES: usize = 64 << 20;
/// The deepest schema, and so the deepest recursion.
const MAX_SCHEMA_DEPTH: usize = 32;
/// What one entry of a dictionary takes beside its bytes.
const DICTIONARY_ENTRY_BYTES: usize = 40;

/// How many more bytes a file may become.
#[derive(Debug)]
pub(super) struct Budget(usize);

/// What a page's header says of its size.
#[derive(Debug, Default)]
struct PageHeader {
    uncompressed: Option<i64>,
    compressed: Option<i64>,
    /// Values of a data page.
    values: i64,
    /// Entries of a dictionary.
    entries: i64,
    /// Bytes of levels that stand before what is compressed.
    levels: i64,
    /// Whether version 2 says that the page is not compressed although its column is.
    plain: bool,
}

// === impl Budget ===

impl Budget {
    pub(super) fn new(body: &[u8]) -> Self {
        Self(FREE_BYTES.saturating_add(body.len().saturating_mul(16)))
    }

    /// Takes `bytes` of what is left.
    pub(super) fn pay(&mut self, bytes: usize) -> Result<(), Problem> {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err("the file holds too much for its size; send it in several requests".to_owned()),
        }
    }
}

fn broken() -> Problem {
    "the file is not Parquet, or it is damaged".to_owned()
}

/// Checks the schema, before anything else reads the file.
pub(super) fn check_schema(body: &[u8]) -> Result<(), Problem> {
    let footer = body.len().checked_sub(8).filter(|_| body.starts_with(b"PAR1") && body.ends_with(b"PAR1"));
    let footer = footer.ok_or_else(broken)?;
    let length = body[footer..].first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length) as usize);
    let start = footer.checked_sub(length).ok_or_else(broken)?;
    match schema_fits(&body[start..footer]) {
        Some(true) => Ok(()),
        Some(false) => Err(format!("the file's schema nests deeper than {MAX_SCHEMA_DEPTH} levels")),
        None => Err(broken()),
    }
}

/// Whether every list of schema elements is a tree, and no deep one.
fn schema_fits(metadata: &[u8]) -> Option<bool> {
    let mut reader = Reader::new(metadata);
    let mut before = 0;
    while let Some(field) = reader.field(&mut before)? {
        if (field.number, field.kind) != (2, LIST) {
            if field.number == 2 {
                return None;
            }
            reader.skip(field.kind)?;
            continue;
        }
        let (count, kind) = reader.list()?;
        if kind != STRUCT {
            return None;
        }
        // How many children each open group still lacks.
        let mut open: Vec<u64> = Vec::new();
        for _ in 0..count {
            while open.last() == Some(&0) {
                open.pop();
            }
            if let Some(lacking) = open.last_mut() {
                *lacking -= 1;
            }
            let children = children(&mut reader)?;
            if children > count {
                return None;
            }
            if children > 0 {
                open.push(children);
            }
            if open.len() > MAX_SCHEMA_DEPTH {
                return Some(false);
            }
        }
        if open.iter().any(|lacking| *lacking > 0) {
            return None;
        }
    }
    Some(true)
}

/// The number of children that a schema element says it has.
fn children(reader: &mut Reader<'_>) -> Option<u64> {
    let (mut before, mut children) = (0, 0);
    while let Some(field) = reader.field(&mut before)? {
        if field.number != 5 {
            reader.skip(field.kind)?;
        } else if field.kind == I32 {
            children = u64::try_from(reader.integer()?).ok()?;
        } else {
            return None;
        }
    }
    Some(children)
}

/// Checks and pays for the pages of one column of one row group, each value at `width` bytes.
pub(super) fn check_pages(
    body: &[u8],
    column: &ColumnChunkMetaData,
    width: usize,
    budget: &mut Budget,
) -> Result<(), Problem> {
    let counted = match column.compression() {
        Compression::UNCOMPRESSED
        | Compression::SNAPPY
        | Compression::LZ4
        | Compression::LZ4_RAW
        | Compression::ZSTD(_) => false,
        // Decompressed to its end before anything is compared.
        Compression::GZIP(_) => true,
        other => {
            let name = format!("{other:?}");
            let name = name.split('(').next().unwrap_or_default();
            return Err(format!(
                "the codec {name} is not served; write the file with snappy, gzip, lz4, zstd or none"
            ));
        }
    };
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let chunk = usize::try_from(start).ok().zip(usize::try_from(column.compressed_size()).ok());
    let chunk = chunk.and_then(|(start, length)| body.get(start..start.checked_add(length)?));
    let mut rest = chunk.ok_or_else(broken)?;
    while !rest.is_empty() {
        let mut reader = Reader::new(rest);
        let header = PageHeader::read(&mut reader).ok_or_else(broken)?;
        let size =
            |value: Option<i64>| value.and_then(|value| usize::try_from(value).ok()).ok_or_else(broken);
        let (uncompressed, compressed) = (size(header.uncompressed)?, size(header.compressed)?);
        let (values, entries) = (size(Some(header.values))?, size(Some(header.entries))?);
        let page = rest.get(reader.position()..).ok_or_else(broken)?;
        let (page, behind) = page.split_at_checked(compressed).ok_or_else(broken)?;
        budget.pay(uncompressed)?;
        budget.pay(values.saturating_mul(width))?;
        budget.pay(entries.saturating_mul(DICTIONARY_ENTRY_BYTES))?;
        let levels = size(Some(header.levels))?;
        let content = uncompressed.checked_sub(levels).ok_or_else(broken)?;
        if counted && content > 0 && !header.plain {
            let page = page.get(levels..).ok_or_else(broken)?;
            // As much as the header says, and one byte to find out that there is more.
            let mut pages = flate2::read::MultiGzDecoder::new(page).take(content as u64 + 1);
            let found = std::io::copy(&mut pages, &mut std::io::sink()).map_err(|_| broken())?;
            if found > content as u64 {
                return Err("a page holds more than its header says".to_owned());
            }
        }
        rest = behind;
    }
    Ok(())
}

// === impl PageHeader ===

impl PageHeader {
    /// Reads a `PageHeader` of parquet.thrift. A field of another type than it should be, or given twice, is refused.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut header = Self::default();
        let (mut before, mut seen) = (0, 0u32);
        while let Some(field) = reader.field(&mut before)? {
            let bit = 1u32.checked_shl(u32::try_from(field.number).ok()?)?;
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
            match (field.number, field.kind) {
                (1 | 4, I32) => {
                    reader.integer()?;
                }
                (2, I32) => header.uncompressed = Some(reader.integer()?),
                (3, I32) => header.compressed = Some(reader.integer()?),
                (5, STRUCT) => header.values = numbers(reader)?.0[0],
                (7, STRUCT) => header.entries = numbers(reader)?.0[0],
                (8, STRUCT) => {
                    let (numbers, plain) = numbers(reader)?;
                    header.values = header.values.max(numbers[0]);
                    header.levels = numbers[4].checked_add(numbers[5])?;
                    header.plain = plain;
                }
                (1..=5 | 7 | 8, _) => return None,
                (_, kind) => reader.skip(kind)?,
            }
        }
        Some(header)
    }
}

/// The numbers of a page's own header: in all three kinds the first is the number of values, and in that of version 2
/// the fifth and sixth are bytes of levels. And whether the seventh, which only that has, is false.
fn numbers(reader: &mut Reader<'_>) -> Option<([i64; 6], bool)> {
    let (mut numbers, mut plain) = ([0; 6], false);
    let (mut before, mut seen) = (0, 0u32);
    while let Some(field) = reader.field(&mut before)? {
        let place = usize::try_from(field.number).ok()?.checked_sub(1)?;
        match numbers.get_mut(place) {
            Some(number) if field.kind == I32 => {
                if seen & 1 << place != 0 {
                    return None;
                }
                seen |= 1 << place;
                *number = reader.integer()?;
                if *number < 0 {
                    return None;
                }
            }
            _ if field.number == 1 => return None,
            _ => {
                // A field of type 2 is false by itself.
                plain |= (field.number, field.kind) == (7, 2);
                reader.skip(field.kind)?;
            }
        }
    }
    Some((numbers, plain))
}
