"""What a process has to have before the first model is loaded: the ONNX Runtime library, and signals' handlers in their order.

The library is beside this file in a model that carries it (`carried`), or in the package `onnxruntime`, which is looked into without
being imported: that would load a second copy of the library into this process."""

from __future__ import annotations

import faulthandler
import importlib.util
import os
import sys
from pathlib import Path

VARIABLE = "ORT_DYLIB_PATH"
FILES = "libonnxruntime.so*"


def library() -> str | None:
    """The library that the model carries, or the package `onnxruntime`'s; `None` where ORT_DYLIB_PATH names one or there is none of
    them: mlhost looks there, and in its cache, itself."""
    if os.environ.get(VARIABLE):
        return None
    for path in sorted(Path(__file__).parent.glob(FILES)):
        return str(path)
    spec = importlib.util.find_spec("onnxruntime")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder, "capi").glob(FILES)):
            return str(path)
    return None


def without_telemetry() -> None:
    """From 1.29 on ONNX Runtime tells Microsoft what it runs unless this is set before it is loaded."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def handlers_in_order() -> None:
    """Has Python's `faulthandler` handle signals before mlhost does, which then sees them first and passes on what is no guest's.
    Enabled later it would take a guest's trap for a crash; once it is enabled, another `enable` changes no handler."""
    if faulthandler.is_enabled():
        return
    for stream in (sys.stderr, sys.__stderr__):
        try:
            if stream is not None:
                faulthandler.enable(stream)
                return
        except (OSError, ValueError, AttributeError):  # It is no file.
            continue
