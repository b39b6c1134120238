//! Answers that real MLflow models gave, spelled again from the values they returned.

use mlhost_wire::dialect::Dialect as _;
use mlhost_wire::dialect::mlflow::{Compat, Envelope, Mlflow};
use mlhost_wire::values::{Column, ColumnData, Elements, NamedTensor, Output, Reply, Table, Tensor};
use serde_json::Value as Json;

use crate::vectors;

fn table(columns: Vec<(&str, ColumnData)>) -> Output {
    let rows = columns.first().map_or(0, |(_, data)| data.len());
    let columns =
        columns.into_iter().map(|(name, data)| Column { name: name.to_owned(), data, validity: None });
    Output::Table(Table { columns: columns.collect(), rows })
}

fn tensors(tensors: Vec<(&str, &[u32], Elements)>) -> Output {
    let named = tensors.into_iter().map(|(name, shape, elements)| NamedTensor {
        name: name.to_owned(),
        tensor: Tensor { shape: shape.to_vec(), elements },
    });
    Output::Tensors(named.collect())
}

/// What the capture's model returned, by the name of the case.
fn returned(case: &str) -> Option<Output> {
    Some(match case {
        "series_unnamed" => table(vec![("0", ColumnData::F64(vec![1.5, 2.5]))]),
        "nd1" => tensors(vec![("", &[3], Elements::S64(vec![1, 2, 3]))]),
        "ndnan" => {
            let values = vec![1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
            tensors(vec![("", &[4], Elements::F64(values))])
        }
        "dict_nd" => {
            tensors(vec![("x", &[2], Elements::S64(vec![1, 2])), ("y", &[1, 1], Elements::F64(vec![0.5]))])
        }
        "list" => Output::Json("[1, \"a\", null, true]".to_owned()),
        "npscalar" => tensors(vec![("", &[], Elements::F32(vec![3.1]))]),
        "str" => Output::Json("\"hello \\u00e9 \\u4f60\"".to_owned()),
        "none" => Output::Json("null".to_owned()),
        "dt" => table(vec![(
            "t",
            ColumnData::Datetime(vec![1_609_459_200_000_000_000, 1_612_269_296_789_000_000]),
        )]),
        "date" => Output::Json("[\"2020-01-02\", \"2020-01-02T03:04:05\"]".to_owned()),
        "npbool" => tensors(vec![("", &[2], Elements::Boolean(vec![1, 0]))]),
        "npstr" => tensors(vec![("", &[2], Elements::Text(["a", "b"].iter().collect()))]),
        // The model fails in these three.
        "decimal" | "raise" | "mlraise" => return None,
        other => panic!("the capture's case `{other}` is not known"),
    })
}

#[test]
fn every_captured_answer_is_spelled_as_mlflow_does() {
    let mut compared = 0;
    for vector in vectors("out").as_array().expect("a list") {
        let name = vector["name"].as_str().expect("a name");
        let Some(output) = returned(name) else { continue };
        let strict = Mlflow { compat: Compat::Strict };
        let answer =
            strict.encode(Reply { output: output.clone() }, Envelope::Predictions).expect("an answer");
        // Bare literals are no JSON; as texts they are compared with the captured ones.
        let text = String::from_utf8(answer.body).expect("text");
        let text = text.replace(" NaN", " \"NaN\"").replace(" Infinity", " \"Infinity\"");
        let got: Json = serde_json::from_str(&text.replace(" -Infinity", " \"-Infinity\"")).expect("JSON");
        assert_eq!(got, vector["resp"], "{name}");

        let answer = Mlflow::default().encode(Reply { output }, Envelope::Predictions).expect("an answer");
        assert_eq!(
            (answer.status, answer.content_type.as_deref()),
            (200, Some("application/json")),
            "{name}"
        );
        let got: Json =
            serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut wanted = vector["resp"].clone();
        if name == "ndnan" {
            // On purpose: a bare NaN or Infinity is no JSON, so null stands for each.
            assert_eq!(wanted["predictions"], serde_json::json!([1.0, "NaN", "Infinity", "-Infinity"]));
            wanted["predictions"] = serde_json::json!([1.0, null, null, null]);
        }
        assert_eq!(got, wanted, "{name}");
        compared += 1;
    }
    assert_eq!(compared, 12);
}
