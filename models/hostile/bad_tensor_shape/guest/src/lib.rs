//! Attack: gives the graph a tensor of another shape than it takes.
//!
//! Must end in `guest_trapped`: the graph refuses it before ONNX Runtime sees it, and the guest passes the refusal on.

use mlhost_guest::{Context, Error, Graph, Input, Output, Params, Predictor, Tensor};

struct BadTensorShape;

impl Predictor for BadTensorShape {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, _input: Input, _params: Params) -> Result<Output, Error> {
        let input = Tensor::f32([1, 3], [5.1, 3.5, 1.4])?;
        Ok(Graph::named("iris").compute([("input", input)])?.into())
    }
}

mlhost_guest::export!(BadTensorShape);
