//! Iris: a table of millimetres in, the species and its probabilities out.
//!
//! The graph takes centimetres and answers with class numbers; this guest scales before and names after. The names
//! are an artifact of the bundle, one a line, so that another flower needs no other code.

use mlhost_guest::{Context, Error, Graph, Input, Output, Params, Predictor, Table, Tensor};

/// The columns of the signature, in the order of the graph's features.
const FEATURES: [&str; 4] = ["sepal_length", "sepal_width", "petal_length", "petal_width"];

const MILLIMETRES_PER_CENTIMETRE: f64 = 10.0;

/// The model: its graph and the names of its classes.
pub struct Iris {
    graph: Graph,
    labels: Vec<String>,
}

// === impl Iris ===

impl Predictor for Iris {
    fn load_context(context: &Context) -> Result<Self, Error> {
        let labels = context.artifact_text("labels")?.lines().map(str::to_owned).collect();
        Ok(Self { graph: Graph::named("iris"), labels })
    }

    fn predict(&self, input: Input, _params: Params) -> Result<Output, Error> {
        let table = input.into_table()?;
        let rows = table.rows();
        let mut features = vec![0f32; rows * FEATURES.len()];
        for (index, name) in FEATURES.into_iter().enumerate() {
            let column = table.numbers(name)?;
            for (row, millimetres) in features.chunks_exact_mut(FEATURES.len()).zip(column.iter()) {
                row[index] = (millimetres / MILLIMETRES_PER_CENTIMETRE) as f32;
            }
        }
        let input = Tensor::f32([rows, FEATURES.len()], features)?;
        let mut outputs = self.graph.compute([("input", input)])?;
        let labels = outputs.take("label")?.into_s64()?;
        let probabilities = outputs.take("probabilities")?.into_f32()?;
        self.answer(&labels, &probabilities)
    }
}

impl Iris {
    fn answer(&self, labels: &[i64], probabilities: &[f32]) -> Result<Output, Error> {
        let species = labels.iter().map(|label| self.name(*label)).collect::<Result<Vec<_>, _>>()?;
        let mut table = Table::builder().text("species", species);
        for (class, name) in self.labels.iter().enumerate() {
            let column = probabilities.iter().skip(class).step_by(self.labels.len());
            table =
                table.f64(format!("probability_{name}"), column.map(|probability| f64::from(*probability)));
        }
        Ok(table.build()?.into())
    }

    fn name(&self, label: i64) -> Result<&str, Error> {
        let name = usize::try_from(label).ok().and_then(|class| self.labels.get(class));
        name.map(String::as_str).ok_or_else(|| Error::failed(format_args!("class {label} has no label")))
    }
}

mlhost_guest::export!(Iris);

#[cfg(test)]
mod tests {
    use mlhost_guest::{Tensors, testing};

    use super::*;

    fn iris() -> Iris {
        testing::artifact("labels", "setosa\nversicolor\nvirginica\n");
        Iris::load_context(&testing::context("{}")).unwrap()
    }

    fn flowers() -> Input {
        let table = Table::builder()
            .f64("petal_width", [2.0, 25.0])
            .f64("petal_length", [14.0, 60.0])
            .f64("sepal_width", [35.0, 33.0])
            .s64("sepal_length", [51, 63]);
        Input::Table(table.build().unwrap())
    }

    #[test]
    fn millimetres_reach_the_graph_as_centimetres_in_its_own_order() {
        testing::graph("iris", |inputs| {
            let input = inputs.get("input")?;
            assert_eq!(input.shape(), [2, 4]);
            assert_eq!(input.as_f32()?, [5.1, 3.5, 1.4, 0.2, 6.3, 3.3, 6.0, 2.5]);
            Ok(Tensors::from([
                ("label", Tensor::s64([2], [0, 2])?),
                ("probabilities", Tensor::f32([2, 3], [0.75, 0.25, 0.0, 0.0, 0.5, 0.5])?),
            ]))
        });
        let output = iris().predict(flowers(), Params::default()).unwrap();
        let expected = Table::builder()
            .text("species", ["setosa", "virginica"])
            .f64("probability_setosa", [0.75, 0.0])
            .f64("probability_versicolor", [0.25, 0.5])
            .f64("probability_virginica", [0.0, 0.5]);
        assert_eq!(output, Output::Table(expected.build().unwrap()));
    }

    #[test]
    fn a_class_without_a_name_is_this_models_fault() {
        testing::graph("iris", |_| {
            let probabilities = Tensor::f32([2, 3], [0.0; 6])?;
            Ok(Tensors::from([("label", Tensor::s64([2], [0, 3])?), ("probabilities", probabilities)]))
        });
        let error = iris().predict(flowers(), Params::default()).unwrap_err();
        assert_eq!(error, Error::failed("class 3 has no label"));
    }

    #[test]
    fn a_table_without_a_feature_is_the_callers_fault() {
        let table = Table::builder().f64("sepal_length", [51.0]).build().unwrap();
        let error = iris().predict(Input::Table(table), Params::default()).unwrap_err();
        assert!(error.is_rejected());
        assert!(error.message().contains("`sepal_width` is missing"), "{error}");
    }
}
