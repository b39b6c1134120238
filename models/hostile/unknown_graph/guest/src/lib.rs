//! Attack: asks for a graph that its bundle does not have.
//!
//! Must end in `guest_trapped`: there is no way to another bundle's graphs, nor to a file.

use mlhost_guest::{Context, Error, Graph, Input, Output, Params, Predictor, Tensor};

struct UnknownGraph;

impl Predictor for UnknownGraph {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, _input: Input, _params: Params) -> Result<Output, Error> {
        let input = Tensor::f32([1, 4], [5.1, 3.5, 1.4, 0.2])?;
        Ok(Graph::named("../iris/iris.onnx").compute([("input", input)])?.into())
    }
}

mlhost_guest::export!(UnknownGraph);
