//! Magika: the content of a file in, the type of the file out.
//!
//! The features, thresholds and exceptions are those of `magika/magika.py` in magika 1.0.3, read from the model's own
//! configuration. Takes a body as it comes, or a table with a binary column `content`.

mod config;
mod features;

use mlhost_guest::{Context, Error, Graph, Input, Output, Params, Predictor, Table, Tensor};

use crate::config::Config;
use crate::features::{Features, extract};

/// The model: its graph and its configuration.
pub struct Magika {
    graph: Graph,
    config: Config,
}

/// A content's type, and how sure the model is of it.
#[derive(Clone, Debug, PartialEq)]
struct Verdict {
    label: String,
    score: f64,
}

// === impl Magika ===

impl Predictor for Magika {
    fn load_context(context: &Context) -> Result<Self, Error> {
        let config = Config::parse(&context.artifact("config")?, &context.artifact("text_labels")?)?;
        Ok(Self { graph: Graph::named("magika"), config })
    }

    fn predict(&self, input: Input, _params: Params) -> Result<Output, Error> {
        let verdicts = match &input {
            Input::Blob(blob) => self.identify(&[&blob.data])?,
            Input::Table(table) => {
                let missing = |row| Error::rejected(format_args!("`content` in row {row} is missing"));
                let contents = table.binary("content")?.iter().enumerate();
                let contents = contents.map(|(row, content)| content.ok_or_else(|| missing(row)));
                self.identify(&contents.collect::<Result<Vec<_>, _>>()?)?
            }
            Input::Tensors(_) => {
                return Err(Error::rejected("this model takes raw bytes or a table, not tensors"));
            }
        };
        let labels = verdicts.iter().map(|verdict| &verdict.label);
        let scores = verdicts.iter().map(|verdict| verdict.score);
        Ok(Table::builder().text("label", labels).f64("score", scores).build()?.into())
    }
}

impl Magika {
    /// The verdicts in order; all contents that need the graph share one run of it.
    fn identify(&self, contents: &[&[u8]]) -> Result<Vec<Verdict>, Error> {
        let mut verdicts = Vec::with_capacity(contents.len());
        let mut tokens = Vec::new();
        for content in contents {
            verdicts.push(match extract(&self.config, content) {
                Features::Tokens(features) => {
                    tokens.extend(features);
                    None
                }
                Features::Empty => Some(certain("empty")),
                Features::FewBytes { text } => Some(certain(if text { "txt" } else { "unknown" })),
            });
        }
        let width = self.config.beg_size + self.config.end_size;
        let rows = tokens.len() / width;
        let scores = if rows == 0 {
            Vec::new()
        } else {
            let mut outputs = self.graph.compute([("bytes", Tensor::s32([rows, width], tokens)?)])?;
            outputs.take("target_label")?.into_f32()?
        };
        let mut rows = scores.chunks_exact(self.config.target_labels_space.len());
        let scored = |verdict: Option<Verdict>| match verdict {
            Some(verdict) => Ok(verdict),
            None => {
                self.judge(rows.next().ok_or_else(|| Error::failed("the graph answered with too few rows"))?)
            }
        };
        verdicts.into_iter().map(scored).collect()
    }

    /// The most probable label, and what the configuration makes of it.
    fn judge(&self, scores: &[f32]) -> Result<Verdict, Error> {
        let first = (0, f32::NEG_INFINITY);
        let (best, score) = scores.iter().copied().enumerate().fold(first, |best, candidate| {
            // Of equal scores the first wins, as in Python's `max`.
            if candidate.1 > best.1 { candidate } else { best }
        });
        let label = self.config.target_labels_space.get(best);
        let label = label.ok_or_else(|| Error::failed(format_args!("class {best} has no label")))?;
        let score = f64::from(score);
        Ok(Verdict { label: self.config.output_label(label, score).to_owned(), score })
    }
}

fn certain(label: &str) -> Verdict {
    Verdict { label: label.to_owned(), score: 1.0 }
}

mlhost_guest::export!(Magika);

#[cfg(test)]
mod tests;
