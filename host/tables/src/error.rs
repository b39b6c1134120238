//! What is wrong with a file, or with an answer that is to become rows.

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

/// Why there are no more rows, or none are written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The system's words.
    #[error("cannot read `{name}`: {source}")]
    Read {
        /// The file.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// The system's words.
    #[error("cannot write `{name}`: {source}")]
    Write {
        /// The file.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no file of its format.
    #[error("`{name}` is no {format} file that can be read{place}: {problem}")]
    Damaged {
        /// The file.
        name: String,
        /// What it was taken for.
        format: &'static str,
        /// Where, such as ` from row 17 on`; may be empty.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// There is no such column.
    #[error("`{name}` has no column `{column}`: it has {found}")]
    NoColumn {
        /// The file.
        name: String,
        /// What was asked for.
        column: String,
        /// What there is.
        found: String,
    },
    /// The model's answer is not one value, or one of each column, a row.
    #[error("the model's answer does not fit its rows: {0}")]
    Answer(String),
    /// Rows of one file that are not of one kind.
    #[error("{0}")]
    Mixed(String),
}

// === impl TableError ===

impl TableError {
    /// What Parquet's library says of a file, some of which is the system's.
    pub(crate) fn of_parquet(name: &str, place: &str, error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                Ok(source) => Self::Read { name: name.to_owned(), source: *source },
                Err(problem) => Self::damaged(name, "Parquet", place, &problem.to_string()),
            },
            problem => Self::damaged(name, "Parquet", place, &problem.to_string()),
        }
    }

    /// What Arrow's libraries say of a file.
    pub(crate) fn of_arrow(name: &str, format: &'static str, place: &str, error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, source) => Self::Read { name: name.to_owned(), source },
            problem => Self::damaged(name, format, place, &problem.to_string()),
        }
    }

    pub(crate) fn damaged(name: &str, format: &'static str, place: &str, problem: &str) -> Self {
        Self::Damaged { name: name.to_owned(), format, place: place.to_owned(), problem: problem.to_owned() }
    }
}
