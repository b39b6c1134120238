//! What reading a request and writing an answer costs: bytes to a call in each of MLflow's JSON forms, a reply to bytes.
//!
//! `cargo bench --bench codec [-- FILTER]`. Four columns of doubles, as the iris sample has them; no server, no sandbox, no
//! graph. Throughput is in rows.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mlhost_bundle::Bundle;
use mlhost_wire::dialect::mlflow::{Envelope, Mlflow};
use mlhost_wire::dialect::{Dialect as _, Interface, Request};
use mlhost_wire::values::{Column, ColumnData, Output, Reply, Table};

const COLUMNS: [&str; 4] = ["sepal_length", "sepal_width", "petal_length", "petal_width"];
const ROWS: [usize; 3] = [1, 100, 1000];
const SPECIES: [&str; 3] = ["setosa", "versicolor", "virginica"];

/// A body of so many rows.
type Form = fn(usize) -> String;

/// A flower's cells; full-precision doubles, as they come out of other people's arithmetic.
fn cells(row: usize) -> [f64; 4] {
    [51.0, 35.0, 14.0, 2.0].map(|base| base + (row % 97) as f64 / 7.0)
}

fn split(rows: usize) -> String {
    let rows: Vec<String> = (0..rows).map(|row| format!("{:?}", cells(row))).collect();
    format!("{{\"dataframe_split\": {{\"columns\": {COLUMNS:?}, \"data\": [{}]}}}}", rows.join(", "))
}

fn records(rows: usize) -> String {
    let record = |row| {
        let cells = COLUMNS.iter().zip(cells(row)).map(|(name, cell)| format!("{name:?}: {cell:?}"));
        format!("{{{}}}", cells.collect::<Vec<_>>().join(", "))
    };
    format!("{{\"dataframe_records\": [{}]}}", (0..rows).map(record).collect::<Vec<_>>().join(", "))
}

/// By column, as MLflow's `inputs` has it.
fn inputs(rows: usize) -> String {
    let column = |(index, name): (usize, &&str)| {
        let cells: Vec<f64> = (0..rows).map(|row| cells(row)[index]).collect();
        format!("{name:?}: {cells:?}")
    };
    format!("{{\"inputs\": {{{}}}}}", COLUMNS.iter().enumerate().map(column).collect::<Vec<_>>().join(", "))
}

/// What the iris sample answers.
fn reply(rows: usize) -> Reply {
    let column = |name: &str, data| Column { name: name.to_owned(), data, validity: None };
    let species = (0..rows).map(|row| SPECIES[row % SPECIES.len()]).collect();
    let mut columns = vec![column("species", ColumnData::Text(species))];
    for (class, name) in SPECIES.iter().enumerate() {
        let probabilities = (0..rows).map(|row| f64::from(0.9 / (row + class + 1) as f32)).collect();
        columns.push(column(&format!("probability_{name}"), ColumnData::F64(probabilities)));
    }
    Reply { output: Output::Table(Table { columns, rows }) }
}

fn interface() -> Interface {
    Bundle::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/iris")).unwrap().interface
}

fn decode(criterion: &mut Criterion) {
    let interface = interface();
    let mut group = criterion.benchmark_group("decode");
    let forms: [(&str, Form); 3] =
        [("dataframe_split", split), ("dataframe_records", records), ("inputs", inputs)];
    for (form, body) in forms {
        for rows in ROWS {
            let body = body(rows);
            let request = Request { content_type: Some("application/json"), body: body.as_bytes() };
            group.throughput(Throughput::Elements(rows as u64));
            group.bench_function(BenchmarkId::new(form, rows), |bencher| {
                bencher.iter(|| Mlflow::default().decode(black_box(request), &interface).unwrap());
            });
        }
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for rows in ROWS {
        let reply = reply(rows);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::new("records", rows), |bencher| {
            bencher.iter_batched(
                || reply.clone(),
                |reply| Mlflow::default().encode(reply, Envelope::Predictions).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
