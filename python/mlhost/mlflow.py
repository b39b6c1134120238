"""The MLflow flavor `mlhost`: models that MLflow logs, loads and serves, and whose own code runs in mlhost's sandbox.

`save_model` and `log_model` write what both understand: `mlhost serve` reads the flavor `mlhost` (or `onnx`), and MLflow loads the
model by the flavor `python_function`, so that `mlflow.pyfunc.load_model`, `spark_udf` and `mlflow models serve` run the component.
Needs MLflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from mlflow import pyfunc
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME, ModelInfo
from mlflow.models.utils import _save_example
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.tracking.artifact_utils import _download_artifact_from_uri
from mlflow.utils.environment import (
    _CONDA_ENV_FILE_NAME,
    _CONSTRAINTS_FILE_NAME,
    _PYTHON_ENV_FILE_NAME,
    _REQUIREMENTS_FILE_NAME,
    _process_pip_requirements,
    _PythonEnv,
)
from mlflow.utils.file_utils import write_to

from . import __version__, carried, command
from .model import Model as Loaded
from .model import load

FLAVOR_NAME = "mlhost"

#: What mlhost serves; everything else in an MLmodel file is other people's.
_SERVED = ("mlhost", "onnx")

#: Files that say what a model needs of Python: written anew.
_OF_PYTHON = (_CONDA_ENV_FILE_NAME, _PYTHON_ENV_FILE_NAME, _REQUIREMENTS_FILE_NAME, _CONSTRAINTS_FILE_NAME)

Paths = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]]


def get_default_pip_requirements() -> list[str]:
    """What a model needs of Python: mlhost, and nothing that it was trained with."""
    return [f"mlhost=={__version__}"]


def save_model(
    path: str | os.PathLike[str],
    model_uri: str | os.PathLike[str] | None = None,
    *,
    component: str | os.PathLike[str] | None = None,
    graphs: Paths | None = None,
    artifacts: Paths | None = None,
    signature: ModelSignature | None = None,
    input_example: Any = None,
    pip_requirements: list[str] | str | None = None,
    extra_pip_requirements: list[str] | str | None = None,
    metadata: dict[str, Any] | None = None,
    self_contained: bool = False,
    mlflow_model: Model | None = None,
) -> None:
    """Writes a model directory that both MLflow and mlhost serve.

    It is made from another one (`model_uri`: a path or whatever MLflow resolves), or from parts: a `component` of WebAssembly, ONNX
    `graphs` and files that it may read (`artifacts`), each a file or a dictionary of names and files. `signature` and
    `input_example` take the place of those that the model has. A model that is `self_contained` has this package and ONNX Runtime in
    its folder `code`, some tens of megabytes, and loads where neither is installed: on Spark's executors.
    """
    path = os.path.abspath(path)
    if os.path.exists(path) and os.listdir(path):
        raise MlflowException(f"`{path}` is there already and not empty", error_code=INVALID_PARAMETER_VALUE)
    mlflow_model = Model() if mlflow_model is None else mlflow_model
    with tempfile.TemporaryDirectory() as scratch:
        if model_uri is not None:
            if component is not None or graphs is not None or artifacts is not None:
                raise MlflowException.invalid_parameter_value(
                    "a model is made from `model_uri` or from parts, not both"
                )
            source = _download_artifact_from_uri(str(model_uri))
        else:
            source = _packaged(Path(scratch) / "model", component, graphs, artifacts, signature)
        flavors = _copied(source, path, mlflow_model)
    if signature is not None:
        mlflow_model.signature = signature
    if input_example is not None:
        _save_example(mlflow_model, input_example, path)
    if metadata is not None:
        mlflow_model.metadata = metadata
    for name in _SERVED:
        if name in flavors:
            mlflow_model.add_flavor(name, **flavors[name])
    pyfunc.add_to_model(
        mlflow_model,
        loader_module="mlhost.mlflow",
        code=carried.carry(path, onnxruntime=_has_graphs(flavors)) if self_contained else None,
        conda_env=_CONDA_ENV_FILE_NAME,
        python_env=_PYTHON_ENV_FILE_NAME,
        model_config=(flavors.get("python_function") or {}).get("config"),
    )
    mlflow_model.save(os.path.join(path, MLMODEL_FILE_NAME))
    _save_environment(path, pip_requirements, extra_pip_requirements)


def log_model(name: str | None = None, model_uri: str | os.PathLike[str] | None = None, **kwargs: Any) -> ModelInfo:
    """Logs a model; what else it takes is what `save_model` and `mlflow.models.Model.log` take."""
    logged: ModelInfo = Model.log(
        artifact_path=None, name=name, flavor=sys.modules[__name__], model_uri=model_uri, **kwargs
    )
    return logged


def load_model(model_uri: str | os.PathLike[str], dst_path: str | None = None, **options: Any) -> Loaded:
    """Loads a model of this flavor, or any that mlhost serves. MLflow resolves the URI; `options` are those of `mlhost.load`."""
    return load(_download_artifact_from_uri(str(model_uri), output_path=dst_path), **options)


class _Pyfunc:
    """What MLflow calls."""

    def __init__(self, model: Loaded) -> None:
        self._model = model

    def get_raw_model(self) -> Loaded:
        return self._model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return self._model.predict(model_input, params, output="pandas")


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> _Pyfunc:
    """Called by MLflow with the model's directory."""
    return _Pyfunc(load(path, model_config=model_config))


