//! What a file of rows is written in, by what it is called.

use std::fmt;

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated values, the columns' names first.
    Csv,
    /// One JSON text a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Arrow's IPC file, also called Feather.
    Arrow,
    /// Arrow's IPC stream.
    ArrowStream,
}

/// How a file's bytes are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Packing {
    /// Not at all.
    #[default]
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstandard,
}

// === impl Format ===

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Csv, Self::JsonLines, Self::Parquet, Self::Arrow, Self::ArrowStream];

    /// What a command calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::ArrowStream => "arrows",
        }
    }

    /// The format that a command calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// What a file's name says of its format and packing. Only text may be packed.
    #[must_use]
    pub fn of_name(name: &str) -> Option<(Self, Packing)> {
        let (name, packing) = match name.rsplit_once('.') {
            Some((name, "gz")) => (name, Packing::Gzip),
            Some((name, "zst")) => (name, Packing::Zstandard),
            _ => (name, Packing::Plain),
        };
        let (_, suffix) = name.rsplit_once('.')?;
        let format = match suffix.to_ascii_lowercase().as_str() {
            "csv" => Self::Csv,
            "jsonl" | "ndjson" => Self::JsonLines,
            "parquet" | "pq" => Self::Parquet,
            "arrow" | "feather" | "ipc" => Self::Arrow,
            "arrows" => Self::ArrowStream,
            _ => return None,
        };
        (packing == Packing::Plain || format.is_text()).then_some((format, packing))
    }

    /// Whether its rows are lines.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::JsonLines)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::JsonLines => "JSON Lines",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow",
            Self::ArrowStream => "Arrow stream",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_a_file_is() {
        for (name, expected) in [
            ("a.csv", Some((Format::Csv, Packing::Plain))),
            ("a.b.CSV", Some((Format::Csv, Packing::Plain))),
            ("a.ndjson.gz", Some((Format::JsonLines, Packing::Gzip))),
            ("a.csv.zst", Some((Format::Csv, Packing::Zstandard))),
            ("a.parquet", Some((Format::Parquet, Packing::Plain))),
            ("a.parquet.gz", None),
            ("a.feather", Some((Format::Arrow, Packing::Plain))),
            ("a.arrows", Some((Format::ArrowStream, Packing::Plain))),
            ("a.json", None),
            ("csv", None),
            ("", None),
        ] {
            assert_eq!(Format::of_name(name), expected, "{name}");
        }
        for format in Format::ALL {
            assert_eq!(Format::named(format.name()), Some(format));
        }
    }
}
