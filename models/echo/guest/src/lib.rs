//! Echo: answers with its input, whatever form it has.
//!
//! For tests of the border itself: what a caller sends must come back unchanged.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};

/// The model; it knows nothing.
pub struct Echo;

// === impl Echo ===

impl Predictor for Echo {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, input: Input, _params: Params) -> Result<Output, Error> {
        Ok(match input {
            Input::Table(table) => table.into(),
            Input::Tensors(tensors) => tensors.into(),
            Input::Blob(blob) => blob.into(),
        })
    }
}

mlhost_guest::export!(Echo);

#[cfg(test)]
mod tests {
    use mlhost_guest::{Blob, Table, Tensor};

    use super::*;

    #[test]
    fn every_form_comes_back_as_it_was() {
        let table = Table::builder().f64("x", [Some(1.5), None]).text("y", ["a", "b"]).build().unwrap();
        let tensor = Tensor::text([2], ["a", "b"]).unwrap();
        let blob = Blob { content_type: "image/png".into(), data: vec![0, 255] };
        let echo = |input| Echo.predict(input, Params::default()).unwrap();
        let Output::Table(answer) = echo(Input::Table(table.clone())) else { panic!("no table") };
        assert_eq!(answer.text("y").unwrap().get(1), Some("b"));
        assert_eq!(answer.columns()[0].validity, table.columns()[0].validity);
        assert_eq!(echo(Input::Tensors(tensor.clone().into())), tensor.into());
        assert_eq!(echo(Input::Blob(blob.clone())), blob.into());
    }
}
