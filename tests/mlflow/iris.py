"""The iris graph as MLflow logs and registers it, told apart by the name of its first output. Used by `uris` and `follow`."""

from pathlib import Path

import mlflow
import onnx

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def graph(label):
    """The iris graph, its first output under another name, so that an answer says which version gave it."""
    model = onnx.load(ROOT / "models/iris/iris.onnx")
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = [label if name == output else name for name in node.output]
    model.graph.output[0].name = label
    return model


def log(label):
    """Logs and registers a version; the run's identifier and the model's."""
    signature = mlflow.models.ModelSignature(
        mlflow.types.Schema([mlflow.types.ColSpec("double", name) for name in COLUMNS])
    )
    with mlflow.start_run() as run:
        logged = mlflow.onnx.log_model(graph(label), name="iris", signature=signature)
    mlflow.register_model(logged.model_uri, "iris")
    return run.info.run_id, logged.model_id
