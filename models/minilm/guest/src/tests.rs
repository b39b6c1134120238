//! The way from a table through the graph to embeddings, with a graph that is easy to reckon with.

use mlhost_guest::{Tensors, Value, testing};

use super::*;

fn minilm() -> MiniLm {
    testing::artifact("vocab", include_str!("../../vocab.txt"));
    MiniLm::load_context(&testing::context("{}")).unwrap()
}

fn predict(texts: &[Option<&str>], params: Params) -> Result<Output, Error> {
    let table = Table::builder().text("text", texts.iter().copied()).build().unwrap();
    minilm().predict(Input::Table(table), params)
}

/// Answers each position with its token's number at that number's place, and padding with what would spoil any mean.
fn numbers_as_vectors(inputs: &Tensors) -> Result<Tensors, Error> {
    let shape = inputs.get("input_ids")?.shape().to_vec();
    let mut positions = vec![0.0; shape[0] * shape[1] * WIDTH];
    let tokens = inputs.get("input_ids")?.as_s64()?.iter().zip(inputs.get("attention_mask")?.as_s64()?);
    for ((number, mask), vector) in tokens.zip(positions.chunks_exact_mut(WIDTH)) {
        if *mask == 0 {
            vector.fill(f32::NAN);
        } else {
            vector[*number as usize % WIDTH] = 1.0;
        }
    }
    Ok(Tensors::from([("last_hidden_state", Tensor::f32([shape[0], shape[1], WIDTH], positions)?)]))
}

fn embeddings(output: Output) -> Vec<Vec<f32>> {
    let Output::Tensors(tensors) = output else { panic!("{output:?}") };
    let tensor = tensors.into_single().unwrap();
    assert_eq!(tensor.shape()[1], WIDTH);
    tensor.as_f32().unwrap().chunks_exact(WIDTH).map(<[f32]>::to_vec).collect()
}

/// The embedding of a text with these tokens, all different.
fn expected(numbers: &[usize]) -> Vec<f32> {
    let mut embedding = vec![0.0; WIDTH];
    for number in numbers {
        embedding[number % WIDTH] = 1.0 / (numbers.len() as f32).sqrt();
    }
    embedding
}

fn close(found: &[f32], expected: &[f32]) -> bool {
    found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6)
}

#[test]
fn texts_reach_the_graph_padded_and_masked() {
    testing::graph("minilm", |inputs| {
        assert_eq!(inputs.get("input_ids")?.shape(), [2, 8]);
        let numbers = inputs.get("input_ids")?.as_s64()?;
        assert_eq!(numbers, [101, 7592, 1010, 2088, 999, 102, 0, 0, 101, 102, 0, 0, 0, 0, 0, 0]);
        let mask = inputs.get("attention_mask")?.as_s64()?;
        assert_eq!(mask, [1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(inputs.get("token_type_ids")?.as_s64()?, [0; 16]);
        numbers_as_vectors(&inputs)
    });
    assert!(predict(&[Some("Hello, world!"), Some("")], Params::default()).is_ok());
}

#[test]
fn every_text_gets_its_own_embedding_in_the_order_of_the_call() {
    testing::graph("minilm", |inputs| numbers_as_vectors(&inputs));
    let texts = [Some(""), Some("hello world"), Some("world")];
    let found = embeddings(predict(&texts, Params::default()).unwrap());
    let wanted = [&[101, 102][..], &[101, 7592, 2088, 102], &[101, 2088, 102]];
    assert_eq!(found.len(), wanted.len());
    for (found, numbers) in found.iter().zip(wanted) {
        assert!(close(found, &expected(numbers)), "{numbers:?}: {found:?}");
    }
}

#[test]
fn a_call_of_many_texts_is_several_runs() {
    testing::graph("minilm", |inputs| {
        let shape = inputs.get("input_ids")?.shape().to_vec();
        assert!(shape[0] * shape[1] <= 2048, "{shape:?}");
        numbers_as_vectors(&inputs)
    });
    let texts: Vec<Option<&str>> = [Some("hello world"), Some("")].repeat(1000);
    let found = embeddings(predict(&texts, Params::default()).unwrap());
    assert_eq!(found.len(), 2000);
    assert!(found.chunks(2).all(|pair| pair[0] != pair[1] && pair == &found[..2]));
}

#[test]
fn no_texts_have_no_embeddings() {
    let output = predict(&[], Params::default()).unwrap();
    assert_eq!(output, Tensor::f32([0, WIDTH], []).unwrap().into());
}

#[test]
fn the_limit_of_tokens_is_a_parameter() {
    testing::graph("minilm", |inputs| {
        assert_eq!(inputs.get("input_ids")?.as_s64()?, [101, 7592, 102, 0]);
        numbers_as_vectors(&inputs)
    });
    let limit = |limit| Params::from([("max_tokens", Value::Integer(limit))]);
    assert!(predict(&[Some("hello world")], limit(3)).is_ok());
    for wrong in [2, 513, -1] {
        let message = format!("`max_tokens` must be from 3 to 512, not {wrong}");
        assert_eq!(predict(&[Some("hello")], limit(wrong)), Err(Error::rejected(message)));
    }
}

#[test]
fn a_missing_text_is_rejected_with_its_row() {
    let error = predict(&[Some("a"), None], Params::default()).unwrap_err();
    assert_eq!(error, Error::rejected("`text` in row 1 is missing"));
}

#[test]
fn a_graph_that_answers_another_shape_is_this_models_fault() {
    testing::graph("minilm", |_| {
        Ok(Tensors::from([("last_hidden_state", Tensor::f32([1, WIDTH], [0.0; WIDTH])?)]))
    });
    let error = predict(&[Some("hello")], Params::default()).unwrap_err();
    assert!(!error.is_rejected());
    assert!(error.message().contains("[1, 384]"), "{error}");
}
