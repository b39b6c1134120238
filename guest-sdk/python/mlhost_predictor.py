"""What componentize-py makes a component of: the contract's `predictor`, answered by the user's model.

`mlhost build` puts the model's module name into `mlhost_build`. This module is imported while the component is made, and
what it holds then is in every call. It must let no exception past: whatever a model raises becomes a failure of the
contract, its traceback lines of the log.
"""

import sys

# A build must leave nothing in the model's folder.
sys.dont_write_bytecode = True

import gc
import importlib
import inspect
import linecache
import traceback
from collections.abc import Callable
from typing import Any

import mlhost_build
from componentize_py_types import Err
from mlhost import PythonModel, Reject, border
from mlhost.console import Console
from wit_world import exports
from wit_world.imports import log
from wit_world.imports import mlhost_guest_types as guest


#: Where componentize-py puts the model's folder while the component is made.
MODEL_FOLDER = "/1/"


def find_model(name: str) -> type[PythonModel]:
    """The module's one model: the class `Model`, or the only subclass of PythonModel that it defines."""
    module = importlib.import_module(name)
    chosen = getattr(module, "Model", None)
    if isinstance(chosen, type) and issubclass(chosen, PythonModel) and chosen is not PythonModel:
        return chosen
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, PythonModel) and value.__module__ == name
    ]
    if not own:
        raise ImportError("mlhost: no model")
    if len(own) > 1:
        names = ", ".join(f"`{model.__name__}`" for model in own)
        raise ImportError(f"mlhost: several models: {names}")
    return own[0]


def remember_sources() -> None:
    """Keeps the lines of the model's own modules for tracebacks: there are no files where a call runs."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.startswith(MODEL_FOLDER):
            lines = linecache.getlines(file)
            # Without a time of change, or `linecache` would look for the file.
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)


class Loaded:
    """The model after its `load_context`."""

    model: PythonModel
    context: Any
    takes_context: bool
    takes_params: bool


CLASS = find_model(mlhost_build.MODULE)
remember_sources()
LOADED = Loaded()
CONSOLES = [
    Console(lambda line: log.write(log.Level.INFO, line)),
    Console(lambda line: log.write(log.Level.WARN, line)),
]


def guarded(work: Callable[[], Any]) -> Any:
    """Runs the model's code; what it raises becomes a failure, and what it prints lines of the log."""
    try:
        return work()
    except Reject as rejected:
        raise Err(guest.Failure_Rejected(str(rejected))) from None
    except BaseException as error:
        told = tell(error)
        raise Err(guest.Failure_Failed(told)) from None
    finally:
        for console in CONSOLES:
            console.end()


def tell(error: BaseException) -> str:
    """Logs the traceback from the model's code on, and answers the exception in one line."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename == __file__:
        frame = frame.tb_next
    for text in traceback.format_exception(type(error), error, frame or error.__traceback__):
        for line in text.rstrip("\n").split("\n"):
            log.write(log.Level.ERROR, line.replace(f'File "{MODEL_FOLDER}', 'File "'))
    return "".join(traceback.format_exception_only(error)).strip()


class Predictor(exports.Predictor):
    """componentize-py makes a new one for each call of an export: what is to last stands outside of it."""

    def load_context(self, context: guest.Context) -> None:
        sys.stdout, sys.stderr = CONSOLES
        guarded(lambda: load(context))
        # What is there now is there in every call, and no call needs to look through it for garbage.
        gc.collect()
        gc.freeze()

    def predict(self, input: guest.Input, params: list[guest.Param]) -> guest.Output:
        return guarded(lambda: predict(input, params))


def load(context: guest.Context) -> None:
    LOADED.context = border.context_in(context)
    LOADED.model = CLASS()
    LOADED.model.load_context(LOADED.context)
    taken = inspect.signature(LOADED.model.predict).parameters
    LOADED.takes_context = "context" in taken
    LOADED.takes_params = "params" in taken


def predict(input: guest.Input, params: list[guest.Param]) -> guest.Output:
    arguments = [border.input_in(input)]
    if LOADED.takes_context:
        arguments.insert(0, LOADED.context)
    if LOADED.takes_params:
        return border.output_out(LOADED.model.predict(*arguments, params=border.params_in(params)))
    return border.output_out(LOADED.model.predict(*arguments))
