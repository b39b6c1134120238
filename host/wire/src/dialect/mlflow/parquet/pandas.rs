//! What pandas wrote about its DataFrame beside the columns: which of them are the index, and what type they had.
//!
//! Called by [`super`]. A file that others wrote has nothing of it, and then every column is one of the table. Format:
//! the key `pandas` of a file's metadata, "Storing pandas DataFrame objects" in pandas' developer documentation.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value as Json;

/// What is known of the DataFrame.
#[derive(Debug, Default)]
pub(super) struct Frame {
    index: HashSet<String>,
    extensions: HashMap<String, &'static str>,
}

#[derive(Deserialize)]
struct Metadata {
    /// Names; a range of numbers is an object and no column.
    #[serde(default)]
    index_columns: Vec<Json>,
    #[serde(default)]
    columns: Vec<ColumnMetadata>,
}

#[derive(Deserialize)]
struct ColumnMetadata {
    field_name: Option<String>,
    pandas_type: Option<String>,
    numpy_type: Option<String>,
}

/// Types of pandas' own, none of which numpy has.
const EXTENSIONS: [&str; 11] = [
    "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64", "boolean",
];

// === impl Frame ===

impl Frame {
    /// Reads the metadata; what is not as pandas writes it says nothing.
    pub(super) fn new(text: Option<&str>) -> Self {
        let metadata = text.and_then(|text| serde_json::from_str::<Metadata>(text).ok());
        let Some(metadata) = metadata else { return Self::default() };
        let index = metadata.index_columns.iter().filter_map(Json::as_str).map(str::to_owned).collect();
        let extensions = metadata.columns.into_iter().filter_map(|column| {
            let extension = match column.pandas_type.as_deref() {
                Some("categorical") => "category",
                _ => EXTENSIONS.into_iter().find(|name| column.numpy_type.as_deref() == Some(*name))?,
            };
            Some((column.field_name?, extension))
        });
        Self { index, extensions: extensions.collect() }
    }

    /// Whether a column is part of the index, which no model sees.
    pub(super) fn is_index(&self, column: &str) -> bool {
        self.index.contains(column)
    }

    /// The type of pandas' own that a column had.
    pub(super) fn extension(&self, column: &str) -> Option<&'static str> {
        self.extensions.get(column).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_own_types_are_known() {
        let text = r#"{"index_columns": ["__index_level_0__", {"kind": "range"}], "columns": [
            {"name": "a", "field_name": "a", "pandas_type": "int64", "numpy_type": "Int64", "metadata": null},
            {"name": "b", "field_name": "b", "pandas_type": "int64", "numpy_type": "int64", "metadata": null}]}"#;
        let frame = Frame::new(Some(text));
        assert!(frame.is_index("__index_level_0__") && !frame.is_index("a"));
        assert_eq!((frame.extension("a"), frame.extension("b")), (Some("Int64"), None));
        assert!(!Frame::new(Some("[]")).is_index("__index_level_0__"));
    }
}
