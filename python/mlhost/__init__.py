"""mlhost in a Python process: `mlhost.load(uri).predict(frame)`, with the model's own code in its sandbox.

`load` takes what `mlhost serve -m` takes: a model directory, or a model URI such as `models:/iris@champion`. Importing this needs
nothing but Python: the native library is loaded when the first model is, and what needs packages of other people
(`mlhost.mlflow`, `mlhost.convert`) is in modules of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    DeadlineError,
    Error,
    ExhaustedError,
    ForkedError,
    InputError,
    InternalError,
    LoadError,
    ModelError,
    OverloadedError,
    RejectedError,
)

if TYPE_CHECKING:
    from .model import Model, load

__version__ = "0.1.0"

__all__ = [
    "DeadlineError",
    "Error",
    "ExhaustedError",
    "ForkedError",
    "InputError",
    "InternalError",
    "LoadError",
    "Model",
    "ModelError",
    "OverloadedError",
    "RejectedError",
    "load",
]


def __getattr__(name: str) -> Any:
    if name in ("Model", "load"):
        from . import model

        return getattr(model, name)
    raise AttributeError(f"module `{__name__}` has no `{name}`")
