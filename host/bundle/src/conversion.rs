//! What to do with a model of another kind: how it becomes an ONNX graph, or why it cannot.
//!
//! Called for the hint of [`crate::BundleError::UnservableFlavors`]. Words only: nothing is converted here.

use std::path::Path;

use crate::error::printable;

/// Stands for the project's own converters, which write a whole directory: `docs/convert.md`.
const CONVERT: &str = "python -m mlhost.convert";

/// What each framework's models are turned into ONNX with, in Python where `model` is what MLflow loads; the first that a
/// model has is meant, so those that wrap others stand first.
const CONVERTERS: &[(&str, &str)] = &[
    ("transformers", "model.save_pretrained(\"saved\")`, and `optimum-cli export onnx --model saved onnx"),
    ("sklearn", CONVERT),
    ("xgboost", CONVERT),
    ("lightgbm", CONVERT),
    ("catboost", "model.save_model(\"model.onnx\", format=\"onnx\")"),
    ("pytorch", CONVERT),
    ("tensorflow", "tf2onnx.convert.from_keras(model, output_path=\"model.onnx\")"),
    ("keras", "tf2onnx.convert.from_keras(model, output_path=\"model.onnx\")"),
];

/// What cannot become a graph, and why.
const UNSERVABLE: &[(&str, &str)] = &[
    ("spark", "it runs in a Java virtual machine with Spark, which mlhost has not"),
    ("johnsnowlabs", "it runs in a Java virtual machine with Spark, which mlhost has not"),
    ("h2o", "it runs in a Java virtual machine with H2O, which mlhost has not"),
    ("crate", "its code is R, which no sandbox of mlhost's runs"),
    ("langchain", "it calls other services over the network, which no sandbox of mlhost's reaches"),
    ("llama_index", "it calls other services over the network, which no sandbox of mlhost's reaches"),
    ("dspy", "it calls other services over the network, which no sandbox of mlhost's reaches"),
    ("openai", "it calls another service over the network, which no sandbox of mlhost's reaches"),
    ("ag2", "it calls other services over the network, which no sandbox of mlhost's reaches"),
];

/// For the model of `file`, an MLmodel with the flavors `found` and neither `onnx` nor `mlhost` among them.
pub(crate) fn hint(file: &Path, found: &[String]) -> String {
    let has = |flavor: &str| found.iter().any(|name| name == flavor);
    if let Some((flavor, why)) = UNSERVABLE.iter().find(|(flavor, _)| has(flavor)) {
        return format!("a model of flavor `{flavor}` cannot be served: {why}");
    }
    let directory = printable(&file.parent().unwrap_or(Path::new("DIR")).to_string_lossy());
    let afterwards = "`mlhost package --model model=model.onnx --signature signature.json -o SERVED` makes a directory of \
                      the graph, as `mlflow.onnx.log_model` does";
    match CONVERTERS.iter().find(|(flavor, _)| has(flavor)) {
        Some((flavor, CONVERT)) => format!(
            "convert the model to ONNX where it can be loaded: `{CONVERT} \"{directory}\" -o SERVED` makes a directory to serve of a \
             model of flavor `{flavor}`, and writes it only where both answer the same; `pip install 'mlhost[convert]'` brings it"
        ),
        Some((flavor, conversion)) => format!(
            "convert the model to ONNX where it can be loaded: `model = mlflow.{flavor}.load_model(\"{directory}\")`, then \
             `{conversion}`; {afterwards}"
        ),
        None => format!(
            "convert the model to ONNX and its Python to a component (`mlhost build`); {afterwards}, and \
             `--component model.wasm` adds the code"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint_for(flavors: &[&str]) -> String {
        hint(Path::new("m/MLmodel"), &flavors.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn each_framework_has_its_converter_and_what_has_none_its_reason() {
        let sklearn = hint_for(&["python_function", "sklearn"]);
        assert!(sklearn.contains("`python -m mlhost.convert \"m\" -o SERVED`"), "{sklearn}");
        assert!(sklearn.contains("of flavor `sklearn`"), "{sklearn}");
        let keras = hint_for(&["python_function", "keras"]);
        assert!(keras.contains("`model = mlflow.keras.load_model(\"m\")`"), "{keras}");
        assert!(keras.contains("tf2onnx.convert.from_keras"), "{keras}");
        assert!(keras.contains("mlhost package --model"), "{keras}");
        for (flavor, _) in CONVERTERS {
            assert!(hint_for(&["python_function", flavor]).contains("convert the model to ONNX"), "{flavor}");
        }
        for (flavor, why) in UNSERVABLE {
            let hint = hint_for(&["python_function", flavor]);
            assert!(hint.contains("cannot be served") && hint.contains(why), "{hint}");
        }
        assert!(hint_for(&["python_function"]).contains("to a component"));
    }
}
