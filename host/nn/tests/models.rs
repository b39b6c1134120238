//! Real models, through `compute`, against what Python's ONNX Runtime says.
//!
//! The expected numbers come from onnxruntime 1.31.1, each model's as its test says:
//!
//! ```text
//! python -c 'import onnxruntime, numpy; print([x.tolist() if hasattr(x, "tolist") else x for x in
//!     onnxruntime.InferenceSession("tests/models/MODEL").run(None, FEED)])'
//! ```

mod support;

use std::path::Path;

use mlhost_nn::{Graph, GraphOptions, Graphs, NnError, Port};
use mlhost_wire::values::{ElementType, Elements, NamedTensor};

use support::{assert_close, named, request, sample, text};

/// Three rows: setosa, virginica, versicolor.
const FLOWERS: [f32; 12] = [5.1, 3.5, 1.4, 0.2, 6.3, 3.3, 6.0, 2.5, 5.9, 3.0, 4.2, 1.5];

const FLOWER_PROBABILITIES: [f32; 9] = [
    0.984_703_1,
    0.015_296_797,
    6.203_780_6e-8,
    1.491_786_2e-5,
    0.006_202_660_5,
    0.993_782_46,
    0.028_673_902,
    0.839_892_45,
    0.131_433_64,
];

fn flowers() -> NamedTensor {
    named("input", &[3, 4], Elements::F32(FLOWERS.to_vec()))
}

fn port(name: &str, element_type: ElementType, shape: &[Option<u32>]) -> Port {
    Port { name: name.to_owned(), element_type, shape: shape.to_vec() }
}

/// FEED: `{"input": numpy.float32([[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5], [5.9, 3.0, 4.2, 1.5]])}`
#[tokio::test]
async fn iris_predicts_what_python_predicts() {
    let graph = sample("iris.onnx");
    let found = graph.compute(request(vec![flowers()], &[])).await.unwrap();
    let [label, probabilities] = found.as_slice() else { panic!("{found:?}") };
    assert_close(label, &named("label", &[3], Elements::S64(vec![0, 2, 1])));
    let expected = named("probabilities", &[3, 3], Elements::F32(FLOWER_PROBABILITIES.to_vec()));
    assert_close(probabilities, &expected);
}

#[tokio::test]
async fn wanted_outputs_come_alone_and_in_the_order_asked_for() {
    let graph = sample("iris.onnx");
    for wanted in [&["probabilities"][..], &["probabilities", "label"], &["label"]] {
        let found = graph.compute(request(vec![flowers()], wanted)).await.unwrap();
        let names: Vec<_> = found.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, wanted);
    }
}

#[tokio::test]
async fn no_rows_give_no_rows() {
    let none = named("", &[0, 4], Elements::F32(vec![]));
    let found = sample("iris.onnx").compute(request(vec![none], &[])).await.unwrap();
    let expected =
        [named("label", &[0], Elements::S64(vec![])), named("probabilities", &[0, 3], Elements::F32(vec![]))];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_call_that_does_not_fit_is_refused_and_the_next_one_answered() {
    let graph = sample("iris.onnx");
    let wrong = named("input", &[1, 3], Elements::F64(vec![1.0; 3]));
    let error = graph.compute(request(vec![wrong], &[])).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "input `input` takes float32 of shape (-1, 4), found float64 of shape (1, 3)"
    );
    assert!(graph.compute(request(vec![flowers()], &[])).await.is_ok());
}

/// FEED as for iris.
#[tokio::test]
async fn a_sequence_of_maps_is_a_matrix_and_its_keys() {
    let graph = sample("iris_zipmap.onnx");
    let expected = [
        port("output_label", ElementType::S64, &[None]),
        port("output_probability", ElementType::F32, &[None, None]),
        port("output_probability.keys", ElementType::S64, &[None]),
    ];
    assert_eq!(graph.info().outputs, expected);
    let found = graph.compute(request(vec![flowers()], &[])).await.unwrap();
    let [label, probabilities, keys] = found.as_slice() else { panic!("{found:?}") };
    assert_close(label, &named("output_label", &[3], Elements::S64(vec![0, 2, 1])));
    let expected = named("output_probability", &[3, 3], Elements::F32(FLOWER_PROBABILITIES.to_vec()));
    assert_close(probabilities, &expected);
    assert_close(keys, &named("output_probability.keys", &[3], Elements::S64(vec![0, 1, 2])));
    let found = graph.compute(request(vec![flowers()], &["output_probability.keys"])).await.unwrap();
    assert_eq!(found.as_slice(), std::slice::from_ref(keys));
}

