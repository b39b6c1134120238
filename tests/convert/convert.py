"""Every model of `models.py` and `thresholds.py`: converted, served by mlhost, and compared with what MLflow's scoring server answers for the
model as it was. Run by `run.sh`; with names, those models alone, with `--pytorch` PyTorch's."""

import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

import mlflow  # noqa: E402
import models  # noqa: E402
import pandas  # noqa: E402
import thresholds  # noqa: E402
from calls import convert, converted, invoke  # noqa: E402
from checks import Checks, Server  # noqa: E402
from mlflow.pyfunc import scoring_server  # noqa: E402

TOLERANCE = 1e-5
# What is not here compares float32 itself (forests, XGBoost), or has a step that its converter does not do in double.
IN_DOUBLE = {
    "logistic_texts",
    "logistic_integers",
    "logistic_truths",
    "logistic_probabilities",
    "neighbours",
    "clusters",
    "several_targets",
    "strict_ordinals",
    "numbered",
    "one_column",
    "input_called_label",
    "tensor",
    "tensor_double",
    "histograms",
    "lgbm_regressor",
    "lgbm_classifier",
    "lgbm_native_regression",
    "lgbm_native_binary",
    "lgbm_native_classes",
    "histograms_at_thresholds",
    "histogram_classes_at_thresholds",
    "lgbm_at_thresholds",
    "lgbm_classes_at_thresholds",
    "scaled_boosting",
    "scaled_forest",
    "scaled_xgboost",
}


def scored(directory, body):
    """What MLflow's scoring server answers. Its onnx flavor fails on columns of texts as pandas 3 has them."""
    model = mlflow.pyfunc.load_model(str(directory))
    with pandas.option_context("future.infer_string", "onnx" not in model.metadata.flavors):
        return _scored(model, body)


def _scored(model, body):
    answer = scoring_server.invocations(json.dumps(body), "application/json", model, model.metadata.get_input_schema())
    assert answer.status == 200, answer
    return json.loads(answer.response)["predictions"]


def rows_of(predictions):
    """One entry for each row, of a table's answer or a tensor's."""
    if isinstance(predictions, dict):
        columns = list(predictions.values())
        return [dict(zip(predictions, values, strict=True)) for values in zip(*columns, strict=True)]
    return predictions


def as_original(row):
    """The row as the model itself answers it: MLflow's onnx flavor has a name before each value."""
    kept = {name: value for name, value in row.items() if not name.endswith("probabilities")}
    values = list(kept.values())
    return values[0] if len(values) == 1 else values


def same(ours, theirs):
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, float) and isinstance(ours, float):
        return abs(ours - theirs) <= TOLERANCE * max(1, abs(theirs))
    return type(ours) is type(theirs) and ours == theirs


def check_same(predictions, original):
    rows = rows_of(predictions)
    assert len(rows) == len(original) > 0, (len(rows), len(original))
    for at, (row, expected) in enumerate(zip(rows, original, strict=True)):
        if isinstance(expected, dict):
            expected = list(expected.values())
        assert same(as_original(row), expected), f"row {at}: {row} and not {expected}"


def kept(saved, made):
    """Example and inputs of the signature."""
    before, after = (mlflow.models.Model.load(str(each)) for each in (saved, made))
    assert before.signature.inputs == after.signature.inputs, after.signature
    examples = [json.loads((folder / "serving_input_example.json").read_text()) for folder in (saved, made)]
    assert examples[0] == examples[1]


def check_model(checks, make, folder):
    name = make.__name__
    saved, made = folder / name, folder / f"{name}.converted"
    with checks.check(f"{name}: converted, with its example and inputs"):
        body = make(saved)
        ended = converted(saved, made)
        precision = "double" if name in IN_DOUBLE else "float32"
        assert f"computed in {precision}" in ended.out, ended.out
        assert "compared on 1002 rows, 2 of them of the input example" in ended.out, ended.out
        kept(saved, made)
    if not made.exists():
        return
    original = scored(saved, body)
    with checks.check(f"{name}: mlhost serves what MLflow serves for the model as it was"):
        subprocess.run([os.environ["MLHOST"], "validate", made], check=True, capture_output=True)
        with Server("-m", made) as server:
            check_same(invoke(server, body)["predictions"], original)
    if "probabilities" in ended.out:
        with checks.check(f"{name}: with labels alone, MLflow serves it too"):
            alone = folder / f"{name}.labels"
            converted(saved, alone, "--no-probabilities")
            check_same(scored(alone, body), original)
    else:
        with checks.check(f"{name}: MLflow serves it too"):
            check_same(scored(made, body), original)


