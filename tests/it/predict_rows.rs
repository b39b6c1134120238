//! `mlhost predict` on files of rows: every format in and out, in order, each row once, whatever happens on the way.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use mlhost_tables::format::{Format, Packing};
use mlhost_tables::write::{self, Output as TableOutput};
use serde_json::{Value, json};

use crate::running::{Running, mlhost, models};
use crate::samples::close;

const COLUMNS: [&str; 4] = ["sepal_length", "sepal_width", "petal_length", "petal_width"];

/// Row `row` of made-up flowers, in millimetres.
fn flower(row: usize) -> [f64; 4] {
    let part = |step: usize, from: f64, to: f64| from + (row * step % 997) as f64 / 997.0 * (to - from);
    [part(31, 43.0, 79.0), part(57, 20.0, 44.0), part(89, 10.0, 69.0), part(7, 1.0, 25.0)]
}

fn csv(rows: usize) -> String {
    let mut text = format!("id,{}\n", COLUMNS.join(","));
    for row in 0..rows {
        let [a, b, c, d] = flower(row);
        text.push_str(&format!("{row},{a},{b},{c},{d}\n"));
    }
    text
}

fn json_lines(rows: usize) -> String {
    let line = |row: usize| {
        let values = COLUMNS.iter().zip(flower(row)).map(|(name, value)| ((*name).to_owned(), json!(value)));
        let mut object: serde_json::Map<String, Value> = values.collect();
        object.insert("id".to_owned(), json!(row));
        format!("{}\n", Value::Object(object))
    };
    (0..rows).map(line).collect()
}

/// The same rows as Arrow has them, in batches of 100.
fn write_batches(path: &Path, format: Format, rows: usize) {
    let mut fields = vec![Field::new("id", DataType::Float64, false)];
    fields.extend(COLUMNS.iter().map(|name| Field::new(*name, DataType::Float64, false)));
    let schema = Arc::new(Schema::new(fields));
    let mut output = TableOutput::create(path, format, Packing::Plain, None).unwrap();
    for start in (0..rows).step_by(100) {
        let part: Vec<usize> = (start..rows.min(start + 100)).collect();
        let column = |value: &dyn Fn(usize) -> f64| {
            Arc::new(Float64Array::from_iter_values(part.iter().map(|row| value(*row)))) as _
        };
        let mut arrays = vec![column(&|row| row as f64)];
        arrays.extend((0..4).map(|position| column(&|row| flower(row)[position])));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
        output.write(write::encode(batch, format).unwrap()).unwrap();
    }
    output.finish(&schema).unwrap();
}

fn iris() -> PathBuf {
    models().join("iris")
}

fn predict(flags: &[&str]) -> Output {
    mlhost().arg("predict").arg("-m").arg(iris()).args(flags).stdin(Stdio::null()).output().unwrap()
}

fn succeeds(flags: &[&str]) -> Output {
    let output = predict(flags);
    assert!(output.status.success(), "{flags:?}: {output:?}");
    output
}

