//! Describe: answers with a description of its input, spelled as Python's `repr` would spell it.
//!
//! The Python model behind `host/wire/tests/vectors/mlflow` did the same, so that what mlhost makes of a request can be
//! compared with what MLflow makes of it, value by value. The parameter `k` asks for one of the answers of that capture's
//! second model instead. Knows nothing of signatures: it describes what it is given.

mod answers;
mod describe;
mod moment;
mod python;

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};
use serde_json::json;

/// The model; it knows nothing.
pub struct Describe;

// === impl Describe ===

impl Predictor for Describe {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, input: Input, params: Params) -> Result<Output, Error> {
        if let Ok(Some(name)) = params.text("k")
            && let Some(answer) = answers::named(name)
        {
            return answer;
        }
        let answer = json!({"input": describe::input(&input)?, "params": describe::params(&params)?});
        Ok(Output::Json(answer.to_string()))
    }
}

mlhost_guest::export!(Describe);

#[cfg(test)]
mod tests {
    use mlhost_guest::{Table, Tensor, Value};

    use super::*;

    fn described(input: Input, params: Params) -> serde_json::Value {
        let Output::Json(text) = Describe.predict(input, params).unwrap() else { panic!("no JSON") };
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_table_is_described_as_the_captured_model_did() {
        let table = Table::builder()
            .f64("d", [Some(1.5), None])
            .s32("i", [1, 2])
            .text("s", ["it's", "b"])
            .boolean("b", [Some(true), None])
            .binary("x", [&[1u8, 2][..], b"AQI="])
            .datetime("t", [Some(1_609_459_200_000_000_000), None])
            .json("j", [r#"{"z": [1, "a", null], "a": 1.0}"#, "true"])
            .build()
            .unwrap();
        let answer = described(Input::Table(table), Params::default());
        assert_eq!(answer["params"], json!(null));
        assert_eq!(
            answer["input"],
            json!({
                "kind": "DataFrame",
                "shape": [2, 7],
                "columns": ["d", "i", "s", "b", "x", "t", "j"],
                "dtypes": ["float64", "int32", "str", "object", "object", "datetime64[ns]", "object"],
                "index": ["0", "1"],
                "values": [
                    ["1.5", "1", "\"it's\"", "True", r"b'\x01\x02'", "Timestamp('2021-01-01 00:00:00')",
                     "{'z': [1, 'a', None], 'a': 1.0}"],
                    ["nan", "2", "'b'", "None", "b'AQI='", "NaT", "True"],
                ],
            })
        );
    }

    #[test]
    fn one_tensor_without_a_name_is_an_array_and_others_are_a_dict() {
        let tensor = Tensor::f32([1, 2], [5.1, f32::NAN]).unwrap();
        let array = json!({"kind": "ndarray", "dtype": "float32", "shape": [1, 2], "values": "[[5.099999904632568, nan]]"});
        assert_eq!(described(Input::Tensors(tensor.clone().into()), Params::default())["input"], array);
        let named = Input::Tensors([("X", tensor)].into());
        assert_eq!(
            described(named, Params::default())["input"],
            json!({"kind": "dict", "items": {"X": array}})
        );
    }

    #[test]
    fn parameters_are_spelled_as_python_would() {
        let params = Params::from([
            ("i", Value::Integer(2)),
            ("d", Value::Number(2.0)),
            ("s", Value::Text("q".into())),
            ("b", Value::Boolean(false)),
            ("n", Value::Null),
            ("l", Value::Json("[3, 4.0]".into())),
        ]);
        let answer = described(Input::Tensors(Tensor::s64([0], []).unwrap().into()), params);
        assert_eq!(
            answer["params"],
            json!({"i": "2", "d": "2.0", "s": "'q'", "b": "False", "n": "None", "l": "[3, 4.0]"})
        );
    }

    #[test]
    fn the_parameter_k_asks_for_an_answer_of_another_form() {
        let ask = |name: &str| {
            let params = Params::from([("k", Value::Text(name.into()))]);
            Describe.predict(Input::Tensors(Tensor::s64([1], [1]).unwrap().into()), params)
        };
        assert_eq!(ask("none").unwrap(), Output::Json("null".into()));
        assert!(!ask("raise").unwrap_err().is_rejected());
        let Output::Json(text) = ask("unheard of").unwrap() else { panic!("no description") };
        assert!(text.contains("unheard of"), "{text}");
    }
}
