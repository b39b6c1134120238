"""Converts MLflow models of flavor sklearn, xgboost or lightgbm to model directories that `mlhost serve` serves, and
compares before it writes. `python -m mlhost.convert` is the command; `convert` the function.

Importing this needs nothing but numpy and pandas, which MLflow brings; the other packages of the extra `convert` are
imported when a model is converted."""

from .conversion import Converted, Request, convert
from .refusal import Refusal
from .rows import Drawing

__all__ = ["Converted", "Drawing", "Refusal", "Request", "convert"]