fn error_of(flags: &[&str]) -> String {
    let output = predict(flags);
    assert_eq!(output.status.code(), Some(1), "{flags:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What the server answers to the same rows.
fn served(rows: usize) -> Vec<Value> {
    let server = Running::start(&["-m", shown(&iris())]);
    let data: Vec<_> = (0..rows).map(flower).collect();
    let body = json!({"dataframe_split": {"columns": COLUMNS, "data": data}}).to_string();
    let answer = server.invoke(&body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["predictions"].as_array().unwrap().clone()
}

#[test]
fn every_format_in_and_out_is_what_the_server_answers() {
    const ROWS: usize = 1003;
    let expected = Value::Array(served(ROWS));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in.csv"), csv(ROWS)).unwrap();
    fs::write(path("in.jsonl"), json_lines(ROWS)).unwrap();
    for format in [Format::Parquet, Format::Arrow, Format::ArrowStream] {
        write_batches(&path(&format!("in.{format}", format = format.name())), format, ROWS);
    }
    for input in Format::ALL {
        let input = path(&format!("in.{}", input.name()));
        let output = path("out.jsonl");
        succeeds(&["-i", shown(&input), "-o", shown(&output), "--batch-rows", "64", "--workers", "3"]);
        close(&Value::Array(lines(&text(&output))), &expected, shown(&input));
        assert!(!write::part(&output, "").exists() && !write::part(&output, "json").exists());
    }
    // And out again by way of each: what was written is read as it was meant.
    let echo = models().join("echo");
    for format in Format::ALL {
        let between = path(&format!("between.{}", format.name()));
        let output = path("again.jsonl");
        succeeds(&[
            "-i",
            shown(&path("in.parquet")),
            "-o",
            shown(&between),
            "--columns",
            "id",
            "--batch-rows",
            "100",
        ]);
        let echoed = mlhost()
            .args(["predict", "-m", shown(&echo), "-i", shown(&between), "-o", shown(&output)])
            .output()
            .unwrap();
        assert!(echoed.status.success(), "{format}: {echoed:?}");
        let mut again = lines(&text(&output));
        for (row, line) in again.iter_mut().enumerate() {
            let id = line.as_object_mut().unwrap().remove("id");
            assert_eq!(id.and_then(|id| id.as_f64()), Some(row as f64), "{format}");
        }
        close(&Value::Array(again), &expected, format.name());
    }
}

#[test]
fn pipes_patterns_folders_and_packed_files_are_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("b.csv"), csv(20)).unwrap();
    let whole = succeeds(&["-i", shown(&path("b.csv")), "--columns", "id"]).stdout;
    let whole = String::from_utf8(whole).unwrap();
    assert_eq!(whole.lines().count(), 21, "{whole}");
    assert!(whole.starts_with("id,species"), "{whole}");
    let mut child = mlhost()
        .args(["predict", "-m", shown(&iris()), "--input-format", "csv", "--columns", "id"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(csv(20).as_bytes()).unwrap();
    let piped = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), whole, "{}", String::from_utf8_lossy(&piped.stderr));
    // Packed out, packed in.
    for packed in ["out.csv.gz", "out.csv.zst"] {
        let packed = path(packed);
        succeeds(&[
            "-i",
            shown(&path("b.csv")),
            "-o",
            shown(&packed),
            "--columns",
            "id,sepal_length,sepal_width,petal_length,petal_width",
        ]);
        assert_ne!(fs::read(&packed).unwrap()[..2], *b"id", "{packed:?}");
        let again = succeeds(&["-i", shown(&packed), "--columns", "id"]).stdout;
        assert_eq!(String::from_utf8(again).unwrap(), whole);
        fs::remove_file(packed).unwrap();
    }
    // In the order of names, whatever is not rows left out.
    fs::write(path("a.csv"), "id,sepal_length,sepal_width,petal_length,petal_width\nfirst,50,33,14,2\n")
        .unwrap();
    fs::write(path("_SUCCESS"), "").unwrap();
    for input in [folder.path().to_owned(), path("*.csv")] {
        let both = String::from_utf8(succeeds(&["-i", shown(&input), "--columns", "id"]).stdout).unwrap();
        let ids: Vec<_> = both.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        assert_eq!((ids.len(), ids[0], ids[20]), (21, "first", "19"), "{both}");
    }
}

#[test]
fn as_many_files_as_there_are_are_predicted_on() {
    let folder = tempfile::tempdir().unwrap();
    for file in 0..100 {
        fs::write(folder.path().join(format!("{file:03}.csv")), csv(3)).unwrap();
    }
    let flags = ["-i", shown(folder.path()), "--columns", "id", "--workers", "1"];
    let all = String::from_utf8(succeeds(&flags).stdout).unwrap();
    let ids: String = all.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(ids, "012".repeat(100));
}

#[test]
fn a_row_that_is_refused_is_named_and_the_others_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut rows: Vec<String> = csv(500).lines().map(str::to_owned).collect();
    rows[1 + 123] = "123,x,1,2,3".to_owned();
    rows[1 + 400] = "400,1,2,3,4,5,6".to_owned();
    let input = path("in.csv");
    fs::write(&input, rows.join("\n")).unwrap();
    let output = path("out.csv");
    let flags = ["-i", shown(&input), "-o", shown(&output), "--columns", "id"];

    let said = error_of(&flags);
    assert!(said.contains("row 123 of") && said.contains("(line 125)") && said.contains("'x'"), "{said}");
    assert!(said.contains("hint: `--on-error skip`") && said.contains("`--resume`"), "{said}");
    assert!(!output.exists());

    let all = |on_error: &str| {
        succeeds(&[&flags[..], &["--on-error", on_error]].concat());
        let ids: Vec<String> = text(&output).lines().skip(1).map(str::to_owned).collect();
        let rejects = lines(&text(&path("out.csv.rejects.jsonl")));
        let told: Vec<_> =
            rejects.iter().map(|reject| (reject["row"].clone(), reject["line"].clone())).collect();
        assert_eq!(told, [(json!(123), json!(125)), (json!(400), json!(402))]);
        assert_eq!(rejects[0]["data"], "123,x,1,2,3");
        assert!(
            rejects[1]["reason"].as_str().unwrap().contains("Expected 5 fields in line 402, saw 7"),
            "{rejects:?}"
        );
        ids
    };
    let skipped = all("skip");
    assert_eq!(skipped.len(), 498);
    assert!(skipped[122].starts_with("122,") && skipped[123].starts_with("124,"));
    let nulls = all("null");
    assert_eq!(nulls.len(), 500);
    assert!(
        nulls[123].starts_with("123,") && nulls[123].trim_matches([',', '1', '2', '3']).is_empty(),
        "{}",
        nulls[123]
    );
    assert!(nulls[499].starts_with("499,"));
}

