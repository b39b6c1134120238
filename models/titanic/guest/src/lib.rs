//! Titanic: strings, numbers and missing values in, the outcome and its probability out.
//!
//! The graph wants every value, spelled as in its training; this guest fills in what the caller left out, and tells
//! the caller which value it does not know. What is never missing is required by the signature, not here.

use mlhost_guest::{Context, Error, Graph, Input, Output, Params, Predictor, Table, Tensor};

/// The mean age of the training data, in years, for a passenger of unknown age.
const AGE: f64 = 40.38;

/// The mean fare of the training data, in pounds, for a passenger of unknown fare.
const FARE: f64 = 41.35;

/// Where most passengers came aboard: Southampton.
const EMBARKED: &str = "S";

const SEXES: [&str; 2] = ["female", "male"];
const PORTS: [&str; 3] = ["C", "Q", "S"];
const OUTCOMES: [&str; 2] = ["died", "survived"];

/// The model: its graph.
pub struct Titanic {
    graph: Graph,
}

// === impl Titanic ===

impl Predictor for Titanic {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self { graph: Graph::named("titanic") })
    }

    fn predict(&self, input: Input, _params: Params) -> Result<Output, Error> {
        let table = input.into_table()?;
        let shape = [table.rows(), 1];
        let mut outputs = self.graph.compute([
            ("sex", Tensor::text(shape, sexes(&table)?)?),
            ("embarked", Tensor::text(shape, ports(&table)?)?),
            ("age", Tensor::f32(shape, numbers(&table, "age", AGE)?)?),
            ("fare", Tensor::f32(shape, numbers(&table, "fare", FARE)?)?),
            ("pclass", Tensor::s64(shape, table.s64("pclass")?)?),
        ])?;
        let labels = outputs.take("label")?.into_s64()?;
        let probabilities = outputs.take("probabilities")?.into_f32()?;
        let (mut outcomes, mut certainties) = (Vec::new(), Vec::new());
        for (label, row) in labels.iter().zip(probabilities.chunks_exact(OUTCOMES.len())) {
            let class = usize::try_from(*label).ok().filter(|class| *class < OUTCOMES.len());
            let class = class.ok_or_else(|| Error::failed(format_args!("class {label} has no name")))?;
            outcomes.push(OUTCOMES[class]);
            certainties.push(f64::from(row[class]));
        }
        Ok(Table::builder().text("outcome", outcomes).f64("probability", certainties).build()?.into())
    }
}

/// The word as the graph spells it, whatever its case and the space around it.
fn spelled(word: &str, known: &[&'static str]) -> Option<&'static str> {
    known.iter().copied().find(|known| known.eq_ignore_ascii_case(word.trim()))
}

fn sexes(table: &Table) -> Result<Vec<&'static str>, Error> {
    let known = |(row, sex): (usize, Option<&str>)| {
        spelled(sex.unwrap_or_default(), &SEXES).ok_or_else(|| unknown("sex", row, &SEXES))
    };
    table.text("sex")?.iter().enumerate().map(known).collect()
}

/// The whole column can be missing, as well as a value of it.
fn ports(table: &Table) -> Result<Vec<&'static str>, Error> {
    if table.get("embarked").is_none() {
        return Ok(vec![EMBARKED; table.rows()]);
    }
    let known = |(row, port): (usize, Option<&str>)| {
        let port = port.filter(|port| !port.is_empty()).unwrap_or(EMBARKED);
        spelled(port, &PORTS).ok_or_else(|| unknown("embarked", row, &PORTS))
    };
    table.text("embarked")?.iter().enumerate().map(known).collect()
}

fn numbers(table: &Table, name: &str, missing: f64) -> Result<Vec<f32>, Error> {
    if table.get(name).is_none() {
        return Ok(vec![missing as f32; table.rows()]);
    }
    let fill = |value: &f64| if value.is_nan() { missing as f32 } else { *value as f32 };
    Ok(table.numbers(name)?.iter().map(fill).collect())
}

/// Names row and column, never the value: it may be personal.
fn unknown(column: &str, row: usize, known: &[&str]) -> Error {
    Error::rejected(format_args!("`{column}` in row {row} must be one of `{}`", known.join("`, `")))
}

mlhost_guest::export!(Titanic);

#[cfg(test)]
mod tests {
    use mlhost_guest::{Tensors, testing};

    use super::*;

    fn predict(table: Table) -> Result<Output, Error> {
        let model = Titanic::load_context(&testing::context("{}"))?;
        model.predict(Input::Table(table), Params::default())
    }

    fn answers(inputs: &Tensors) -> Result<Tensors, Error> {
        assert_eq!(inputs.get("pclass")?.as_s64()?, [3, 1]);
        Ok(Tensors::from([
            ("label", Tensor::s64([2], [0, 1])?),
            ("probabilities", Tensor::f32([2, 2], [0.75, 0.25, 0.0, 1.0])?),
        ]))
    }

    #[test]
    fn missing_values_reach_the_graph_as_the_usual_ones() {
        testing::graph("titanic", |inputs| {
            assert_eq!(inputs.get("sex")?.as_text()?, ["female", "male"]);
            assert_eq!(inputs.get("embarked")?.as_text()?, ["S", "C"]);
            assert_eq!(inputs.get("age")?.as_f32()?, [40.38, 2.0]);
            assert_eq!(inputs.get("fare")?.as_f32()?, [7.25, 41.35]);
            answers(&inputs)
        });
        let table = Table::builder()
            .s64("pclass", [3, 1])
            .text("sex", ["Female", " male"])
            .f64("age", [None, Some(2.0)])
            .f64("fare", [7.25, f64::NAN])
            .text("embarked", [None, Some("c")])
            .build()
            .unwrap();
        let expected = Table::builder().text("outcome", ["died", "survived"]).f64("probability", [0.75, 1.0]);
        assert_eq!(predict(table), Ok(Output::Table(expected.build().unwrap())));
    }

    #[test]
    fn optional_columns_can_be_left_out_altogether() {
        testing::graph("titanic", |inputs| {
            assert_eq!(inputs.get("embarked")?.as_text()?, ["S", "S"]);
            assert_eq!(inputs.get("age")?.as_f32()?, [40.38, 40.38]);
            assert_eq!(inputs.get("fare")?.as_f32()?, [41.35, 41.35]);
            answers(&inputs)
        });
        let table = Table::builder().s64("pclass", [3, 1]).text("sex", ["female", "male"]);
        assert!(predict(table.build().unwrap()).is_ok());
    }

    #[test]
    fn an_unknown_word_is_rejected_with_its_row_and_without_itself() {
        for (sex, port, message) in [
            ("secret", "S", "`sex` in row 1 must be one of `female`, `male`"),
            ("male", "secret", "`embarked` in row 1 must be one of `C`, `Q`, `S`"),
        ] {
            let table = Table::builder()
                .s64("pclass", [3, 1])
                .text("sex", ["female", sex])
                .text("embarked", ["S", port])
                .build()
                .unwrap();
            assert_eq!(predict(table), Err(Error::rejected(message)));
        }
    }
}