/// FEED: `{"sex": numpy.array([["female"], ["male"]], object), "embarked": numpy.array([["C"], ["S"]], object),
/// "age": numpy.float32([[29], [40]]), "fare": numpy.float32([[72.5], [8.05]]), "pclass": numpy.int64([[1], [3]])}`
#[tokio::test]
async fn titanic_takes_texts_and_numbers_in_any_order() {
    let inputs = vec![
        named("pclass", &[2, 1], Elements::S64(vec![1, 3])),
        named("sex", &[2, 1], text(&["female", "male"])),
        named("fare", &[2, 1], Elements::F32(vec![72.5, 8.05])),
        named("embarked", &[2, 1], text(&["C", "S"])),
        named("age", &[2, 1], Elements::F32(vec![29.0, 40.0])),
    ];
    let graph = sample("titanic_mixed.onnx");
    let shape = [None, Some(1)];
    let expected = [
        port("sex", ElementType::Text, &shape),
        port("embarked", ElementType::Text, &shape),
        port("age", ElementType::F32, &shape),
        port("fare", ElementType::F32, &shape),
        port("pclass", ElementType::S64, &shape),
    ];
    assert_eq!(graph.info().inputs, expected);
    let found = graph.compute(request(inputs, &[])).await.unwrap();
    let [label, probabilities] = found.as_slice() else { panic!("{found:?}") };
    assert_close(label, &named("label", &[2], Elements::S64(vec![1, 0])));
    let expected = vec![0.000_680_118_8, 0.999_319_9, 0.998_414_75, 0.001_585_245_1];
    assert_close(probabilities, &named("probabilities", &[2, 2], Elements::F32(expected)));
}

/// FEED: `{"text": numpy.array([["great"], ["bad"], ["äö"]], object)}`
#[tokio::test]
async fn sentiment_gives_texts_for_texts() {
    let inputs = vec![named("text", &[3, 1], text(&["great", "bad", "äö"]))];
    let found = sample("sentiment_tfidf_c_locale.onnx").compute(request(inputs, &[])).await.unwrap();
    let [label, probabilities] = found.as_slice() else { panic!("{found:?}") };
    assert_close(label, &named("label", &[3], text(&["pos", "neg", "neg"])));
    let expected = vec![0.417_547_58, 0.582_452_4, 0.562_309_74, 0.437_690_26, 0.504_685_9, 0.495_314_12];
    assert_close(probabilities, &named("probabilities", &[3, 2], Elements::F32(expected)));
}

/// FEED: `{"input": numpy.repeat(numpy.float32([[0], [20], [500]]), 30, axis=1)}`
#[tokio::test]
async fn an_output_has_the_shape_it_has_and_not_the_one_declared() {
    let graph = sample("cancer_lgbm.onnx");
    assert_eq!(graph.info().outputs[0], port("label", ElementType::S64, &[Some(1)]));
    let rows = [0.0, 20.0, 500.0].iter().flat_map(|value| [*value; 30]).collect();
    let inputs = vec![named("input", &[3, 30], Elements::F32(rows))];
    let found = graph.compute(request(inputs, &[])).await.unwrap();
    let [label, probabilities] = found.as_slice() else { panic!("{found:?}") };
    assert_close(label, &named("label", &[3], Elements::S64(vec![1, 1, 0])));
    let expected = vec![3.576_278_7e-7, 0.999_999_64, 0.397_372_37, 0.602_627_64, 0.999_998, 2.026_558e-6];
    assert_close(probabilities, &named("probabilities", &[3, 2], Elements::F32(expected)));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_each_get_their_own_answer() {
    let graph = sample("iris.onnx");
    let calls = (0..64usize).map(|call| {
        let graph = graph.clone();
        tokio::spawn(async move {
            let row = call % 3;
            let flower = named("", &[1, 4], Elements::F32(FLOWERS[row * 4..][..4].to_vec()));
            (row, graph.compute(request(vec![flower], &["label"])).await)
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let (row, answer) = call.await.unwrap();
        let expected = named("label", &[1], Elements::S64(vec![[0, 2, 1][row]]));
        assert_eq!(answer, Ok(vec![expected]));
    }
}

#[test]
fn a_sole_graph_also_answers_to_model() {
    let graph = sample("iris.onnx");
    let sole = Graphs::new(vec![graph.clone()]);
    assert_eq!(sole.names().collect::<Vec<_>>(), ["sample"]);
    assert!(sole.sole().is_some());
    for name in ["sample", "model"] {
        assert_eq!(sole.get(name).map(Graph::name), Ok("sample"));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/titanic_mixed.onnx");
    let second = Graph::load("second", &path, &GraphOptions::default()).unwrap();
    let two = Graphs::new(vec![graph, second]);
    assert!(two.sole().is_none());
    assert_eq!(two.get("second").map(|graph| graph.info().inputs.len()), Ok(5));
    let error = two.get("model").map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "there is no graph `model`; the graphs are `sample`, `second`");
    assert!(matches!(Graphs::default().get("model"), Err(NnError::GraphNotFound { .. })));
}
