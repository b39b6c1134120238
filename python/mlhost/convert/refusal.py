"""Why a model is not converted. Raised everywhere in `mlhost.convert`, and printed by `__main__`; must never be raised
without saying what is wrong."""

from __future__ import annotations

import importlib
from types import ModuleType


EXTRA = "the extra `convert` has it: `pip install './python[convert]'` in a checkout of mlhost"


class Refusal(Exception):
    """The model stays as it is; `hint` is what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def needed(package: str) -> ModuleType:
    """Imports a package of the extra `convert`, or refuses with what installs it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.split(".")[0] != package.split(".")[0]:
            raise
        raise Refusal(
            f"the package `{package}` is not installed",
            EXTRA,
        ) from missing
