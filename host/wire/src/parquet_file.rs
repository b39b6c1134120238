//! A Parquet file of texts and moments, written as a whole.
//!
//! Called by `host/src/observe/samples`, which keeps what drift is found in. A file is read from its end, so that there is
//! nothing to be had of half of one: columns go in, bytes come out. No value is ever missing in it. What is read from callers
//! is `dialect::mlflow::parquet`'s business.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};

/// A column with its values, one for each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileColumn {
    /// What it is called.
    pub name: &'static str,
    /// What it holds.
    pub values: FileValues,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileValues {
    /// Microseconds since 1970, of UTC.
    Moments(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
    /// Texts that are JSON, and said to be.
    Json(Vec<String>),
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// One value for each row is what makes a table.
    #[error("the column `{name}` has {found} values and the one before it {expected}")]
    Uneven {
        /// The column.
        name: &'static str,
        /// Its values.
        found: usize,
        /// Those of the columns before it.
        expected: usize,
    },
    /// The library's words.
    #[error("{0}")]
    Unwritable(#[from] ParquetError),
}

/// The file: one row group, compressed as Zstandard.
///
/// # Errors
///
/// [`FileError::Uneven`] where columns differ in length.
pub fn write(columns: Vec<FileColumn>) -> Result<Vec<u8>, FileError> {
    let lengths = columns.iter().map(|column| column.values.len());
    for ((column, found), expected) in columns.iter().zip(lengths.clone()).skip(1).zip(lengths) {
        if found != expected {
            return Err(FileError::Uneven { name: column.name, found, expected });
        }
    }
    let fields = columns.iter().map(|column| Ok(Arc::new(column.field()?))).collect::<Result<_, FileError>>();
    let schema = Type::group_type_builder("schema").with_fields(fields?).build()?;
    let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties(&columns)))?;
    let mut group = file.next_row_group()?;
    for column in columns {
        // There is one for each field of the schema.
        let Some(mut writer) = group.next_column()? else { break };
        match column.values {
            FileValues::Moments(values) => writer.typed::<Int64Type>().write_batch(&values, None, None)?,
            FileValues::Texts(values) | FileValues::Json(values) => {
                let values = values.into_iter().map(|value| ByteArray::from(Bytes::from(value)));
                let values: Vec<_> = values.collect();
                writer.typed::<ByteArrayType>().write_batch(&values, None, None)?
            }
        };
        writer.close()?;
    }
    group.close()?;
    Ok(file.into_inner()?)
}

fn properties(columns: &[FileColumn]) -> WriterProperties {
    // Files may be of few rows: what helps to skip parts of large ones would be most of them.
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for column in columns {
        if matches!(column.values, FileValues::Json(_)) {
            let path = ColumnPath::from(column.name);
            // The least and the greatest JSON say nothing.
            properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    properties.build()
}

// === impl FileColumn ===

impl FileColumn {
    /// What the schema says of it.
    fn field(&self) -> Result<Type, ParquetError> {
        let (physical, logical) = match self.values {
            FileValues::Moments(_) => (PhysicalType::INT64, LogicalType::timestamp(true, TimeUnit::MICROS)),
            FileValues::Texts(_) => (PhysicalType::BYTE_ARRAY, LogicalType::String),
            FileValues::Json(_) => (PhysicalType::BYTE_ARRAY, LogicalType::Json),
        };
        Type::primitive_type_builder(self.name, physical)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(logical))
            .build()
    }
}

// === impl FileValues ===

impl FileValues {
    fn len(&self) -> usize {
        match self {
            Self::Moments(values) => values.len(),
            Self::Texts(values) | Self::Json(values) => values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    fn column(name: &'static str, values: FileValues) -> FileColumn {
        FileColumn { name, values }
    }

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().copied().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_written_is_read_back_with_its_types() {
        let columns = vec![
            column("time", FileValues::Moments(vec![0, -1, 1_732_504_543_639_960])),
            column("name", FileValues::Texts(texts(&["", "é\n", "x"]))),
            column("input", FileValues::Json(texts(&["{}", r#"{"a":[1,null]}"#, "null"]))),
        ];
        let file = SerializedFileReader::new(Bytes::from(write(columns).unwrap())).unwrap();
        let types: Vec<_> = file
            .metadata()
            .file_metadata()
            .schema_descr()
            .columns()
            .iter()
            .map(|column| (column.name(), column.max_def_level(), column.logical_type_ref().cloned()))
            .collect();
        let expected = [
            ("time", 0, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
            ("name", 0, Some(LogicalType::String)),
            ("input", 0, Some(LogicalType::Json)),
        ];
        assert_eq!(types, expected);
        let rows: Vec<Vec<Field>> = file
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().into_columns().into_iter().map(|(_, field)| field).collect())
            .collect();
        let row = |time, name: &str, input: &str| {
            vec![Field::TimestampMicros(time), Field::Str(name.to_owned()), Field::Str(input.to_owned())]
        };
        let expected =
            [row(0, "", "{}"), row(-1, "é\n", r#"{"a":[1,null]}"#), row(1_732_504_543_639_960, "x", "null")];
        assert_eq!(rows, expected);
    }

    #[test]
    fn many_rows_are_one_row_group_and_compressed() {
        let names: Vec<_> = (0..5000).map(|number| format!("order {number}")).collect();
        let input: Vec<_> = (0..5000).map(|number| format!("{{\"x\":[{number},0.5,0.5,0.5]}}")).collect();
        let bytes: usize = names.iter().chain(&input).map(String::len).sum();
        let columns = vec![
            column("time", FileValues::Moments((0..5000).collect())),
            column("name", FileValues::Texts(names)),
            column("input", FileValues::Json(input.clone())),
        ];
        let written = write(columns).unwrap();
        assert!(written.len() < bytes / 2, "{} of {bytes}", written.len());
        let file = SerializedFileReader::new(Bytes::from(written)).unwrap();
        assert_eq!((file.num_row_groups(), file.metadata().file_metadata().num_rows()), (1, 5000));
        let read = file.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns().remove(2).1);
        assert!(read.eq(input.into_iter().map(Field::Str)));
    }

    #[test]
    fn columns_of_other_lengths_are_no_table() {
        let columns = vec![
            column("time", FileValues::Moments(vec![1])),
            column("name", FileValues::Texts(texts(&["a", "b"]))),
        ];
        let error = write(columns).unwrap_err().to_string();
        assert_eq!(error, "the column `name` has 2 values and the one before it 1");
    }
}
