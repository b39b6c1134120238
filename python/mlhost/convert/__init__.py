"""Converts MLflow models of flavor sklearn, xgboost or lightgbm to model directories that `mlhost serve` serves, and
compares before it writes. `python -m mlhost.convert` is the command; `convert` the function.

Importing this must never need a package of the extra `convert`: what they are for is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conversion import Converted, Request, convert
    from .refusal import Refusal
    from .rows import Drawing

__all__ = ["Converted", "Drawing", "Refusal", "Request", "convert"]

_PLACES = {
    "Converted": "conversion",
    "Request": "conversion",
    "convert": "conversion",
    "Refusal": "refusal",
    "Drawing": "rows",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"module `{__name__}` has no `{name}`")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
