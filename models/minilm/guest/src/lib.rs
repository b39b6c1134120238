//! MiniLM: a table of texts in, an embedding for each out, so that texts of like meaning have vectors of like direction.
//!
//! The graph takes numbers of tokens and answers a vector for each position. This guest makes the one out of texts
//! (`normalise`, `vocabulary`, `wordpiece`) and embeddings out of the other (`pooling`). The vocabulary is an artifact
//! of the bundle, read once: every call starts with it in memory.

mod normalise;
mod pooling;
mod runs;
mod vocabulary;
mod wordpiece;

use mlhost_guest::{Context, Error, Graph, Input, Output, Params, Predictor, Table, Tensor};

use crate::runs::{Run, runs};
use crate::vocabulary::Vocabulary;
use crate::wordpiece::WordPiece;

/// The numbers in an embedding.
const WIDTH: usize = 384;

/// Tokens of a text that count, the marks of its start and end included: by default as many as in training, at most as
/// many as the graph knows positions, at least one that is no mark.
const TOKENS: usize = 128;
const MOST_TOKENS: usize = 512;
const FEWEST_TOKENS: usize = 3;

/// The model: its graph and its tokenizer.
pub struct MiniLm {
    graph: Graph,
    tokenizer: WordPiece,
}

// === impl MiniLm ===

impl Predictor for MiniLm {
    fn load_context(context: &Context) -> Result<Self, Error> {
        let vocabulary = Vocabulary::parse(context.artifact_text("vocab")?)?;
        Ok(Self { graph: Graph::named("minilm"), tokenizer: WordPiece::new(vocabulary)? })
    }

    fn predict(&self, input: Input, params: Params) -> Result<Output, Error> {
        let limit = limit(&params)?;
        let table = input.into_table()?;
        let tokens = self.tokens(&table, limit)?;
        let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
        let mut embeddings = vec![0.0; tokens.len() * WIDTH];
        for run in runs(&lengths) {
            let positions = self.run(&run, &tokens)?;
            for (text, positions) in run.texts.iter().zip(positions.chunks_exact(run.width * WIDTH)) {
                let embedding = &mut embeddings[text * WIDTH..(text + 1) * WIDTH];
                pooling::pool(positions, lengths[*text], embedding);
            }
        }
        Ok(Tensor::f32([tokens.len(), WIDTH], embeddings)?.into())
    }
}

impl MiniLm {
    fn tokens(&self, table: &Table, limit: usize) -> Result<Vec<Vec<i64>>, Error> {
        let encode = |(row, text): (usize, Option<&str>)| match text {
            Some(text) => Ok(self.tokenizer.encode(text, limit)),
            None => Err(Error::rejected(format_args!("`text` in row {row} is missing"))),
        };
        table.text("text")?.iter().enumerate().map(encode).collect()
    }

    /// What the graph says of each position of each text.
    fn run(&self, run: &Run, tokens: &[Vec<i64>]) -> Result<Vec<f32>, Error> {
        let shape = [run.texts.len(), run.width];
        let size = run.texts.len() * run.width;
        // Padding is token 0 under a mask of 0.
        let (mut numbers, mut mask) = (vec![0i64; size], vec![0i64; size]);
        let rows = numbers.chunks_exact_mut(run.width).zip(mask.chunks_exact_mut(run.width));
        for (text, (numbers, mask)) in run.texts.iter().zip(rows) {
            let tokens = &tokens[*text];
            numbers[..tokens.len()].copy_from_slice(tokens);
            mask[..tokens.len()].fill(1);
        }
        let mut outputs = self.graph.compute([
            ("input_ids", Tensor::s64(shape, numbers)?),
            ("attention_mask", Tensor::s64(shape, mask)?),
            ("token_type_ids", Tensor::s64(shape, vec![0; size])?),
        ])?;
        let positions = outputs.take("last_hidden_state")?;
        if positions.shape() == [shape[0], shape[1], WIDTH] {
            positions.into_f32()
        } else {
            let found = positions.shape();
            Err(Error::failed(format_args!("the graph answered shape {found:?} to inputs of {shape:?}")))
        }
    }
}

/// How many tokens of a text count.
fn limit(params: &Params) -> Result<usize, Error> {
    let Some(wanted) = params.integer("max_tokens")? else { return Ok(TOKENS) };
    let limit = usize::try_from(wanted).ok().filter(|limit| (FEWEST_TOKENS..=MOST_TOKENS).contains(limit));
    limit.ok_or_else(|| {
        Error::rejected(format_args!(
            "`max_tokens` must be from {FEWEST_TOKENS} to {MOST_TOKENS}, not {wanted}"
        ))
    })
}

mlhost_guest::export!(MiniLm);

#[cfg(test)]
mod tests;