def _copied(source: str, path: str, mlflow_model: Model) -> dict[str, Any]:
    """Copies the model without what it needs of Python, and takes over what its MLmodel file says; its flavors."""
    file = os.path.join(source, MLMODEL_FILE_NAME)
    if not os.path.isfile(file):
        raise MlflowException.invalid_parameter_value(
            f"`{source}` is no model directory: it has no {MLMODEL_FILE_NAME}"
        )
    with open(file, encoding="utf-8") as opened:
        document = yaml.safe_load(opened)
    flavors: dict[str, Any] = document.get("flavors") or {}
    if not any(name in flavors for name in _SERVED):
        raise MlflowException.invalid_parameter_value(
            f"mlhost serves no model of flavors {', '.join(map(repr, flavors))}\n"
            "hint: `python -m mlhost.convert` makes one of a model of scikit-learn, XGBoost or LightGBM"
        )
    shutil.copytree(
        source, path, dirs_exist_ok=True, ignore=lambda _, names: {*_OF_PYTHON, MLMODEL_FILE_NAME} & set(names)
    )
    for key in ("signature", "saved_input_example_info", "metadata"):
        value = document.get(key)
        if value and getattr(mlflow_model, key, None) is None:
            setattr(mlflow_model, key, ModelSignature.from_dict(value) if key == "signature" else value)
    return flavors


def _has_graphs(flavors: dict[str, Any]) -> bool:
    return "onnx" in flavors or bool(flavors["mlhost"].get("graphs"))


def _packaged(
    path: Path,
    component: str | os.PathLike[str] | None,
    graphs: Paths | None,
    artifacts: Paths | None,
    signature: ModelSignature | None,
) -> str:
    """`mlhost package` makes the directory, and checks the parts."""
    if component is None and graphs is None:
        raise MlflowException.invalid_parameter_value(
            "a model has a `component` or `graphs`, or is another's: `model_uri`"
        )
    arguments = ["package", "--output", str(path)]
    if component is not None:
        arguments += ["--component", os.fspath(component)]
    for flag, parts in (("--model", graphs), ("--artifact", artifacts)):
        for part in _named(parts):
            arguments += [flag, part]
    if signature is not None:
        file = path.with_name("signature.json")
        file.write_text(_signature_json(signature), encoding="utf-8")
        arguments += ["--signature", str(file)]
    done = subprocess.run(
        [command.program(), *arguments], capture_output=True, text=True, check=False, env=command.environment()
    )
    if done.returncode != 0:
        raise MlflowException.invalid_parameter_value(done.stderr.strip())
    return str(path)


def _named(parts: Paths | None) -> list[str]:
    if parts is None:
        return []
    if isinstance(parts, Mapping):
        return [f"{name}={os.fspath(file)}" for name, file in parts.items()]
    return [os.fspath(parts)]


def _signature_json(signature: ModelSignature) -> str:
    """MLflow spells each part as a JSON text of its own."""
    parts = {name: text for name, text in signature.to_dict().items() if text}
    return "{" + ", ".join(f'"{name}": {text}' for name, text in parts.items()) + "}"


def _save_environment(path: str, required: list[str] | str | None, extra: list[str] | str | None) -> None:
    defaults = None if required is not None else get_default_pip_requirements()
    conda_env, requirements, constraints = _process_pip_requirements(defaults, required, extra)
    with open(os.path.join(path, _CONDA_ENV_FILE_NAME), "w", encoding="utf-8") as file:
        yaml.safe_dump(conda_env, stream=file, default_flow_style=False)
    if constraints:
        write_to(os.path.join(path, _CONSTRAINTS_FILE_NAME), "\n".join(constraints))
    write_to(os.path.join(path, _REQUIREMENTS_FILE_NAME), "\n".join(requirements))
    _PythonEnv.current().to_yaml(os.path.join(path, _PYTHON_ENV_FILE_NAME))
