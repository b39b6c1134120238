//! Requests and answers that are written down: all of one, none of most, and never more than their cap.

use std::fs;
use std::path::{Path, PathBuf};

use mlhost_wire::dialect::mlflow::Mlflow;
use mlhost_wire::dialect::{Dialect as _, Interface, Request};
use mlhost_wire::values::{Column, ColumnData, Input, Table};
use serde_json::{Value, json};

use super::FLOWERS;
use super::exposition::Exposition;
use crate::running::{Running, mlhost, models};

/// What is in a Parquet file, as mlhost itself reads it.
fn parquet(path: &Path) -> Table {
    let body = fs::read(path).unwrap();
    let request = Request { content_type: Some("application/vnd.apache.parquet"), body: &body };
    match Mlflow::default().decode(request, &Interface::default()).unwrap().call.input {
        Input::Table(table) => table,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn texts(table: &Table, name: &str) -> Vec<String> {
    let column = table.columns.iter().find(|column| column.name == name);
    let Some(Column { data: ColumnData::Text(values), .. }) = column else { panic!("{name}: {column:?}") };
    values.iter().map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
}

/// All that is in a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    files
}

#[test]
fn what_was_asked_and_answered_is_written_as_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("samples.jsonl");
    let flags = ["--sample-log", path.to_str().unwrap(), "--sample-rate", "1"];
    let mut server = Running::sample("iris", &flags);
    let headers = [("Content-Type", "application/json"), ("X-Request-Id", "order-10")];
    let answer = server.send("POST", "/invocations", &headers, FLOWERS.as_bytes()).json();
    // What was refused says nothing about drift.
    assert_eq!(server.invoke("{").status, 400);
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    let text = fs::read_to_string(&path).unwrap();
    let [line] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["request_id"], &line["model"]), (&"order-10".into(), &"iris".into()));
    assert_eq!(line["input"]["columns"]["sepal_length"], json!([51.0, 5.0]));
    let species: Vec<_> =
        answer["predictions"].as_array().unwrap().iter().map(|row| &row["species"]).collect();
    assert_eq!(line["output"]["columns"]["species"], json!(species));
}

#[test]
fn what_was_asked_and_answered_is_the_same_as_a_row_of_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("samples.jsonl");
    let rows = tempfile::tempdir().unwrap();
    for path in [&lines, &rows.path().join("samples.parquet")] {
        let flags = ["--sample-log", path.to_str().unwrap(), "--sample-rate", "1"];
        let mut server = Running::sample("iris", &flags);
        for name in ["order-10", "order-11"] {
            let headers = [("Content-Type", "application/json"), ("X-Request-Id", name)];
            assert_eq!(server.send("POST", "/invocations", &headers, FLOWERS.as_bytes()).status, 200);
        }
        assert_eq!(server.invoke("{").status, 400);
        if path != &lines {
            // It is not there before it is whole: a minute later, or at the end.
            assert_eq!(files(rows.path()), [] as [PathBuf; 0]);
        }
        server.signal(libc::SIGTERM);
        assert!(server.wait().success());
    }
    let [file] = &files(rows.path())[..] else { panic!("{:?}", files(rows.path())) };
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("samples-2") && name.ends_with("Z-000001.parquet"), "{name}");
    let table = parquet(file);
    assert_eq!(texts(&table, "request_id"), ["order-10", "order-11"]);
    assert!(matches!(table.columns[0].data, ColumnData::Datetime(_)) && table.columns[0].name == "time");
    let text = fs::read_to_string(&lines).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in ["model", "version", "protocol"] {
        assert_eq!(texts(&table, name), [lines[0][name].as_str().unwrap(), lines[1][name].as_str().unwrap()]);
    }
    for name in ["input", "params", "output"] {
        assert_eq!(texts(&table, name), [lines[0][name].to_string(), lines[1][name].to_string()]);
    }
}

#[test]
fn a_rate_of_none_writes_none_and_a_cap_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.jsonl");
    let server = Running::sample("iris", &["--sample-log", none.to_str().unwrap(), "--sample-rate", "0"]);
    assert_eq!(server.invoke(FLOWERS).status, 200);
    drop(server);
    assert_eq!(fs::metadata(&none).unwrap().len(), 0);

    let path = folder.path().join("capped.jsonl");
    let flags = ["--sample-log", path.to_str().unwrap(), "--sample-rate", "1", "--sample-log-max", "4KiB"];
    let mut server = Running::sample("iris", &[&flags[..], &["--admin-address", "0"]].concat());
    for _ in 0..40 {
        assert_eq!(server.invoke(FLOWERS).status, 200);
    }
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    let before = fs::read_to_string(folder.path().join("capped.jsonl.1")).unwrap();
    let now = fs::read_to_string(&path).unwrap();
    assert!(before.len() + now.len() <= 4096 && before.len() > 1024, "{} and {}", before.len(), now.len());
    assert!(before.lines().chain(now.lines()).all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn parquet_files_keep_the_cap_and_the_newest_rows() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("samples-of-another.parquet");
    fs::write(&other, [b'x'; 16 << 10]).unwrap();
    let path = folder.path().join("samples.parquet");
    let flags = ["--sample-log", path.to_str().unwrap(), "--sample-rate", "1", "--sample-log-max", "8KiB"];
    let mut server = Running::sample("iris", &flags);
    for number in 0..100 {
        let name = number.to_string();
        let headers = [("Content-Type", "application/json"), ("X-Request-Id", name.as_str())];
        assert_eq!(server.send("POST", "/invocations", &headers, FLOWERS.as_bytes()).status, 200);
    }
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    let mut files = files(folder.path());
    files.retain(|file| *file != other);
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes <= 8 << 10 && files.len() > 1, "{bytes} in {files:?}");
    let rows: Vec<_> = files.iter().flat_map(|file| texts(&parquet(file), "request_id")).collect();
    let newest: Vec<_> = (100 - rows.len()..100).map(|number| number.to_string()).collect();
    assert!(rows == newest && rows.len() < 100, "{rows:?}");
    assert_eq!(fs::metadata(&other).unwrap().len(), 16 << 10);
}

#[test]
fn samples_that_cannot_be_written_are_dropped_and_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log/samples.parquet");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let flags = ["--sample-log", path.to_str().unwrap(), "--sample-rate", "1", "--sample-log-max", "16KiB"];
    let mut server = Running::sample("iris", &[&flags[..], &["--admin-address", "0"]].concat());
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    for _ in 0..100 {
        assert_eq!(server.invoke(FLOWERS).status, 200);
    }
    let said = server.logged("samples are dropped");
    assert!(said.contains("log/samples.parquet"), "{said}");
    let metrics = Exposition::parse(&server.admin("GET", "/metrics", &[], b"").body);
    assert!(metrics.value("mlhost_samples_dropped_total", &[]) > 1.0);
    assert_eq!(metrics.value("mlhost_samples_written_total", &[]), 0.0);
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    let again = server.rest_of_log();
    assert!(!again.iter().any(|line| line.contains("samples are dropped")), "{again:?}");
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_anything_is_served() {
    for path in ["/no-such-folder/samples.jsonl", "/no-such-folder/samples.parquet"] {
        let output = mlhost()
            .args(["serve", "-p", "0", "--sample-log", path, "-m"])
            .arg(models().join("echo"))
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && error.contains("hint: `--sample-log`"), "{error}");
    }
}
