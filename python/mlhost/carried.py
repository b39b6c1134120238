"""Puts this package into a model, so that whoever loads the model needs none: Spark's executors, say, to which models travel and
packages do not. Called by `mlhost.mlflow`; must never carry what a prediction has no use for."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from . import command, runtime

CODE = "code"
"""The folder in a model that MLflow puts on the path before it loads the model."""

_HERE = Path(__file__).parent
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "bin", "convert", "*.pyi", "deployments.py")


def carry(directory: str | os.PathLike[str], onnxruntime: bool = True) -> str:
    """Copies the package into the model `directory`, with its native library and, for graphs, ONNX Runtime's; the folder's name.

    They are this machine's: executors have to have its architecture, and a C library that is not older.
    """
    to = Path(directory, CODE, _HERE.name)
    shutil.copytree(_HERE, to, ignore=_LEFT_OUT, dirs_exist_ok=True)
    if onnxruntime and not any(to.glob(runtime.FILES)):
        library = Path(_library()).resolve()
        shutil.copyfile(library, to / library.name)
    return CODE


def _library() -> str:
    """The library that this process would load; `mlhost fetch-runtime` says where it is, and gets it where it is nowhere."""
    named = os.environ.get(runtime.VARIABLE) or runtime.library()
    if named:
        return named
    done = subprocess.run(
        [command.program(), "fetch-runtime"], capture_output=True, text=True, env=command.environment()
    )
    if done.returncode != 0:
        raise FileNotFoundError(f"ONNX Runtime is to be carried by the model, and is not here\n{done.stderr.strip()}")
    return done.stdout.strip()