def check_command(checks, folder):
    saved = folder / "command"
    models.logistic_texts(saved)

    def command(*arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "mlhost.convert", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )

    with checks.check("the command: 0, and a line for each thing that was done"):
        ended = command(saved, "-o", folder / "command.converted", "--rows", "10", "--seed", "3")
        assert ended.returncode == 0, ended
        assert "compared on 12 rows" in ended.stdout and "`mlhost serve -m " in ended.stdout, ended.stdout
    with checks.check("the command: 2 for what it does not take"):
        assert command(saved).returncode == 2
        assert command(saved, "-o", folder / "x", "--tolerance", "nan").returncode == 2
        assert command(saved, "-o", folder / "x", "--rows", "-1").returncode == 2
    with checks.check("the same from Python"):
        import mlhost.convert

        done = mlhost.convert.convert(mlhost.convert.Request(str(saved), folder / "python.converted"))
        assert done.outputs == ("label", "probabilities") and done.comparison.equal and done.precision == "double", done
    with checks.check("the command: 1 for a model that is not there, without a traceback"):
        ended = command(folder / "absent", "-o", folder / "x")
        assert ended.returncode == 1 and ended.stderr.startswith("error: ") and "Traceback" not in ended.stderr, ended
    for package in ("numpy", "mlflow", "skl2onnx", "onnxmltools", "onnx", "onnxruntime"):
        with checks.check(f"without {package}: the extra that installs it"):
            code = (
                f"import sys; sys.modules[{package!r}] = None; from mlhost.convert.__main__ import main; "
                f"sys.exit(main([{str(saved)!r}, '-o', {str(folder / 'x')!r}]))"
            )
            ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            assert ended.returncode == 1, ended
            assert f"`{package}` is not installed" in ended.stderr, ended.stderr
            assert "pip install './python[convert]'" in ended.stderr, ended.stderr


def check_uris(checks, folder):
    store = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(store)
    mlflow.set_registry_uri(store)
    experiment = mlflow.create_experiment("convert", artifact_location=(folder / "artifacts").as_uri())
    with mlflow.start_run(experiment_id=experiment) as run:
        logged = mlflow.sklearn.log_model(
            models.LogisticRegression(max_iter=500).fit(models.IRIS, models.SPECIES),
            name="iris",
            registered_model_name="iris",
            signature=mlflow.models.infer_signature(models.IRIS, models.SPECIES),
            pip_requirements=["scikit-learn"],
            serialization_format="cloudpickle",
        )
    for at, uri in enumerate(["models:/iris/1", logged.model_uri, f"runs:/{run.info.run_id}/iris"]):
        with checks.check(f"{uri.split('/')[0]} of MLflow ({at}): found and converted"):
            converted(uri, folder / f"uri{at}")
    with checks.check("models:/ of a model that is not registered: refused"):
        ended = convert("models:/absent/1", folder / "absent")
        assert ended.code == 1 and "`models:/absent/1` cannot be loaded" in ended.error, ended


def run_pytorch():
    import torch_models

    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        for make in torch_models.ALL:
            check_model(checks, make, Path(folder))
        torch_models.check_refused(checks, Path(folder))
    checks.report()


def run(names):
    known = {make.__name__: make for make in [*models.ALL, *thresholds.ALL]}
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"error: there is no model {', '.join(unknown)}\nhint: {' '.join(known)}", file=sys.stderr)
        sys.exit(2)
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in names or known:
            check_model(checks, known[name], folder)
        if not names:
            import refusals

            refusals.check(checks, folder)
            check_command(checks, folder)
            check_uris(checks, folder)
    checks.report()


if __name__ == "__main__":
    run_pytorch() if sys.argv[1:] == ["--pytorch"] else run(sys.argv[1:])
