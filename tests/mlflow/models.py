"""Model directories that both servers take: MLflow's own, with mlhost's flavor and its component added.

Called by `differential.py` and `clients.py`. MLflow saves the describing model once; each signature is a copy of that
directory with the signature written into its MLmodel.
"""

import contextlib
import io
import json
import shutil
from pathlib import Path

import mlflow
import onnx
import yaml
from mlflow.models import ModelSignature

ROOT = Path(__file__).resolve().parents[2]
COMPONENT = ROOT / "models/describe/component.wasm"


def save_template(folder):
    """The describing model as MLflow saves it, to be copied."""
    # It advises type hints, from which it would make a signature of its own.
    with contextlib.redirect_stderr(io.StringIO()):
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(Path(__file__).with_name("describing_model.py")),
            # Given, so that none are guessed by running the model.
            pip_requirements=[f"mlflow=={mlflow.__version__}"],
        )


def write(template, folder, signature):
    """A copy of `template` with `signature`: a dictionary of `inputs` and `params`, lists as they stand in an MLmodel."""
    shutil.copytree(template, folder)
    shutil.copy(COMPONENT, folder / "component.wasm")
    path = folder / "MLmodel"
    model = yaml.safe_load(path.read_text())
    model["flavors"]["mlhost"] = {"component": "component.wasm"}
    texts = {part: json.dumps(signature[part]) if signature[part] else None for part in ("inputs", "params")}
    if any(texts.values()):
        model["signature"] = {**texts, "outputs": None}
        # MLflow's own opinion, before any server is started.
        ModelSignature.from_dict(model["signature"])
    path.write_text(yaml.safe_dump(model))
    return folder


def tensor(name, dtype, *shape):
    return {"name": name, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, *shape]}}


# Samples whose graph both run without anyone's code: file, and its inputs.
GRAPHS = {
    "models/iris/iris.onnx": [tensor("input", "float32", 4)],
    "models/titanic/titanic_mixed.onnx": [
        tensor("sex", "str", 1),
        tensor("embarked", "str", 1),
        tensor("age", "float32", 1),
        tensor("fare", "float32", 1),
        tensor("pclass", "int64", 1),
    ],
}


def save_graph(folder, graph):
    """A graph as MLflow's onnx flavor saves it; answers its signature, in the form that `write` takes."""
    inputs = GRAPHS[graph]
    with contextlib.redirect_stderr(io.StringIO()):
        mlflow.onnx.save_model(
            onnx.load(ROOT / graph),
            folder,
            signature=ModelSignature.from_dict({"inputs": json.dumps(inputs), "outputs": None, "params": None}),
            pip_requirements=[f"mlflow=={mlflow.__version__}"],
        )
    return {"inputs": inputs, "params": None}
