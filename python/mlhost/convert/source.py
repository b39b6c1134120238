"""The MLflow model that is to be converted: found by its URI, and loaded twice, by its flavor and as MLflow serves it.
Called by `conversion`; must never change what the URI names, nor load a model whose flavor cannot be converted."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .refusal import Refusal, needed

FLAVORS = ("sklearn", "xgboost", "lightgbm", "pytorch")

_INSTEAD = {
    "onnx": "serve it as it is: `mlhost serve -m` takes it",
    "mlhost": "serve it as it is: `mlhost serve -m` takes it",
    "tensorflow": "`tf2onnx` writes a graph, and `mlhost package --model` makes a model directory of it",
    "keras": "`tf2onnx` writes a graph, and `mlhost package --model` makes a model directory of it",
    "transformers": "`optimum-cli export onnx` writes a graph, and `mlhost package --model` makes a model directory of it",
    "catboost": '`save_model(format="onnx")` writes a graph, and `mlhost package --model` makes a model directory of it',
}


@dataclass(frozen=True)
class Source:
    """A model as it was saved, and the two ways to call it."""

    uri: str
    flavor: str
    model: Any
    """What the flavor's own loader gives."""
    served: Any
    """What MLflow serves: a `PyFuncModel`."""
    signature: Any
    """Of inputs at least; inferred from the example where none was saved."""
    example: Any
    """As MLflow gives it back, or `None`."""
    predict_fn: str
    """Which method of the model MLflow calls."""


def load(uri: str) -> Source:
    """Loads the model that `uri` names: a path, `runs:/`, `models:/`, or whatever else MLflow resolves."""
    mlflow = needed("mlflow")
    from mlflow.models import Model
    from mlflow.tracking.artifact_utils import _download_artifact_from_uri

    # A path without a scheme must be there: MLflow would only say so after a long way through its clients.
    if "://" not in uri and ":/" not in uri and not Path(uri, "MLmodel").is_file():
        raise Refusal(f"`{uri}` is no model directory: it has no file `MLmodel`", "name what MLflow saved or logged")
    try:
        directory = _download_artifact_from_uri(uri)
        saved = Model.load(directory)
    except Exception as failed:
        raise Refusal(
            f"`{uri}` cannot be loaded: {_first_line(failed)}",
            "MLFLOW_TRACKING_URI names the server or folder that knows it",
        ) from failed
    flavor = _flavor(uri, saved.flavors)
    try:
        model = importlib.import_module(f"mlflow.{flavor}").load_model(directory)
        served = mlflow.pyfunc.load_model(directory)
    except ModuleNotFoundError as missing:
        raise Refusal(
            f"`{uri}` needs the package `{missing.name}`, which is not installed",
            f"`pip install -r {directory}/requirements.txt` installs what it was saved with",
        ) from missing
    except Exception as failed:
        raise Refusal(
            f"`{uri}` cannot be loaded as flavor `{flavor}`: {_first_line(failed)}",
            f"`pip install -r {directory}/requirements.txt` installs what it was saved with",
        ) from failed
    example = saved.load_input_example(directory) if saved.saved_input_example_info else None
    return Source(
        uri=uri,
        flavor=flavor,
        model=model,
        served=served,
        signature=_signature(uri, saved.signature, example),
        example=example,
        predict_fn=saved.flavors.get("python_function", {}).get("predict_fn") or "predict",
    )


def _flavor(uri: str, flavors: dict[str, Any]) -> str:
    for flavor in FLAVORS:
        if flavor in flavors:
            return flavor
    found = sorted(set(flavors) - {"python_function"}) or ["python_function"]
    known = ", ".join(f"`{flavor}`" for flavor in FLAVORS)
    hint = next((_INSTEAD[flavor] for flavor in found if flavor in _INSTEAD), None)
    raise Refusal(
        f"`{uri}` has flavor {', '.join(f'`{name}`' for name in found)}; only {known} are converted",
        hint or "convert the model inside to ONNX and its Python to a component: `mlhost build`, then `mlhost package`",
    )


def _signature(uri: str, signature: Any, example: Any) -> Any:
    if signature is None or signature.inputs is None:
        if example is None:
            raise Refusal(
                f"`{uri}` has no signature, so that nothing says what its inputs are",
                "log it again with `signature=mlflow.models.infer_signature(inputs, predictions)`, or call "
                "`mlflow.models.set_signature`",
            )
        from mlflow.models import infer_signature

        signature = infer_signature(example)
    if signature.params:
        raise Refusal(
            f"`{uri}` takes parameters ({', '.join(param.name for param in signature.params)}), and a graph takes none",
            "save the model without `params` in its signature",
        )
    return signature


def _first_line(failed: Exception) -> str:
    return (str(failed).strip().splitlines() or [type(failed).__name__])[0]