#[test]
fn a_run_that_was_killed_is_gone_on_with_and_no_row_is_lost_or_there_twice() {
    const ROWS: usize = 60_000;
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.csv");
    fs::write(&input, csv(ROWS)).unwrap();
    let expected = folder.path().join("expected.csv");
    succeeds(&["-i", shown(&input), "-o", shown(&expected), "--columns", "id"]);
    let output = folder.path().join("out.csv");
    let model = iris();
    let flags =
        ["predict", "-m", shown(&model), "-i", shown(&input), "-o", shown(&output), "--columns", "id"];
    let checkpoint = write::part(&output, "json");
    let mut kills = 0;
    // A row a call, so that it lasts; some kills, as far as there is something to kill.
    for _ in 0..2 {
        let mut child = mlhost()
            .args(flags)
            .args(["--resume", "--batch-rows", "1", "--workers", "1"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let before = fs::read(&checkpoint).ok();
        let begin = Instant::now();
        while fs::read(&checkpoint).ok() == before && child.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing is made last");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(300));
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills > 0, "it was done before it could be killed");
    assert!(!output.exists() && checkpoint.exists());
    let done: Value = serde_json::from_str(&text(&checkpoint)).unwrap();
    assert!(done["done"]["rows"].as_u64().unwrap() > 0, "{done}");
    let resumed = mlhost().args(flags).args(["--resume", "--json"]).output().unwrap();
    assert!(resumed.status.success(), "{resumed:?}");
    let summary: Value = serde_json::from_slice(&resumed.stdout).unwrap();
    assert_eq!(summary["rows"], ROWS, "{summary}");
    // Numbers differ in their last digits with the number of rows that ONNX Runtime sees at a time.
    let names = |path: &Path| -> Vec<String> {
        let line = |line: &str| line.splitn(3, ',').take(2).collect::<Vec<_>>().join(",");
        text(path).lines().map(line).collect()
    };
    let (found, wanted) = (names(&output), names(&expected));
    let differs = found.iter().zip(&wanted).position(|(one, other)| one != other);
    assert_eq!((found.len(), differs), (wanted.len(), None));
    assert!(!checkpoint.exists());

    // Other work is not gone on with.
    fs::write(&checkpoint, done.to_string()).unwrap();
    fs::write(&input, csv(10)).unwrap();
    let refused = mlhost().args(flags).arg("--resume").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains("another run left"), "{said}");
}

#[test]
fn what_is_left_of_a_parquet_is_whole_and_other_work_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rows = json_lines(300);
    fs::write(path("in.jsonl"), format!("{rows}{{\"id\": 300}}\n")).unwrap();
    let output = path("out.parquet");
    let flags =
        ["-i", shown(&path("in.jsonl")), "-o", shown(&output), "--columns", "id", "--batch-rows", "50"]
            .map(str::to_owned);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let said = error_of(&flags);
    assert!(said.contains("row 300 of") && said.contains("line 301"), "{said}");
    assert!(said.contains("`--resume`") && !output.exists(), "{said}");
    // The same work, with the last row mended: the file is another one, and so is the work.
    fs::write(path("in.jsonl"), json_lines(301)).unwrap();
    let said = error_of(&[&flags[..], &["--resume"]].concat());
    assert!(said.contains("another run left"), "{said}");
    let skipped = path("skipped.parquet");
    succeeds(&["-i", shown(&path("in.jsonl")), "-o", shown(&skipped), "--on-error", "skip"]);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().any(|name| name == "out.parquet.part.0"), "{left:?}");
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("skipped.parquet.part")), "{left:?}");
}

