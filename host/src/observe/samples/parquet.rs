//! Samples as Parquet: rows are gathered, and then written as a file of their own.
//!
//! Used by `samples.rs` alone. Such a file cannot be read before its end is written, so that none is ever gone on with. What
//! is gathered is bounded in rows, bytes and time; [`files`] bounds what is on disk. The format is
//! `mlhost_wire::parquet_file`'s business.

mod files;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use mlhost_wire::parquet_file::{self, FileColumn, FileError, FileValues};

use self::files::Files;
use super::{Outcome, Sample, json};

/// The most rows of a file.
const ROWS: usize = 4096;

/// The most bytes of a file's texts, unless a row alone has more.
const BYTES: u64 = 8 << 20;

/// How long the first row of a file waits for others.
const WAIT: Duration = Duration::from_secs(60);

/// Rows that are gathered, and where they go.
pub(super) struct ParquetLog {
    files: Files,
    rows: Rows,
    most_bytes: u64,
}

/// Rows by column.
#[derive(Default)]
struct Rows {
    time: Vec<i64>,
    request_id: Vec<String>,
    model: Vec<String>,
    version: Vec<String>,
    protocol: Vec<String>,
    input: Vec<String>,
    params: Vec<String>,
    output: Vec<String>,
    bytes: u64,
    first: Option<Instant>,
}

/// A sample as it stands in a file.
struct Row {
    time: i64,
    request_id: String,
    model: (String, String),
    protocol: &'static str,
    input: String,
    params: String,
    output: String,
}

// === impl ParquetLog ===

impl ParquetLog {
    /// Looks whether files can be written beside `path`, after which they are called.
    pub(super) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let files = Files::open(path, max_bytes)?;
        // No file is so large that there is no room for others beside it.
        Ok(Self { files, rows: Rows::default(), most_bytes: BYTES.min(max_bytes / 4) })
    }

    /// Gathers it; first writes what is gathered if that is enough for a file.
    pub(super) fn take(&mut self, sample: Sample, now: Instant) -> Outcome {
        let row = Row::new(sample);
        let full = self.rows.time.len() >= ROWS
            || self.rows.bytes + row.bytes() > self.most_bytes
            || self.due().is_some_and(|due| due <= now);
        let outcome = if full { self.finish() } else { Outcome::default() };
        self.rows.push(row, now);
        outcome
    }

    /// When what is gathered is to be written, if anything is.
    pub(super) fn due(&self) -> Option<Instant> {
        self.rows.first.map(|first| first + WAIT)
    }

    /// Writes what is gathered.
    pub(super) fn finish(&mut self) -> Outcome {
        let rows = std::mem::take(&mut self.rows);
        let count = rows.time.len() as u64;
        if count == 0 {
            return Outcome::default();
        }
        let written = rows.file().map_err(io::Error::other).and_then(|file| self.files.write(&file));
        match written {
            Ok(true) => Outcome::written(count),
            Ok(false) => Outcome::dropped(count),
            Err(error) => Outcome::failed(count, error),
        }
    }
}

// === impl Rows ===

impl Rows {
    fn push(&mut self, row: Row, now: Instant) {
        self.bytes += row.bytes();
        self.first.get_or_insert(now);
        self.time.push(row.time);
        self.request_id.push(row.request_id);
        self.model.push(row.model.0);
        self.version.push(row.model.1);
        self.protocol.push(row.protocol.to_owned());
        self.input.push(row.input);
        self.params.push(row.params);
        self.output.push(row.output);
    }

    fn file(self) -> Result<Vec<u8>, FileError> {
        let column = |name, values| FileColumn { name, values };
        parquet_file::write(vec![
            column("time", FileValues::Moments(self.time)),
            column("request_id", FileValues::Texts(self.request_id)),
            column("model", FileValues::Texts(self.model)),
            column("version", FileValues::Texts(self.version)),
            column("protocol", FileValues::Texts(self.protocol)),
            column("input", FileValues::Json(self.input)),
            column("params", FileValues::Json(self.params)),
            column("output", FileValues::Json(self.output)),
        ])
    }
}

// === impl Row ===

impl Row {
    fn new(sample: Sample) -> Self {
        let Sample { time, request_id, model, protocol, call, output } = sample;
        let json::Parts { input, params, output } = json::parts(call, &output);
        Self {
            time: time.as_microsecond(),
            request_id,
            model,
            protocol,
            input: input.to_string(),
            params: params.to_string(),
            output: output.to_string(),
        }
    }

