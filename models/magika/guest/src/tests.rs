//! Features, thresholds and the way through the graph, on a configuration small enough to read.

use mlhost_guest::{Blob, Tensors, testing};

use super::*;

const CONFIG: &str = r#"{"beg_size": 4, "mid_size": 0, "end_size": 3, "use_inputs_at_offsets": false,
    "medium_confidence_threshold": 0.5, "min_file_size_for_dl": 2, "padding_token": 256, "block_size": 6,
    "target_labels_space": ["elf", "rust", "randomtxt", "sql"], "thresholds": {"sql": 0.9},
    "overwrite_map": {"randomtxt": "txt"}}"#;
const TEXT_LABELS: &str = r#"["rust", "sql", "txt"]"#;

fn config() -> Config {
    Config::parse(CONFIG.as_bytes(), TEXT_LABELS.as_bytes()).unwrap()
}

fn magika() -> Magika {
    testing::artifact("config", CONFIG);
    testing::artifact("text_labels", TEXT_LABELS);
    Magika::load_context(&testing::context("{}")).unwrap()
}

fn blob(data: &[u8]) -> Input {
    Input::Blob(Blob { content_type: "application/octet-stream".into(), data: data.to_vec() })
}

#[test]
fn features_are_the_stripped_ends_padded_where_there_is_nothing() {
    const NONE: i32 = 256;
    let cases: [(&[u8], [i32; 7]); 5] = [
        (b"ab", [97, 98, NONE, NONE, NONE, 97, 98]),
        (b" ab\n", [97, 98, 10, NONE, 32, 97, 98]),
        (b"abcdefgh", [97, 98, 99, 100, 102, 103, 104]),
        // Only the first six bytes are looked at for the beginning, and the last six for the end.
        (b"    abcdef", [97, 98, NONE, NONE, 100, 101, 102]),
        (b"\x0b\x0cab\x0b\r", [97, 98, 11, 13, 12, 97, 98]),
    ];
    for (content, expected) in cases {
        assert_eq!(extract(&config(), content), Features::Tokens(expected.to_vec()), "{content:?}");
    }
}

#[test]
fn contents_too_short_for_the_graph_are_judged_without_it() {
    for (content, label) in [
        (&b""[..], "empty"),
        (b"a", "txt"),
        (b"\xff", "unknown"),
        (b"     ", "txt"),
        (b"     a    b", "txt"),
        ("     \u{e4}".as_bytes(), "unknown"),
    ] {
        assert_eq!(magika().identify(&[content]), Ok(vec![certain(label)]), "{content:?}");
    }
}

#[test]
fn thresholds_and_overwritten_labels_are_those_of_the_configuration() {
    let config = config();
    for (label, score, expected) in [
        ("elf", 0.5, "elf"),
        ("elf", 0.49, "unknown"),
        ("rust", 0.49, "txt"),
        ("sql", 0.89, "txt"),
        ("sql", 0.9, "sql"),
        ("randomtxt", 0.99, "txt"),
    ] {
        assert_eq!(config.output_label(label, score), expected, "{label} {score}");
    }
}

#[test]
fn rows_that_need_the_graph_share_one_run_and_keep_their_places() {
    testing::graph("magika", |inputs| {
        assert_eq!(inputs.get("bytes")?.shape(), [2, 7]);
        let scores = [0.75, 0.25, 0.0, 0.0, 0.0, 0.5, 0.0, 0.5];
        Ok(Tensors::from([("target_label", Tensor::f32([2, 4], scores)?)]))
    });
    let contents = vec![b"\x7fELF".to_vec(), vec![], b"fn main".to_vec()];
    let table = Table::builder().binary("content", contents).build().unwrap();
    let answer = magika().predict(Input::Table(table), Params::default());
    let expected = Table::builder().text("label", ["elf", "empty", "rust"]).f64("score", [0.75, 1.0, 0.5]);
    assert_eq!(answer, Ok(Output::Table(expected.build().unwrap())));
}

#[test]
fn a_body_is_one_row() {
    testing::graph("magika", |_| {
        Ok(Tensors::from([("target_label", Tensor::f32([1, 4], [0.0, 1.0, 0.0, 0.0])?)]))
    });
    let expected = Table::builder().text("label", ["rust"]).f64("score", [1.0]).build().unwrap();
    assert_eq!(magika().predict(blob(b"fn main"), Params::default()), Ok(expected.into()));
}

#[test]
fn a_missing_content_or_tensors_are_rejected() {
    let table = Table::builder().binary("content", [Some(vec![1]), None]).build().unwrap();
    let error = magika().predict(Input::Table(table), Params::default()).unwrap_err();
    assert_eq!(error, Error::rejected("`content` in row 1 is missing"));
    let error = magika().predict(Input::Tensors(Tensors::default()), Params::default()).unwrap_err();
    assert!(error.is_rejected());
}

#[test]
fn a_graph_with_too_few_rows_is_a_failure() {
    testing::graph("magika", |_| Ok(Tensors::from([("target_label", Tensor::f32([0, 4], [])?)])));
    assert!(magika().predict(blob(b"fn main"), Params::default()).is_err_and(|error| !error.is_rejected()));
}

#[test]
fn a_configuration_with_other_features_is_refused() {
    for (from, to) in [
        ("\"mid_size\": 0", "\"mid_size\": 1"),
        ("false", "true"),
        ("\"block_size\": 6", "\"block_size\": 3"),
        ("\"min_file_size_for_dl\": 2", "\"min_file_size_for_dl\": 0"),
    ] {
        let other = CONFIG.replace(from, to);
        assert_ne!(other, CONFIG);
        assert!(Config::parse(other.as_bytes(), TEXT_LABELS.as_bytes()).is_err(), "{to}");
    }
}