#[test]
fn what_is_wrong_with_files_and_flags_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let input = path("in.csv");
    fs::write(&input, csv(10)).unwrap();
    let input = shown(&input).to_owned();
    let output = shown(&path("out.csv")).to_owned();
    fs::write(path("short.csv"), "id,sepal_length\n1,2\n").unwrap();
    fs::write(path("empty.csv"), "").unwrap();
    fs::write(path("open.csv"), "a,b\n\"1,2\n").unwrap();
    write_batches(&path("whole.parquet"), Format::Parquet, 100);
    let mut damaged = fs::read(path("whole.parquet")).unwrap();
    let middle = damaged.len() / 3;
    damaged[4..middle].fill(0xff);
    fs::write(path("damaged.parquet"), &damaged).unwrap();
    fs::write(path("cut.parquet"), &damaged[..middle]).unwrap();
    let at = |name: &str| shown(&path(name)).to_owned();
    let refused = |input: &str, parts: &[&str]| {
        let said = error_of(&["-i", &at(input), "-o", &output]);
        for part in parts {
            assert!(said.contains(part), "{input}: {said}");
        }
        assert!(!path("out.csv").exists(), "{input}");
    };
    refused("short.csv", &["row 0 of", "sepal_width"]);
    refused("empty.csv", &["empty.csv", "its first line names the columns"]);
    refused("open.csv", &["open.csv"]);
    refused("cut.parquet", &["cut.parquet", "no Parquet file"]);
    refused("damaged.parquet", &["damaged.parquet", "no Parquet file"]);
    refused("none.csv", &["cannot read `", "none.csv"]);
    refused("*.none.csv", &["no file is called like"]);
    let said = |flags: &[&str], parts: &[&str]| {
        let said = error_of(flags);
        for part in parts {
            assert!(said.contains(part), "{flags:?}: {said}");
        }
    };
    let unknown = ["-i", &input, "-o", &output, "--columns", "colour"];
    said(&unknown, &["no column `colour`", "it has id, sepal_length"]);
    said(&["-i", &input, "-o", &input], &["is the input, too"]);
    said(&["-i", &input, "-o", &at("out")], &["what is to be written into", "hint:"]);
    said(&["-i", &input, "-t", "csv", "--columns", "id"], &["`-t` says", "`--columns`", "hint:"]);
    // A disk without room.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let refused =
        mlhost().args(["predict", "-m", shown(&iris()), "-i", &input]).stdout(full).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && said.contains("cannot write `standard output`"), "{said}");
    // A folder that is not there.
    let said = error_of(&["-i", &input, "-o", shown(&path("none/out.csv"))]);
    assert!(said.contains("cannot write") && said.contains("none/out.csv"), "{said}");
}
