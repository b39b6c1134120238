//! A start: doubles the column `x` and hands it to the graph `model`. `mlhost build . -o component.wasm` builds it.

use mlhost_guest::{Context, Error, Graph, Input, Output, Params, Predictor, Table, Tensor};

struct MyModel {
    graph: Graph,
}

impl Predictor for MyModel {
    /// Once: read artifacts, build tables.
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self { graph: Graph::named("model") })
    }

    /// For every call: what comes before the graph, the graph, what comes after.
    fn predict(&self, input: Input, _params: Params) -> Result<Output, Error> {
        let table = input.into_table()?;
        let x: Vec<f32> = table.numbers("x")?.iter().map(|x| (x * 2.0) as f32).collect();
        let mut outputs = self.graph.compute([("input", Tensor::f32([x.len(), 1], x)?)])?;
        let y = outputs.take("output")?.into_f32()?;
        Ok(Table::builder().f32("y", y).build()?.into())
    }
}

mlhost_guest::export!(MyModel);

#[cfg(test)]
mod tests {
    use mlhost_guest::{Tensors, testing};

    use super::*;

    #[test]
    fn the_graph_gets_the_doubled_column() {
        testing::graph("model", |inputs| {
            assert_eq!(inputs.get("input")?.as_f32()?, [2.0, 4.0]);
            Ok(Tensors::from([("output", Tensor::f32([2, 1], [0.5, 0.25])?)]))
        });
        let model = MyModel::load_context(&testing::context("{}")).unwrap();
        let table = Table::builder().f64("x", [1.0, 2.0]).build().unwrap();
        let answer = model.predict(Input::Table(table), Params::default()).unwrap();
        assert_eq!(answer, Table::builder().f32("y", [0.5, 0.25]).build().unwrap().into());
    }
}
