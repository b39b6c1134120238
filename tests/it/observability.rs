//! What operators see of a running server: metrics and their page, probes, the log's filter, traces, access lines, samples.

mod admin;
mod collector;
mod exposition;
mod metrics;
mod pages;
mod requests;
mod samples;
mod traces;

const FLOWERS: &str = r#"{"dataframe_split": {"columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
    "data": [[51, 35, 14, 2], [5, 3, 1, 2]]}}"#;