    /// About how many bytes it has in a file that is not compressed.
    fn bytes(&self) -> u64 {
        let names = self.request_id.len() + self.model.0.len() + self.model.1.len() + self.protocol.len();
        (names + self.input.len() + self.params.len() + self.output.len() + 8) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::Timestamp;
    use mlhost_wire::dialect::mlflow::Mlflow;
    use mlhost_wire::dialect::{Dialect as _, Interface, Request};
    use mlhost_wire::values::{Call, Column, ColumnData, Input, Output, Param, Table, Value};
    use tempfile::TempDir;

    use super::*;

    const CAP: u64 = 64 << 10;

    fn sample(number: u64, value: &str) -> Sample {
        let columns = vec![Column { name: "x".to_owned(), data: ColumnData::F64(vec![0.5]), validity: None }];
        Sample {
            time: Timestamp::from_microsecond(1_732_504_543_639_960).unwrap(),
            request_id: format!("order-{number}"),
            model: ("m".to_owned(), "1".to_owned()),
            protocol: "mlflow",
            call: Call {
                input: Input::Table(Table { columns, rows: 1 }),
                params: vec![Param { name: "k".to_owned(), value: Value::Integer(3) }],
            },
            output: Output::Json(format!("\"{value}\"")),
        }
    }

    fn log(max_bytes: u64) -> (TempDir, ParquetLog) {
        let folder = tempfile::tempdir().unwrap();
        let log = ParquetLog::open(&folder.path().join("samples.parquet"), max_bytes).unwrap();
        (folder, log)
    }

    /// Text that cannot be compressed to much less.
    fn noise(bytes: usize) -> String {
        let number = || format!("{:016x}", crate::observe::random::number());
        std::iter::repeat_with(number).take(bytes.div_ceil(16)).collect()
    }

    /// The log's only file.
    fn only_file(folder: &TempDir) -> Table {
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [path] = &files[..] else { panic!("{files:?}") };
        let body = fs::read(path).unwrap();
        let request = Request { content_type: Some("application/vnd.apache.parquet"), body: &body };
        match Mlflow::default().decode(request, &Interface::default()).unwrap().call.input {
            Input::Table(table) => table,
            other => panic!("{other:?}"),
        }
    }

    fn texts(column: &Column) -> Vec<String> {
        let ColumnData::Text(values) = &column.data else { panic!("{column:?}") };
        values.iter().map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
    }

    fn counts(outcome: &Outcome) -> (u64, u64, bool) {
        (outcome.written, outcome.dropped, outcome.error.is_some())
    }

    #[test]
    fn a_row_has_the_very_json_of_the_line() {
        let (folder, mut log) = log(CAP);
        assert_eq!(counts(&log.take(sample(7, "a"), Instant::now())), (0, 0, false));
        assert_eq!(counts(&log.finish()), (1, 0, false));
        let table = only_file(&folder);
        let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(
            names,
            ["time", "request_id", "model", "version", "protocol", "input", "params", "output"]
        );
        assert_eq!(table.columns[0].data, ColumnData::Datetime(vec![1_732_504_543_639_960_000]));
        let line: serde_json::Value = serde_json::from_slice(&json::line(sample(7, "a"))).unwrap();
        for column in &table.columns[1..5] {
            assert_eq!(texts(column), [line[&column.name].as_str().unwrap()]);
        }
        for column in &table.columns[5..] {
            assert_eq!(texts(column), [line[&column.name].to_string()]);
        }
    }

    #[test]
    fn rows_become_a_file_when_they_are_many_or_large_or_old() {
        let now = Instant::now();
        let (_folder, mut log) = log(1 << 30);
        assert_eq!((log.due(), counts(&log.finish())), (None, (0, 0, false)));
        for number in 0..ROWS as u64 {
            assert_eq!(counts(&log.take(sample(number, ""), now)), (0, 0, false));
        }
        assert_eq!(counts(&log.take(sample(0, ""), now)), (ROWS as u64, 0, false));

        assert_eq!(log.due(), Some(now + WAIT));
        let later = now + WAIT;
        assert_eq!(counts(&log.take(sample(0, ""), later - Duration::from_millis(1))), (0, 0, false));
        assert_eq!(counts(&log.take(sample(0, ""), later)), (2, 0, false));
        assert_eq!(log.due(), Some(later + WAIT));

        let half = "x".repeat(BYTES as usize / 2);
        assert_eq!(counts(&log.take(sample(0, &half), later)), (0, 0, false));
        assert_eq!(counts(&log.take(sample(0, &half), later)), (2, 0, false));
        assert_eq!((counts(&log.finish()), log.due()), ((1, 0, false), None));
    }

    #[test]
    fn a_row_larger_than_the_cap_is_dropped_alone() {
        let now = Instant::now();
        let (folder, mut log) = log(CAP);
        assert_eq!(counts(&log.take(sample(1, ""), now)), (0, 0, false));
        assert_eq!(counts(&log.take(sample(2, &noise(3 * CAP as usize)), now)), (1, 0, false));
        assert_eq!(counts(&log.take(sample(3, ""), now)), (0, 1, false));
        assert_eq!(texts(&only_file(&folder).columns[1]), ["order-1"]);
        assert_eq!(counts(&log.finish()), (1, 0, false));
    }

    #[test]
    fn rows_without_a_disk_are_dropped_and_the_next_are_not() {
        let now = Instant::now();
        let (folder, mut log) = log(CAP);
        fs::remove_dir(folder.path()).unwrap();
        for number in 0..3 {
            assert_eq!(counts(&log.take(sample(number, ""), now)), (0, 0, false));
        }
        assert_eq!(counts(&log.finish()), (0, 3, true));
        fs::create_dir(folder.path()).unwrap();
        assert_eq!(counts(&log.take(sample(4, ""), now)), (0, 0, false));
        assert_eq!(counts(&log.finish()), (1, 0, false));
        assert_eq!(texts(&only_file(&folder).columns[1]), ["order-4"]);
    }
}
